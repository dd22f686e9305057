// Times a function: repeated until enough time has passed, the median reported. The best of many runs flatters, and the mean
// is at the mercy of whatever else the machine does.

export interface Timing {
  /** Seconds per call. */
  median: number
  best: number
  /** Relative half-width of the middle half of the runs. */
  spread: number
  runs: number
}

export interface MeasureOptions {
  /** Calls before the first one that counts: compilation, caches, clock frequency. */
  warmup?: number
  /** Goes on for at least so many seconds ... */
  seconds?: number
  /** ... and so many runs. */
  runs?: number
  /** Milliseconds for which `compare` runs a side untimed before each timing of it. */
  settle?: number
}

/** Runs `work` one call after the other and awaits each. */
export async function measure(work: () => unknown, options: MeasureOptions = {}): Promise<Timing> {
  const { warmup = 3, seconds = 1, runs = 5 } = options
  for (let i = 0; i < warmup; i++) await work()
  const times: number[] = []
  const begin = performance.now()
  while (times.length < runs || performance.now() - begin < seconds * 1000) {
    const start = performance.now()
    await work()
    times.push((performance.now() - start) / 1000)
  }
  return { ...middle(times), best: Math.min(...times), runs: times.length }
}

function middle(values: readonly number[]): { median: number; spread: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
  return { median: at(0.5), spread: (at(0.75) - at(0.25)) / 2 / at(0.5) }
}

/** Something to time, and how much of it one run is: operations, bytes, steps. */
export interface Work {
  readonly amount: number
  run(): unknown
}

export interface Comparison {
  /** Amounts a second, the median. */
  rate: number
  limit: number
  /** The median over the runs of a run's rate by that of the limit around it. */
  share: number
  /** Relative half-width of the middle half of the shares. */
  spread: number
  runs: number
}

/**
 * Times `work` and its limit in turns, so that each run has one just before and one just after it: the clock of a processor
 * swings by a third for seconds. Between two runs are 0.2 ms, in which the threads of the one before stop looking for work; it is awake
 * meanwhile, because after a sleep caches and clock are not what they are in a program at work.
 */
export async function compare(work: Work, limit: Work, options: MeasureOptions = {}): Promise<Comparison> {
  const { warmup = 3, seconds = 1.5, runs = 7, settle = 0 } = options
  const rateOf = async ({ amount, run }: Work): Promise<number> => {
    for (const end = performance.now() + settle; performance.now() < end; ) await run()
    await new Promise(resolve => setImmediate(resolve))
    const pause = performance.now() + 0.2
    while (performance.now() < pause);
    const start = performance.now()
    await run()
    return (amount * 1000) / Math.max(1e-6, performance.now() - start)
  }
  for (let i = 0; i < warmup; i++) {
    await rateOf(work)
    await rateOf(limit)
  }
  const [rates, limits, shares]: number[][] = [[], [], []]
  const begin = performance.now()
  let before = await rateOf(limit)
  while (rates!.length < runs || performance.now() - begin < seconds * 1000) {
    const rate = await rateOf(work)
    const after = await rateOf(limit)
    const around = (before + after) / 2
    rates!.push(rate)
    limits!.push(around)
    shares!.push(rate / around)
    before = after
  }
  const { median: share, spread } = middle(shares!)
  return { rate: middle(rates!).median, limit: middle(limits!).median, share, spread, runs: rates!.length }
}

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
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))]!
  const median = at(0.5)
  return { median, best: times[0]!, spread: (at(0.75) - at(0.25)) / 2 / median, runs: times.length }
}

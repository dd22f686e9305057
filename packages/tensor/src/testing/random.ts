// Seeded numbers for tests: mulberry32. CAIRN_TEST_SEED replays or varies a run; a test that draws puts the seed into its failure.

export const testSeed: number = Number(process.env.CAIRN_TEST_SEED ?? 20240229)

export interface Draw {
  /** uniform in [low, high) */
  uniform(low?: number, high?: number): number
  /** an integer in [low, high) */
  integer(low: number, high: number): number
  /** `n` uniform numbers */
  many(n: number, low?: number, high?: number): number[]
}

/** A stream of its own for each label, so that adding a test does not move the numbers of others. */
export function draw(label = ''): Draw {
  let state = testSeed >>> 0
  for (const c of label) state = Math.imul(state ^ c.charCodeAt(0), 0x9e3779b1) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const uniform = (low = 0, high = 1): number => low + (high - low) * next()
  return {
    uniform,
    integer: (low, high) => low + Math.floor(next() * (high - low)),
    many: (n, low, high) => Array.from({ length: n }, () => uniform(low, high)),
  }
}

// For tests only: numbers that a printed seed brings back (mulberry32).

export function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** A seed of this run, or the one in CAIRN_SEED; put it in the test's title. */
export const seed: number = Number(process.env.CAIRN_SEED ?? Math.floor(Math.random() * 1e9))

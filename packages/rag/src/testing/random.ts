// Random texts and numbers that a seed determines.

/** mulberry32: numbers from 0 to 1. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let z = Math.imul(state ^ (state >>> 15), 1 | state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A word whose frequency falls with its number, as words do (Zipf). */
export function zipfWord(random: () => number, vocabulary: number): string {
  return `w${Math.floor(vocabulary ** random()) - 1}`
}

export function zipfText(random: () => number, vocabulary: number, words: number): string {
  return Array.from({ length: words }, () => zipfWord(random, vocabulary)).join(' ')
}

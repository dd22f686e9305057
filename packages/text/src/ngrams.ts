// Runs of neighbours, for counting.

/** Every run of `n` neighbours, in order. Fewer than `n` items give none. */
export function ngrams<T>(items: readonly T[], n: number): T[][] {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`ngrams: n must be a whole number from 1, got ${n}`)
  return Array.from({ length: Math.max(0, items.length - n + 1) }, (_, i) => items.slice(i, i + n))
}

/** Runs of `n` characters (code points) of a text. */
export function charNgrams(text: string, n: number): string[] {
  return ngrams([...text], n).map(run => run.join(''))
}

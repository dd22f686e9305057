// n-grams as counts, and how many two texts share: what BLEU, chrF and ROUGE-N have in common.

/** How often each n-gram occurs; the items of one are joined by a character that no token has. */
export function ngramCounts(items: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + n <= items.length; i++) {
    const gram = n === 1 ? items[i]! : items.slice(i, i + n).join('\u0000')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}

/** The sum over n-grams of the smaller count. */
export function sharedCount(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let shared = 0
  for (const [gram, count] of a) shared += Math.min(count, b.get(gram) ?? 0)
  return shared
}

/** Refuses references that do not pair with what is judged. `references[i]` belongs to `hypotheses[i]`. */
export function checkPairs(
  name: string,
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
): void {
  if (hypotheses.length !== references.length)
    throw new RangeError(
      `${name}: ${hypotheses.length} hypotheses and ${references.length} lists of references; give one list each`,
    )
  references.forEach((list, i) => {
    if (list.length === 0) throw new RangeError(`${name}: hypothesis ${i} has no reference`)
  })
}

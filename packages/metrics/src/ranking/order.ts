// The order in which trec_eval reads a ranking, whatever order the file has: by score from high to low, and equal scores by
// document id from high to low. Scores are single precision there, so scores that differ only beyond it are equal.

/** A document that was found and its score. */
export interface ScoredDocument {
  id: string
  score: number
}

/** What was found for each query. */
export type Run = ReadonlyMap<string, readonly ScoredDocument[]>

/** How relevant each judged document of a query is: 1 or more is relevant, 0 or less is not; nothing else is judged. */
export type Judgements = ReadonlyMap<string, number>

/** The judgements of each query. */
export type Qrels = ReadonlyMap<string, Judgements>

/**
 * The ids of a ranking in the order of trec_eval.
 * @throws RangeError for a score that is no number, and for a document that occurs twice
 */
export function trecOrder(results: readonly ScoredDocument[]): string[] {
  const seen = new Set<string>()
  for (const { id, score } of results) {
    if (Number.isNaN(score)) throw new RangeError(`ranking: the score of document ${id} is no number`)
    if (seen.has(id))
      throw new RangeError(`ranking: document ${id} occurs twice; keep the better score of each document`)
    seen.add(id)
  }
  return results
    .map(({ id, score }) => ({ id, score: Math.fround(score) }))
    .sort((a, b) => (a.score !== b.score ? (a.score < b.score ? 1 : -1) : compareBytes(b.id, a.id)))
    .map(({ id }) => id)
}

/** Compares as strcmp compares UTF-8: by code points, where JavaScript compares halves of surrogate pairs. */
function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      const pairs = Number(x >= 0xd800 && x < 0xe000) - Number(y >= 0xd800 && y < 0xe000)
      return pairs || x - y
    }
  }
  return a.length - b.length
}

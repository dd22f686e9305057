// Maximal marginal relevance (Carbonell and Goldstein 1998): the next document is the one that is relevant and unlike those before.
import type { ScoredDocument } from '@cairn/metrics'
import { RagArgumentError } from '../errors.ts'

export interface MmrOptions<Item> {
  /** How like two documents are, 0 to 1: the cosine of their vectors, or the share of their words. */
  similarity: (a: Item, b: Item) => number
  /** 1 looks at relevance only, 0 at difference only. Default 0.7. */
  lambda?: number
  /** How many are chosen. Default: all, in another order. */
  k?: number
}

/** Chooses from a ranking; scores are brought to 0 to 1 for the choice and given back as they were. */
export function diversify<Item extends ScoredDocument>(
  ranking: readonly Item[],
  { similarity, lambda = 0.7, k = ranking.length }: MmrOptions<Item>,
): Item[] {
  if (!(lambda >= 0 && lambda <= 1))
    throw new RagArgumentError('diversify', `lambda is ${lambda}`, 'give a number from 0 to 1')
  const scores = ranking.map(({ score }) => score)
  const most = Math.max(...scores)
  const least = Math.min(...scores)
  const relevance = scores.map(score => (most > least ? (score - least) / (most - least) : 1))
  // The most that each is like one of the chosen.
  const nearest = new Float64Array(ranking.length)
  const left = new Set(ranking.keys())
  const chosen: Item[] = []
  while (chosen.length < k && left.size > 0) {
    let best = -1
    let bestValue = Number.NEGATIVE_INFINITY
    for (const i of left) {
      const value = lambda * relevance[i] - (1 - lambda) * nearest[i]
      if (value > bestValue) [best, bestValue] = [i, value]
    }
    left.delete(best)
    chosen.push(ranking[best])
    for (const i of left) nearest[i] = Math.max(nearest[i], similarity(ranking[i], ranking[best]))
  }
  return chosen
}

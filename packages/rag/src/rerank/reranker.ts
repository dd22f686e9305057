// A second look at the best passages by something slower and better than what found them.
import type { ScoredDocument } from '@cairn/metrics'
import { RagArgumentError } from '../errors.ts'
import { weightedFusion } from '../fusion/fuse.ts'

export interface Reranker {
  /** One score for each passage, larger is better; any scale. */
  score(query: string, passages: readonly string[]): Promise<ArrayLike<number>>
}

export interface RerankOptions {
  /** How many of the first are looked at; the others follow in their order. Default 100. */
  depth?: number
  /** The share of the new scores; the rest is that of the old ones. Default 1. */
  share?: number
}

/**
 * Orders the first documents of a ranking anew.
 * @param textOf the text of a document
 * @throws RagArgumentError if the reranker gives another number of scores, or one that is no number
 */
export async function rerank<Item extends ScoredDocument>(
  query: string,
  ranking: readonly Item[],
  textOf: (item: Item) => string,
  reranker: Reranker,
  { depth = 100, share = 1 }: RerankOptions = {},
): Promise<Item[]> {
  if (!(share >= 0 && share <= 1))
    throw new RagArgumentError('rerank', `share is ${share}`, 'give a number from 0 to 1')
  const first = ranking.slice(0, depth)
  if (first.length === 0) return []
  const scores = await reranker.score(query, first.map(textOf))
  if (scores.length !== first.length)
    throw new RagArgumentError(
      'rerank',
      `the reranker gave ${scores.length} scores for ${first.length} passages`,
      'give one for each',
    )
  const anew = first.map(({ id }, i) => ({ id, score: scores[i] }))
  const bad = anew.find(({ score }) => Number.isNaN(score))
  if (bad) throw new RagArgumentError('rerank', `the score of ${bad.id} is no number`)
  anew.sort((a, b) => b.score - a.score)
  const byId = new Map(first.map(item => [item.id, item]))
  const mixed = weightedFusion([first, anew], { weights: [1 - share, share] })
  // The others stay below: their scores are shifted under the last one.
  const floor = mixed.at(-1)?.score ?? 0
  const rest = ranking.slice(depth).map((item, i) => ({ ...item, score: floor - i - 1 }))
  return [...mixed.map(({ id, score }) => ({ ...(byId.get(id) as Item), score })), ...rest]
}

/** Reads query and passage together: a model that was trained to say how well they fit. */
export interface PairScorer {
  /** One score per pair. */
  scorePairs(pairs: readonly (readonly [query: string, passage: string])[]): Promise<ArrayLike<number>>
}

/** A cross-encoder as a reranker: pairs go to the model in batches of similar length, so little of them is padding. */
export class CrossEncoderReranker implements Reranker {
  private readonly model: PairScorer
  private readonly batch: number

  constructor(model: PairScorer, { batch = 32 }: { batch?: number } = {}) {
    this.model = model
    this.batch = batch
  }

  async score(query: string, passages: readonly string[]): Promise<Float64Array> {
    const order = Array.from(passages.keys()).sort((a, b) => passages[a].length - passages[b].length)
    const scores = new Float64Array(passages.length)
    for (let at = 0; at < order.length; at += this.batch) {
      const part = order.slice(at, at + this.batch)
      const got = await this.model.scorePairs(part.map(i => [query, passages[i]] as const))
      if (got.length !== part.length)
        throw new RagArgumentError(
          'rerank',
          `the cross-encoder gave ${got.length} scores for ${part.length} pairs`,
          'give one for each',
        )
      part.forEach((i, j) => {
        scores[i] = got[j]
      })
    }
    return scores
  }
}

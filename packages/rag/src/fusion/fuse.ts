// Several rankings of the same documents as one: by ranks (Cormack, Clarke and Büttcher 2009) or by scores brought to one scale.
import type { ScoredDocument } from '@cairn/metrics'
import { RagArgumentError } from '../errors.ts'

export type Ranking = readonly ScoredDocument[]

export interface FusionOptions {
  /** One for each ranking, from 0 up. Default: all 1. */
  weights?: readonly number[]
  /** How many documents at most. Default: all. */
  k?: number
}

/** Adds up, by document, what each ranking gives; of equal sums the document that an earlier ranking has first comes first. */
function collect(
  op: string,
  rankings: readonly Ranking[],
  gives: readonly (readonly number[])[],
  { weights, k }: FusionOptions,
): ScoredDocument[] {
  if (weights && weights.length !== rankings.length)
    throw new RagArgumentError(op, `${weights.length} weights for ${rankings.length} rankings`, 'give one for each')
  const sums = new Map<string, number>()
  rankings.forEach((ranking, r) => {
    const weight = weights?.[r] ?? 1
    if (!(weight >= 0 && Number.isFinite(weight)))
      throw new RagArgumentError(op, `weight ${r} is ${weight}`, 'give numbers from 0 up')
    // What counts for nothing brings nothing in.
    if (weight === 0) return
    ranking.forEach(({ id }, i) => {
      sums.set(id, (sums.get(id) ?? 0) + weight * gives[r][i])
    })
  })
  return Array.from(sums, ([id, score]) => ({ id, score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
}

/**
 * Reciprocal rank fusion: the sum of weight / (constant + rank), ranks from 1.
 * `options.constant` is how little the first ranks stand out; 60 in the paper, and the default
 */
export function reciprocalRankFusion(
  rankings: readonly Ranking[],
  { constant = 60, ...options }: FusionOptions & { constant?: number } = {},
): ScoredDocument[] {
  const gives = rankings.map(ranking => ranking.map((_, i) => 1 / (constant + i + 1)))
  return collect('reciprocalRankFusion', rankings, gives, options)
}

/**
 * The weighted sum of scores, each ranking's brought to 0 (its last document, and any that it does not have) to 1 (its first).
 */
export function weightedFusion(rankings: readonly Ranking[], options: FusionOptions = {}): ScoredDocument[] {
  return collect('weightedFusion', rankings, rankings.map(unitScores), options)
}

function unitScores(ranking: Ranking): number[] {
  const scores = ranking.map(({ score }) => score)
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const least = scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  return scores.map(score => (most > least ? (score - least) / (most - least) : 1))
}

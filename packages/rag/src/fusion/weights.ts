// How much each ranking should count, so that a weak one does no harm. With judged queries: the weights that do best on them, and the
// better half alone unless the mixture is better by more than chance. Without: a second ranking counts as far as it agrees with the
// first about what is on top (rank-biased overlap, Webber, Moffat and Zobel 2010), query by query.
import { evaluate, type MeasureName, pairedTTest, type Qrels, type ScoredDocument } from '@cairn/metrics'
import { type Ranking, weightedFusion } from './fuse.ts'

/** Rankings of each query, by each of the retrievers, in the same order everywhere. */
export type Rankings = ReadonlyMap<string, readonly Ranking[]>

export interface LearnOptions {
  /** What is to be best. Default `ndcg@10`. */
  measure?: MeasureName
  /** A mixture must beat the best single ranking with a p of the t-test below this. Default 0.1. */
  significance?: number
  /** Shares that are tried: a step of 0.1 tries 0, 0.1 ... 1. Default 0.1. */
  step?: number
}

/**
 * Weights for weighted fusion, learnt from judged queries: one ranking is added after the other to the best one, each with the
 * share that does best; a ranking whose help may be chance gets 0.
 * @returns one weight per retriever, summing to 1
 */
export function learnWeights(
  rankings: Rankings,
  qrels: Qrels,
  { measure = 'ndcg@10', significance = 0.1, step = 0.1 }: LearnOptions = {},
): number[] {
  const judged = new Map([...qrels].filter(([query]) => rankings.has(query)))
  const count = Math.max(0, ...[...rankings.values()].map(list => list.length))
  const valuesOf = (weights: readonly number[]): number[] => {
    const run = new Map<string, ScoredDocument[]>()
    for (const query of judged.keys())
      run.set(query, weightedFusion(rankings.get(query) as readonly Ranking[], { weights, k: 1000 }))
    return evaluate(run, judged, [measure]).perQuery[measure]
  }
  const mean = (values: readonly number[]) => values.reduce((s, v) => s + v, 0) / Math.max(1, values.length)
  const single = (r: number): number[] => Array.from({ length: count }, (_, i) => (i === r ? 1 : 0))
  const alone = Array.from({ length: count }, (_, r) => valuesOf(single(r)))
  const order = Array.from({ length: count }, (_, r) => r).sort((a, b) => mean(alone[b]) - mean(alone[a]) || a - b)
  let weights = single(order[0] ?? 0)
  let values = alone[order[0]] ?? []
  for (const r of order.slice(1)) {
    let best: { weights: number[]; values: number[] } | undefined
    for (let share = step; share < 1 - 1e-9; share += step) {
      const mixed = weights.map((weight, i) => weight * (1 - share) + (i === r ? share : 0))
      const got = valuesOf(mixed)
      if (!best || mean(got) > mean(best.values)) best = { weights: mixed, values: got }
    }
    if (!best || mean(best.values) <= mean(values) || values.length < 2) continue
    if (pairedTTest(best.values, values).p < significance) ({ weights, values } = best)
  }
  return weights
}

/**
 * Fuses the rankings of judged queries by weights that none of them had a part in: the queries are dealt into folds, and each
 * fold is fused by what the others taught.
 */
export function crossFuse(
  rankings: Rankings,
  qrels: Qrels,
  { folds = 2, ...options }: LearnOptions & { folds?: number } = {},
): { fused: Map<string, ScoredDocument[]>; weights: number[][] } {
  const queries = [...rankings.keys()]
  const fused = new Map<string, ScoredDocument[]>()
  const weights: number[][] = []
  for (let fold = 0; fold < folds; fold++) {
    const others = new Map([...rankings].filter((_, i) => i % folds !== fold))
    const learnt = learnWeights(others, qrels, options)
    weights.push(learnt)
    queries.forEach((query, i) => {
      if (i % folds === fold)
        fused.set(query, weightedFusion(rankings.get(query) as readonly Ranking[], { weights: learnt }))
    })
  }
  return { fused: new Map(queries.map(query => [query, fused.get(query) as ScoredDocument[]])), weights }
}

/**
 * How far two rankings agree, 0 to 1: rank-biased overlap to a depth, as a share of the most that it could be there.
 * @param persistence how deep it looks: 0.9 gives the first ten ranks most of the weight
 */
export function agreement(a: Ranking, b: Ranking, { depth = 50, persistence = 0.9 } = {}): number {
  const inA = new Set<string>()
  const inB = new Set<string>()
  let shared = 0
  let sum = 0
  let most = 0
  for (let d = 0; d < depth && (d < a.length || d < b.length); d++) {
    for (const [list, own, other] of [
      [a, inA, inB],
      [b, inB, inA],
    ] as const) {
      const id = list[d]?.id
      if (id === undefined || own.has(id)) continue
      own.add(id)
      if (other.has(id)) shared++
    }
    const weight = persistence ** d
    sum += (weight * shared) / (d + 1)
    most += weight
  }
  return most ? sum / most : 0
}

/**
 * Fuses a ranking that is trusted with others of unknown worth: each of them counts as far as it agrees with the first.
 * `options.most` is the share of a ranking that agrees in everything. Default 0.5
 */
export function fuseByAgreement(
  rankings: readonly Ranking[],
  { most = 0.5, k }: { most?: number; k?: number } = {},
): ScoredDocument[] {
  const [first, ...others] = rankings
  if (!first) return []
  // Nothing to agree with: whatever the others found is better than nothing.
  if (first.length === 0) return weightedFusion(rankings, { k })
  const weights = [1, ...others.map(other => most * agreement(first, other))]
  return weightedFusion(rankings, { weights, k })
}

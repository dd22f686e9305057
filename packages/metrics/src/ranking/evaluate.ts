// A whole run against its judgements, by the names that people and trec_eval use for measures.
import {
  averagePrecision,
  bpref,
  ndcg,
  precision,
  recall,
  reciprocalRank,
  relevantCount,
  rPrecision,
  success,
} from './measures.ts'
import { type Judgements, type Qrels, type Run, trecOrder } from './order.ts'

const measures = {
  ndcg,
  recall,
  precision,
  success,
  map: averagePrecision,
  mrr: reciprocalRank,
  rprec: (ranked, judged) => rPrecision(ranked, judged),
  bpref: (ranked, judged) => bpref(ranked, judged),
} satisfies Record<string, (ranked: readonly string[], judged: Judgements, k?: number) => number>

/** The name of a measure, with or without a depth: `ndcg@10`, `recall@100`, `map`, `mrr`. */
export type MeasureName = keyof typeof measures | `${keyof typeof measures}@${number}`

export interface Evaluation<Name extends string> {
  /** The queries that were counted, in the order of the judgements. */
  queries: string[]
  /** The mean over the queries. */
  mean: Record<Name, number>
  /** One value per query, in the order of `queries`: what tests of significance compare. */
  perQuery: Record<Name, number[]>
}

/**
 * Measures a run. Queries without any relevant document are left out, as everything is 0 for them.
 * `options.missing` says what becomes of a judged query that the run does not have: it counts as 0 (`zero`, trec_eval's -c,
 *   the default) or is left out (`skip`, what trec_eval does by itself, which flatters runs that fail on some queries)
 * @throws RangeError for a measure that does not exist
 */
export function evaluate<const Name extends MeasureName>(
  run: Run,
  qrels: Qrels,
  names: readonly Name[],
  { missing = 'zero' }: { missing?: 'zero' | 'skip' } = {},
): Evaluation<Name> {
  const parsed = names.map(name => {
    const [, key, depth] = /^([a-z]+)(?:@([1-9]\d*))?$/.exec(name) ?? []
    if (!key || !Object.hasOwn(measures, key))
      throw new RangeError(
        `evaluate: there is no measure ${name}; there are ${Object.keys(measures).join(', ')}, with @k`,
      )
    const k = depth ? Number(depth) : undefined
    return {
      name,
      of: (ranked: string[], judged: Judgements) => measures[key as keyof typeof measures](ranked, judged, k),
    }
  })
  const queries: string[] = []
  const perQuery = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  for (const [query, judged] of qrels) {
    const results = run.get(query)
    if (relevantCount(judged) === 0 || (!results && missing === 'skip')) continue
    queries.push(query)
    const ranked = trecOrder(results ?? [])
    for (const { name, of } of parsed) perQuery[name].push(of(ranked, judged))
  }
  const mean = Object.fromEntries(names.map(name => [name, average(perQuery[name])])) as Record<Name, number>
  return { queries, mean, perQuery }
}

const average = (values: readonly number[]): number =>
  values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0

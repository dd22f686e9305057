// Whether answers from what a search finds stand on it, and whether it was the right thing to find: each query is answered as `rag ask` would
// answer it, and a judge reads the answer beside the passages.
import { contextPrecision, contextRecall, faithfulness, type SupportJudge } from '@cairn/metrics'
import { sentences } from '@cairn/text'
import type { Analyzer } from '../analysis/analyzer.ts'
import { answerFrom } from '../answer/answer.ts'
import type { Generator } from '../answer/generator.ts'
import type { CollectionQuery } from '../evaluation/collection.ts'
import type { Hit } from '../stores/store.ts'

export const groundingMeasures = ['faithfulness', 'context precision', 'context recall'] as const
export type GroundingMeasure = (typeof groundingMeasures)[number]

export interface GroundingOptions {
  readonly judge: SupportJudge
  /** Left out, sentences are quoted. */
  readonly generator?: Generator
  /** Only so many of the queries. Default: all. */
  readonly questions?: number
  /** How many of the documents found are read. Default 5. */
  readonly k?: number
  /** Told of every query that is done. */
  readonly judged?: (done: number, total: number) => void
}

/** One query: a measure is missing where there is nothing to judge it by. */
export interface GroundedAnswer {
  readonly id: string
  readonly text: string
  /** Empty if there is none. */
  readonly answer: string
  readonly values: Partial<Record<GroundingMeasure, number>>
}

export interface GroundingResult {
  readonly answers: readonly GroundedAnswer[]
  /** Over the queries that have the measure; undefined where none has. */
  readonly mean: Readonly<Record<GroundingMeasure, number | undefined>>
}

/**
 * @param found the best documents for a query, best first
 * @throws RangeError for a score of the judge that is no number from 0 to 1; what the generator and the judge throw
 */
export async function judgeAnswers(
  queries: readonly CollectionQuery[],
  found: (query: CollectionQuery, k: number) => readonly Hit[],
  analyzer: Analyzer,
  { judge, generator, questions = queries.length, k = 5, judged }: GroundingOptions,
): Promise<GroundingResult> {
  const answers: GroundedAnswer[] = []
  const asked = queries.slice(0, questions)
  for (const query of asked) {
    const { text, claims, passages } = await answerFrom(found(query, k), query.text, { generator, analyzer })
    const said = claims.filter(({ verdict }) => verdict === 'supported').map(claim => claim.text)
    const wanted = sentences(query.answer ?? '').map(sentence => sentence.text)
    const contexts = passages.map(passage => passage.text)
    answers.push({
      id: query.id,
      text: query.text,
      answer: text,
      values: {
        ...(said.length && { faithfulness: await faithfulness(said, contexts, { judge }) }),
        ...(wanted.length && {
          'context precision': await contextPrecision(wanted, contexts, { judge }),
          'context recall': await contextRecall(wanted, contexts, { judge }),
        }),
      },
    })
    judged?.(answers.length, asked.length)
  }
  const mean = (name: GroundingMeasure): number | undefined => {
    const values = answers.flatMap(answer => answer.values[name] ?? [])
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined
  }
  const [first, second, third] = groundingMeasures
  return { answers, mean: { [first]: mean(first), [second]: mean(second), [third]: mean(third) } }
}

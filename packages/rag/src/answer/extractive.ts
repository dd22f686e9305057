// Answers without a model: quotes the sentences of the passages that have most of what the question asks for.
import { sentences } from '@cairn/text'
import type { Analyzer } from '../analysis/analyzer.ts'
import type { Passage } from './context.ts'

export interface ExtractiveOptions {
  /** How many sentences at most. Default 2. */
  readonly most?: number
  /** The share of the question, its terms weighed by how rare they are, that a quoted sentence must have. Default 0.5. */
  readonly coverage?: number
}

const MAX_QUOTE = 400

/** Sentences as quotations with citations, best first; empty if none has enough of the question. */
export function extractiveAnswer(
  question: string,
  passages: readonly Passage[],
  analyzer: Analyzer,
  { most = 2, coverage = 0.5 }: ExtractiveOptions = {},
): string {
  const asked = [...new Set(analyzer.terms(question))]
  if (asked.length === 0) return ''
  const candidates = passages.flatMap((passage, rank) => {
    const around = new Set(analyzer.terms([passage.title ?? '', ...[passage.metadata.headings ?? []].flat()].join(' ')))
    return sentences(passage.text)
      .filter(({ text }) => text.length <= MAX_QUOTE)
      .map(({ text }) => ({ text, rank, number: passage.number, around, terms: new Set(analyzer.terms(text)) }))
  })
  const weights = new Map(
    asked.map(term => {
      const having = candidates.filter(({ terms }) => terms.has(term)).length
      return [term, Math.log(1 + (candidates.length - having + 0.5) / (having + 0.5))]
    }),
  )
  const total = [...weights.values()].reduce((a, b) => a + b, 0)
  const scored = candidates
    .map(candidate => {
      let own = 0
      let near = 0
      for (const [term, weight] of weights)
        if (candidate.terms.has(term)) own += weight
        else if (candidate.around.has(term)) near += weight / 2
      // A sentence that only stands under the right heading says nothing of the question itself.
      return { ...candidate, score: own === 0 ? 0 : (own + near) / total }
    })
    .filter(({ score }) => score >= coverage)
    .sort((a, b) => b.score - a.score || a.rank - b.rank)
  const chosen: typeof scored = []
  for (const one of scored) {
    if (chosen.length === most) break
    // A second sentence is worth its place if it says nearly as much as the first and something else.
    if (chosen.length && one.score < chosen[0].score * 0.8) break
    if (!chosen.some(({ text }) => text === one.text)) chosen.push(one)
  }
  return chosen
    .map(({ text, number }) => `\u201c${text.replace(/\s+/g, ' ').replaceAll('\u201d', '"')}\u201d [${number}]`)
    .join('\n\n')
}

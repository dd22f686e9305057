// Answers without a model: quotes the sentences of the passages that have most of what the question asks for.
import { sentences } from '@cairn/text'
import type { Analyzer } from '../analysis/analyzer.ts'
import type { Passage } from './context.ts'

export interface ExtractiveOptions {
  /** How many sentences at most. Default 2. */
  readonly most?: number
  /** The share of the question's terms that a quoted sentence must have, those of its headings counted half. Default 0.5. */
  readonly coverage?: number
}

const MAX_QUOTE = 400

/** What can be quoted of a passage: its sentences, of source code the lines of its comments. */
function quotable({ text, metadata }: Passage): string[] {
  if (metadata.format !== 'code') return sentences(text).map(sentence => sentence.text)
  return [...text.matchAll(/^[^\S\n]*(?:\/\/+|\/\*+|\*+|#+|--)[^\S\n]*(.*\p{L}.*?)[^\S\n]*(?:\*\/)?$/gmu)].map(
    ([, comment]) => comment,
  )
}

/** Sentences as quotations with citations, best first; empty if none has enough of the question. */
export function extractiveAnswer(
  question: string,
  passages: readonly Passage[],
  analyzer: Analyzer,
  { most = 2, coverage = 0.5 }: ExtractiveOptions = {},
): string {
  // These ask for an amount; no answer repeats them.
  const asked = [...new Set(analyzer.terms(question.replace(/\bhow (?:much|many|long|far|deep|often|old)\b/gi, 'how')))]
  if (asked.length === 0) return ''
  const candidates = passages.flatMap((passage, rank) => {
    const around = new Set(analyzer.terms([passage.title ?? '', ...[passage.metadata.headings ?? []].flat()].join(' ')))
    return quotable(passage)
      .filter(text => text.length <= MAX_QUOTE)
      .map(text => ({ text, rank, number: passage.number, around, terms: new Set(analyzer.terms(text)) }))
  })
  const weights = new Map(
    asked.map(term => {
      const having = candidates.filter(({ terms }) => terms.has(term)).length
      return [term, Math.log(1 + (candidates.length - having + 0.5) / (having + 0.5))]
    }),
  )
  const scored = candidates
    .flatMap(candidate => {
      let share = 0
      let score = 0
      let own = 0
      for (const [term, weight] of weights) {
        const part = candidate.terms.has(term) ? 1 : candidate.around.has(term) ? 0.5 : 0
        if (part === 1) own++
        share += part / asked.length
        score += part * weight
      }
      // A sentence that only stands under the right heading says nothing of the question itself.
      return own > 0 && share >= coverage ? [{ ...candidate, score }] : []
    })
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

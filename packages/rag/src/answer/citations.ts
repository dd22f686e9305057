// Holds an answer to its sources: each sentence cites passages that exist, what stands in quotation marks stands in them too, and they say
// what the sentence says.
import { sentences } from '@cairn/text'
import type { Analyzer } from '../analysis/analyzer.ts'
import { RagArgumentError } from '../errors.ts'
import type { Passage } from './context.ts'
import type { Generator } from './generator.ts'
import { grade } from './grade.ts'

/** Judges whether a text says what a claim says: by words (`lexicalSupport`), or a model of entailment. */
export interface Support {
  /** From 0 (no) to 1 (yes). */
  score(claim: string, evidence: string): number | Promise<number>
}

/** Where the support of a claim stands. */
export interface Evidence {
  readonly number: number
  readonly id: string
  readonly source?: string
  /** In the document's text. */
  readonly span: readonly [start: number, end: number]
  /** In the file, from 1, where lines are known. */
  readonly line?: number
  readonly text: string
}

export interface CheckedClaim {
  /** In the answer. */
  readonly span: readonly [start: number, end: number]
  /** Without the marks of citations. */
  readonly text: string
  readonly cited: readonly number[]
  readonly verdict: 'supported' | 'unsupported' | 'uncited' | 'no such passage' | 'misquoted'
  readonly score: number
  readonly evidence?: Evidence
}

export interface CitationOptions {
  readonly support: Support
  /** From which score a claim is supported. Default 0.6. */
  readonly threshold?: number
}

const MARK = /\s*\[\s*\d+(?:\s*[-,;]\s*\d+)*\s*\]/g
const QUOTE = /"([^"]{2,})"|\u201c([^\u201d]{2,})\u201d/g
const MAX_CITED = 100

/** The sentences of an answer with the numbers that they cite; a citation behind the full stop belongs to the sentence before it. */
export function citedClaims(answer: string): { text: string; span: readonly [number, number]; cited: number[] }[] {
  const claims: { text: string; span: readonly [number, number]; cited: number[] }[] = []
  for (const { text, start, end } of sentences(answer)) {
    const leading = /^(?:\s*\[\s*\d+(?:\s*[-,;]\s*\d+)*\s*\])+[.\s]*/.exec(text)?.[0] ?? ''
    const before = claims.at(-1)
    if (leading && before) {
      before.cited.push(...numbersIn(leading))
      before.span = [before.span[0], start + leading.trimEnd().length]
    }
    const own = before ? text.slice(leading.length) : text
    const bare = own.replace(MARK, '').trim()
    if (/[\p{L}\p{N}]/u.test(bare)) claims.push({ text: bare, span: [end - own.length, end], cited: numbersIn(own) })
  }
  return claims
}

function numbersIn(text: string): number[] {
  const numbers = new Set<number>()
  for (const [mark] of text.matchAll(MARK))
    for (const [, first, last] of mark.matchAll(/(\d+)(?:\s*-\s*(\d+))?/g))
      for (let n = Number(first); n <= Number(last ?? first) && numbers.size < MAX_CITED; n++) numbers.add(n)
  return [...numbers]
}

/** Checks every sentence of an answer against the passages that it was given. @throws RagArgumentError */
export async function checkCitations(
  answer: string,
  passages: readonly Passage[],
  { support, threshold = 0.6 }: CitationOptions,
): Promise<CheckedClaim[]> {
  if (!(threshold >= 0 && threshold <= 1))
    throw new RagArgumentError('checkCitations', `threshold is ${threshold}`, 'give a number from 0 to 1')
  const byNumber = new Map(passages.map(passage => [passage.number, passage]))
  return Promise.all(
    citedClaims(answer).map(async ({ text, span, cited }): Promise<CheckedClaim> => {
      const claim = { text, span, cited }
      if (cited.length === 0) return { ...claim, verdict: 'uncited', score: 0 }
      if (cited.some(number => !byNumber.has(number))) return { ...claim, verdict: 'no such passage', score: 0 }
      const sources = cited.map(number => byNumber.get(number)!)
      const quotes = [...text.matchAll(QUOTE)].map(([, straight, curly]) => straight ?? curly)
      let quoted: Evidence | undefined
      for (const quote of quotes) {
        const places = sources.flatMap(passage => findQuote(passage, quote) ?? [])
        if (places.length === 0) return { ...claim, verdict: 'misquoted', score: 0 }
        quoted ??= places[0]
      }
      const best = await bestEvidence(text, sources, support)
      const verdict = best.score >= threshold ? 'supported' : 'unsupported'
      return { ...claim, verdict, score: best.score, evidence: quoted ?? best.evidence }
    }),
  )
}

/** The stretch that supports a claim most; several passages that are cited together may support it together. */
async function bestEvidence(claim: string, passages: readonly Passage[], support: Support) {
  const own: { score: number; evidence: Evidence }[] = []
  for (const passage of passages) {
    let best: (typeof own)[number] | undefined
    const parts = sentences(passage.text)
    // What a sentence says may take two sentences of the source; of equal ones the shorter comes first.
    const windows = [
      ...parts.map(({ start, end }) => [start, end] as const),
      ...parts.slice(1).map(({ end }, i) => [parts[i].start, end] as const),
    ]
    for (const [start, end] of windows) {
      const score = await support.score(claim, passage.text.slice(start, end))
      if (!best || score > best.score) best = { score, evidence: evidenceAt(passage, start, end) }
    }
    if (best) own.push(best)
  }
  own.sort((a, b) => b.score - a.score)
  const [first] = own
  if (!first) return { score: 0 }
  const together = own.length > 1 ? await support.score(claim, own.map(({ evidence }) => evidence.text).join('\n')) : 0
  return { score: Math.max(first.score, together), evidence: first.evidence }
}

/** A stretch of a passage as evidence. */
export function evidenceAt(passage: Passage, start: number, end: number): Evidence {
  const { number, id, source, span, text, metadata } = passage
  const { line } = metadata
  return {
    number,
    id,
    ...(source !== undefined && { source }),
    span: [span[0] + start, span[0] + end],
    ...(typeof line === 'number' && { line: line + (text.slice(0, start).split('\n').length - 1) }),
    text: text.slice(start, end),
  }
}

const FOLDED: Record<string, string> = { '\u2018': "'", '\u2019': "'", '\u201c': '"', '\u201d': '"' }
const fold = (char: string): string => FOLDED[char] ?? char

/** Where a passage has some words, whatever white space and kind of quotation marks it has. */
function findQuote(passage: Passage, quote: string): Evidence | undefined {
  const wanted = [...quote.trim()].map(fold).join('').replace(/\s+/g, ' ').replace(/[.,]$/, '')
  let folded = ''
  const places: number[] = []
  for (let i = 0; i < passage.text.length; i++) {
    const char = /\s/.test(passage.text[i]) ? ' ' : fold(passage.text[i])
    if (char === ' ' && folded.endsWith(' ')) continue
    folded += char
    places.push(i)
  }
  const at = folded.indexOf(wanted)
  return at < 0 || wanted === '' ? undefined : evidenceAt(passage, places[at], places[at + wanted.length - 1] + 1)
}

const NEGATION = /\b(?:not|no|never|none|nor|neither|without|cannot)\b|n['\u2019]t\b/gi

/**
 * Support by words: the share of a claim's terms that the evidence has. A number that the evidence does not have, or a negation that
 * only one of the two has, halves it at least. It cannot know that two words mean the same, or that "A beat B" is not "B beat A".
 */
export function lexicalSupport(analyzer: Analyzer): Support {
  return {
    score(claim, evidence) {
      const terms = [...new Set(analyzer.terms(claim))]
      if (terms.length === 0) return 0
      const there = new Set(analyzer.terms(evidence))
      const share = terms.filter(term => there.has(term)).length / terms.length
      const numbers = terms.filter(term => /^\p{N}/u.test(term))
      if (numbers.some(number => !there.has(number))) return share / 2
      const negated = (text: string) => (text.match(NEGATION)?.length ?? 0) > 0
      return negated(claim) === negated(evidence) ? share : share / 2
    },
  }
}

const ENTAILS =
  'Say whether the passage says what the claim says: 0 if it does not or says otherwise, 10 if it says all of it.'

/** Support by a generator that reads claim and passage together. */
export const generatorSupport = (generator: Generator): Support => ({
  score: (claim, evidence) =>
    grade(generator, ENTAILS, [
      { name: 'claim', text: claim },
      { name: 'passage', text: evidence },
    ]),
})

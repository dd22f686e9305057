// From a question to an answer that can be checked: passages are found and packed, somebody writes, and what the passages do not support
// is taken out. If nothing is left, there is no answer.
import { Analyzer, type AnalyzerOptions, createAnalyzer } from '../analysis/analyzer.ts'
import type { Hit, Store } from '../stores/store.ts'
import { type CheckedClaim, checkCitations, lexicalSupport, type Support } from './citations.ts'
import { type PackOptions, type Passage, packContext } from './context.ts'
import { type ExtractiveOptions, extractiveAnswer } from './extractive.ts'
import type { Generator } from './generator.ts'
import { ABSTENTION, buildPrompt } from './prompt.ts'
import { type RetrieveOptions, retrieve, withContext } from './retrieve.ts'

/** Who writes from passages, and how it is held to them. */
export interface WritingOptions {
  /** Left out, sentences are quoted. */
  readonly generator?: Generator
  readonly context?: PackOptions
  readonly extractive?: ExtractiveOptions
  readonly instructions?: string
  /** Default: by words. */
  readonly support?: Support
  /** From which score a sentence counts as supported. Default 0.6. */
  readonly threshold?: number
  /** How questions and sentences become terms. Default: English. */
  readonly analyzer?: AnalyzerOptions | Analyzer
  readonly maxTokens?: number
  readonly signal?: AbortSignal
}

export interface AnswerOptions extends RetrieveOptions, WritingOptions {}

export interface Answer {
  /** Its supported sentences with their citations; empty if it abstains. */
  readonly text: string
  /** Why there is no answer: nothing was found, the writer found nothing, or nothing of what it wrote is supported. */
  readonly abstained?: 'nothing found' | 'not in the passages' | 'not supported'
  readonly passages: readonly Passage[]
  /** Every sentence that was written, those that were taken out included. */
  readonly claims: readonly CheckedClaim[]
}

/** Answers a question from a store. @throws what the store, the embedder and the generator throw; RagArgumentError */
export async function answer(store: Store, question: string, options: AnswerOptions = {}): Promise<Answer> {
  const hits = await withContext(store, await retrieve(store, question, options), options)
  return answerFrom(hits, question, options)
}

/**
 * Answers a question from passages that were found, the best first, as `answer` does.
 * @throws what the generator throws; RagArgumentError
 */
export async function answerFrom(
  hits: readonly Hit[],
  question: string,
  options: WritingOptions = {},
): Promise<Answer> {
  const { generator, context, extractive, instructions, threshold, maxTokens = 500, signal } = options
  const analyzer = options.analyzer instanceof Analyzer ? options.analyzer : await createAnalyzer(options.analyzer)
  const passages = packContext(hits, context)
  if (passages.length === 0) return { text: '', abstained: 'nothing found', passages, claims: [] }
  const written = generator
    ? await generator.generate(buildPrompt(question, passages, { instructions }).messages, { maxTokens, signal })
    : extractiveAnswer(question, passages, analyzer, extractive)
  if (written.trim() === '' || written.includes(ABSTENTION))
    return { text: '', abstained: 'not in the passages', passages, claims: [] }
  const support = options.support ?? lexicalSupport(analyzer)
  const claims = await checkCitations(written, passages, { support, threshold })
  const supported = claims.filter(({ verdict }) => verdict === 'supported')
  if (supported.length === 0) return { text: '', abstained: 'not supported', passages, claims }
  const text = supported.map(({ span }) => written.slice(...span).trim()).join(generator ? ' ' : '\n\n')
  return { text, passages, claims }
}

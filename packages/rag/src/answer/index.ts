// Answers from passages: finding, packing, asking, checking.
export { type Answer, type AnswerOptions, answer, answerFrom, type WritingOptions } from './answer.ts'
export {
  type CheckedClaim,
  type CitationOptions,
  checkCitations,
  type Evidence,
  generatorSupport,
  lexicalSupport,
  type Support,
} from './citations.ts'
export { type PackOptions, type Passage, packContext } from './context.ts'
export {
  decompose,
  type Expansion,
  hypotheticalPassage,
  multiQuery,
  type QueryExpander,
  rewriteQuery,
} from './expand-query.ts'
export { type ExtractiveOptions, extractiveAnswer } from './extractive.ts'
export type { Generator, Message } from './generator.ts'
export { ABSTENTION, asData, buildPrompt, type Prompt, type PromptOptions } from './prompt.ts'
export { type Recency, type RetrieveOptions, retrieve, withContext } from './retrieve.ts'

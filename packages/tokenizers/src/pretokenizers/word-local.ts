// Pipelines that treat a text word by word: nothing that their normalizer and pre-tokenizer do looks beyond white space, so
// the ids of a text are those of its words.
import { BertNormalizer } from '../normalizers/bert.ts'
import { Lowercase } from '../normalizers/lowercase.ts'
import type { Normalizer } from '../normalizers/normalizer.ts'
import { NormalizerSequence } from '../normalizers/sequence.ts'
import { StripAccents } from '../normalizers/strip-accents.ts'
import { UnicodeForm } from '../normalizers/unicode-form.ts'
import { BertPreTokenizer } from './bert.ts'
import { Digits } from './digits.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'
import { Punctuation } from './punctuation.ts'
import { PreTokenizerSequence } from './sequence.ts'
import { Whitespace } from './whitespace.ts'
import { WhitespaceSplit } from './whitespace-split.ts'

// Functions, so that bundlers can leave the classes out where nobody asks.
const normalizers = () => [BertNormalizer, Lowercase, StripAccents, UnicodeForm]
/** These drop white space, so that words meet nowhere. */
const separators = () => [BertPreTokenizer, Whitespace, WhitespaceSplit]
const refinements = () => [...separators(), Punctuation, Digits]

const isOneOf = (value: object, kinds: readonly (abstract new (...args: never[]) => object)[]) =>
  kinds.some(kind => value instanceof kind)

export function isWordLocal(normalizer: Normalizer | null, preTokenizer: PreTokenizer | null): boolean {
  const steps = normalizer instanceof NormalizerSequence ? normalizer.normalizers : normalizer ? [normalizer] : []
  if (!steps.every(step => isOneOf(step, normalizers()))) return false
  const cuts = preTokenizer instanceof PreTokenizerSequence ? preTokenizer.preTokenizers : [preTokenizer]
  const [first, ...rest] = cuts
  return (
    first !== null &&
    first !== undefined &&
    isOneOf(first, separators()) &&
    rest.every(cut => cut && isOneOf(cut, refinements()))
  )
}

/** White space of ASCII, then all up to the next: where such a pipeline may be cut. */
export function scanWord(text: Uint16Array, start: number): number {
  const { length } = text
  let at = start
  while (at < length && isAsciiSpace(text[at])) at++
  while (at < length && !isAsciiSpace(text[at])) at++
  return at
}

const isAsciiSpace = (unit: number) => unit === 32 || unit === 10 || unit === 9 || unit === 13

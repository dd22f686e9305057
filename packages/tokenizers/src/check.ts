// What callers may get wrong where no type holds them: a text that is none, a size that is none.
import { TokenizerError } from './errors.ts'

/** The text with lone surrogates as U+FFFD. @throws TokenizerError for what is no string */
export function textOf(op: string, text: string): string {
  if (typeof text === 'string') return text.toWellFormed()
  const given = Array.isArray(text) ? 'an array; use encodeBatch for several' : text === null ? 'null' : typeof text
  throw new TokenizerError(`${op}: needs a string, got ${given}`)
}

/** @throws TokenizerError for a size of a vocabulary that is no integer from 1 up */
export function checkVocabSize(vocabSize: number | undefined): void {
  if (vocabSize !== undefined && !(Number.isInteger(vocabSize) && vocabSize > 0))
    throw new TokenizerError(`train: vocabSize is an integer from 1 up, not ${vocabSize}`)
}

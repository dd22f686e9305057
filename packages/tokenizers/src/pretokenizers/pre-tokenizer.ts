// What every pre-tokenizer is: it cuts a text into pieces that no token crosses.
import type { JsonObject } from '../json.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'

export interface PreTokenizer {
  readonly type: string
  preTokenize(text: PreTokenizedText): void
  toJSON(): JsonObject
}

/** Cuts a text, given as its UTF-16 units: given where a word starts, gives where it ends (always further on). */
export type Scanner = (text: Uint16Array, start: number) => number

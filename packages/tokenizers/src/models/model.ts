// What every model is: it turns one pre-token into tokens of its vocabulary.
import type { JsonObject } from '../json.ts'

/** A token inside a pre-token: [start, end) in UTF-16 units of the text that the model was given. */
export type Token = { id: number; value: string; start: number; end: number }

export interface Model {
  readonly type: string
  /** Number of entries of the vocabulary, added tokens not counted. */
  readonly vocabSize: number
  /** Tokens of one pre-token, in order. */
  tokenize(text: string): Token[]
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined
  /** All entries, `[token, id]`, by id. */
  vocab(): Iterable<[token: string, id: number]>
  toJSON(): JsonObject
}

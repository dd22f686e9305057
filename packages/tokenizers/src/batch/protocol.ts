// What the threads of a pool say to each other, and what a worker does with it.
import { Encoding, type EncodingParts } from '../encoding.ts'
import type { TiktokenOptions } from '../formats/tiktoken.ts'
import { type EncodeOptions, Tokenizer } from '../tokenizer.ts'
import type { Truncation } from '../truncation.ts'

/** What a tokenizer is made from: each thread makes its own. */
export type TokenizerSource =
  | { json: unknown }
  | ({ tiktoken: Uint8Array } & TiktokenOptions)
  | { sentencePiece: Uint8Array }
  | { gguf: Uint8Array }

/** The tokenizer of a source. */
export function makeTokenizer(source: TokenizerSource): Tokenizer {
  if ('json' in source) return Tokenizer.fromJSON(source.json)
  if ('tiktoken' in source) return Tokenizer.fromTiktoken(source.tiktoken, source)
  if ('sentencePiece' in source) return Tokenizer.fromSentencePiece(source.sentencePiece)
  return Tokenizer.fromGGUF(source.gguf)
}

export type Job = {
  kind: 'ids' | 'encodings'
  texts: string[]
  options: EncodeOptions
  truncation: Truncation | null
}

export type Start = { source: TokenizerSource }

/** An encoding as plain data. */
export type PlainEncoding = EncodingParts & { overflowing: PlainEncoding[] }

/** The ids of all texts in one array and how many each has, or encodings, or why there are none. */
export type Result =
  | { kind: 'ids'; ids: Uint32Array<ArrayBuffer>; lengths: Uint32Array<ArrayBuffer> }
  | { kind: 'encodings'; encodings: PlainEncoding[] }
  | { kind: 'error'; message: string }

/** Does a job. Padding looks at the whole batch, so it is left to who joins the results. */
export function work(tokenizer: Tokenizer, { kind, texts, options, truncation }: Job): Result {
  tokenizer.truncation = truncation
  tokenizer.padding = null
  try {
    if (kind === 'encodings') return { kind, encodings: tokenizer.encodeBatch(texts, options).map(plain) }
    const all = texts.map(text => tokenizer.encodeIds(text, options))
    const ids = new Uint32Array(all.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const one of all) {
      ids.set(one, at)
      at += one.length
    }
    return { kind, ids, lengths: Uint32Array.from(all, ({ length }) => length) }
  } catch (error) {
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) }
  }
}

const plain = (encoding: Encoding): PlainEncoding => ({ ...encoding, overflowing: encoding.overflowing.map(plain) })

export const revive = (parts: PlainEncoding): Encoding => new Encoding(parts, parts.overflowing.map(revive))

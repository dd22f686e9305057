// Late interaction (Khattab and Zaharia 2020, ColBERT): every token keeps its vector, and a passage scores the sum over the query's
// tokens of the best similarity that any of its own tokens has (MaxSim). Works over any encoder that gives a vector per token.
import { sentences } from '@cairn/text'
import type { Embedder } from '../embedding/embedder.ts'
import { plainWords, type WordVectors, wordFrequencies } from '../embedding/word-vectors.ts'
import { RagArgumentError } from '../errors.ts'
import type { Reranker } from './reranker.ts'

/** The tokens of one text. */
export interface TokenVectors {
  /** `count * dimensions` numbers; similarity is their dot product, so vectors of length 1 make it the cosine. */
  readonly vectors: Float32Array
  readonly count: number
  /** How much each token of a query counts. Default: all 1. */
  readonly weights?: ArrayLike<number>
}

export interface TokenEncoder {
  readonly dimensions: number
  encode(texts: readonly string[], kind: 'query' | 'passage'): Promise<TokenVectors[]>
}

/** The sum over the query's tokens of weight times the best dot product with a token of the passage; 0 without tokens. */
export function maxSim(query: TokenVectors, passage: TokenVectors, dimensions: number): number {
  let sum = 0
  if (passage.count === 0) return 0
  for (let q = 0; q < query.count; q++) {
    let best = Number.NEGATIVE_INFINITY
    const from = q * dimensions
    for (let p = 0; p < passage.count; p++) {
      const at = p * dimensions
      let dot = 0
      for (let d = 0; d < dimensions; d++) dot += query.vectors[from + d] * passage.vectors[at + d]
      if (dot > best) best = dot
    }
    sum += (query.weights?.[q] ?? 1) * best
  }
  return sum
}

export class LateInteractionReranker implements Reranker {
  private readonly encoder: TokenEncoder
  private readonly remembered = new Map<string, TokenVectors>()
  private readonly capacity: number

  /** `options.remember` is the number of passages whose vectors are kept for the next query. Default 10,000 */
  constructor(encoder: TokenEncoder, { remember = 10_000 }: { remember?: number } = {}) {
    this.encoder = encoder
    this.capacity = remember
  }

  async score(query: string, passages: readonly string[]): Promise<Float64Array> {
    const { encoder } = this
    const [asked] = await encoder.encode([query], 'query')
    const missing = [...new Set(passages)].filter(passage => !this.remembered.has(passage))
    const encoded = missing.length ? await encoder.encode(missing, 'passage') : []
    if (encoded.length !== missing.length)
      throw new RagArgumentError(
        'rerank',
        `the encoder gave ${encoded.length} texts for ${missing.length}`,
        'give one for each',
      )
    const fresh = new Map(missing.map((passage, i) => [passage, encoded[i]]))
    const scores = Float64Array.from(passages, passage =>
      maxSim(asked, (fresh.get(passage) ?? this.remembered.get(passage)) as TokenVectors, encoder.dimensions),
    )
    for (const [passage, tokens] of fresh) {
      // The oldest goes first: a Map keeps the order of insertion.
      if (this.remembered.size >= this.capacity) this.remembered.delete(this.remembered.keys().next().value as string)
      if (this.capacity > 0) this.remembered.set(passage, tokens)
    }
    return scores
  }
}

/**
 * Any embedder as a token encoder: a passage's tokens are its sentences, a query is one token, so MaxSim is the best that a sentence of the
 * passage does. What one vector for a whole passage blurs is looked at again sentence by sentence.
 */
export class SentenceTokenEncoder implements TokenEncoder {
  readonly dimensions: number
  private readonly embedder: Embedder

  constructor(embedder: Embedder) {
    this.embedder = embedder
    this.dimensions = embedder.dimensions
  }

  async encode(texts: readonly string[], kind: 'query' | 'passage'): Promise<TokenVectors[]> {
    const pieces = texts.map(text =>
      kind === 'query' ? [text] : sentences(text).map(({ start, end }) => text.slice(start, end)),
    )
    const flat = pieces.flat()
    const { dimensions } = this
    const all = flat.length ? await this.embedder.embed(flat, kind) : new Float32Array(0)
    let at = 0
    return pieces.map(({ length: count }) => {
      const vectors = all.slice(at * dimensions, (at + count) * dimensions)
      at += count
      for (let i = 0; i < count; i++) toUnit(vectors.subarray(i * dimensions, (i + 1) * dimensions))
      return { vectors, count }
    })
  }
}

/** Length 1, in place; zeros stay. */
function toUnit(vector: Float32Array): void {
  let squares = 0
  for (const value of vector) squares += value * value
  const length = Math.sqrt(squares)
  if (length > 0) for (let d = 0; d < vector.length; d++) vector[d] /= length
}

/**
 * Word vectors as a token encoder. A query's words weigh as they are rare; a word without a vector gets one that depends on its
 * letters alone, so it is like itself and like nothing else.
 */
export class WordTokenEncoder implements TokenEncoder {
  readonly dimensions: number
  private readonly vectors: WordVectors
  private readonly frequencies: ReadonlyMap<string, number>
  private readonly units = new Map<string, Float32Array>()

  /** @param sample texts from which frequencies are taken */
  constructor(vectors: WordVectors, sample: Iterable<string>) {
    this.vectors = vectors
    this.dimensions = vectors.dimensions
    this.frequencies = wordFrequencies(sample)
  }

  async encode(texts: readonly string[], kind: 'query' | 'passage'): Promise<TokenVectors[]> {
    return texts.map(text => {
      // A word that stands twice in a passage is found as well once.
      const words = kind === 'passage' ? [...new Set(plainWords(text))] : plainWords(text)
      const vectors = new Float32Array(words.length * this.dimensions)
      words.forEach((word, i) => {
        vectors.set(this.unit(word), i * this.dimensions)
      })
      const weights = words.map(word => Math.log(1 + 1e-3 / ((this.frequencies.get(word) ?? 0) + 1e-6)))
      return { vectors, count: words.length, ...(kind === 'query' && { weights }) }
    })
  }

  private unit(word: string): Float32Array {
    const known = this.units.get(word)
    if (known) return known
    const row = this.vectors.row(word)
    const vector = row === undefined ? byLetters(word, this.dimensions) : this.vectors.vector(row).slice()
    toUnit(vector)
    if (this.units.size < 1 << 17) this.units.set(word, vector)
    return vector
  }
}

/** Signs that a word's letters determine: FNV-1a, then xorshift. */
function byLetters(word: string, dimensions: number): Float32Array {
  let state = 0x811c9dc5
  for (let i = 0; i < word.length; i++) state = Math.imul(state ^ word.charCodeAt(i), 0x01000193)
  return Float32Array.from({ length: dimensions }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state & 1 ? 1 : -1
  })
}

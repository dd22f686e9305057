// Word vectors (GloVe, word2vec, fastText in their text form), and texts as weighted means of them: the small baseline of
// embedders, after Arora, Liang and Ma (2017), "A simple but tough-to-beat baseline": a word weighs a / (a + its frequency), and
// what all texts have in common, their first singular vector, is taken out.
import { wordSpans } from '../analysis/words.ts'
import { RagFormatError } from '../errors.ts'
import type { Embedder } from './embedder.ts'

export class WordVectors {
  readonly dimensions: number
  /** All vectors, one after the other. */
  readonly values: Float32Array
  private readonly rows: ReadonlyMap<string, number>

  constructor(words: readonly string[], values: Float32Array) {
    this.dimensions = words.length ? values.length / words.length : 0
    this.values = values
    this.rows = new Map(words.map((word, i) => [word, i]))
  }

  /**
   * Reads lines of a word and its numbers; a first line of word2vec's that says how many there are is passed over.
   * @throws RagFormatError naming the line
   */
  static parse(text: string): WordVectors {
    const lines = text.split('\n').filter(line => line.trim() !== '')
    if (lines.length && /^\d+ \d+\s*$/.test(lines[0])) lines.shift()
    if (lines.length === 0) throw new RagFormatError('word vectors', 'the whole text', 'there are none')
    const dimensions = lines[0].trimEnd().split(' ').length - 1
    const values = new Float32Array(lines.length * dimensions)
    const words = lines.map((line, i) => {
      const cells = line.trimEnd().split(' ')
      if (cells.length !== dimensions + 1 || dimensions === 0)
        throw new RagFormatError(
          'word vectors',
          `line ${i + 1}`,
          `${cells.length - 1} numbers, and there must be ${dimensions}`,
        )
      for (let d = 0; d < dimensions; d++) {
        const value = Number(cells[d + 1])
        if (!Number.isFinite(value))
          throw new RagFormatError('word vectors', `line ${i + 1}`, `${cells[d + 1]} is no number`)
        values[i * dimensions + d] = value
      }
      return cells[0]
    })
    return new WordVectors(words, values)
  }

  get size(): number {
    return this.rows.size
  }

  /** The place of a word, which is its rank in a file sorted by frequency; undefined if it is not there. */
  row(word: string): number | undefined {
    return this.rows.get(word)
  }

  /** A view of the vector of a row. */
  vector(row: number): Float32Array {
    return this.values.subarray(row * this.dimensions, (row + 1) * this.dimensions)
  }
}

/** The words of a text as word vectors name them: in lower case. */
export function plainWords(text: string): string[] {
  const spans = wordSpans(text)
  return Array.from({ length: spans.length / 2 }, (_, i) => text.slice(spans[2 * i], spans[2 * i + 1]).toLowerCase())
}

/** How frequent words are, counted in some texts. */
export function wordFrequencies(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  let total = 0
  for (const text of texts)
    for (const word of plainWords(text)) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
      total++
    }
  for (const [word, count] of counts) counts.set(word, count / total)
  return counts
}

export interface MeanEmbedderOptions {
  /** Texts like those to be embedded, from which frequencies and the common direction are taken. */
  sample: readonly string[]
  /** a of the formula: the smaller, the less frequent words count. Default 0.001. */
  smoothing?: number
}

/** Texts as means of word vectors, of length 1 (or 0 if no word is known). */
export class MeanEmbedder implements Embedder {
  readonly dimensions: number
  private readonly vectors: WordVectors
  private readonly frequencies: ReadonlyMap<string, number>
  private readonly smoothing: number
  private readonly common: Float64Array | null = null

  constructor(vectors: WordVectors, { sample, smoothing = 1e-3 }: MeanEmbedderOptions) {
    this.vectors = vectors
    this.dimensions = vectors.dimensions
    this.smoothing = smoothing
    this.frequencies = wordFrequencies(sample)
    this.common = sample.length > 1 ? mainDirection(sample.map(text => this.mean(text))) : null
  }

  async embed(texts: readonly string[]): Promise<Float32Array> {
    const out = new Float32Array(texts.length * this.dimensions)
    texts.forEach((text, i) => {
      const mean = this.mean(text)
      if (this.common) {
        const along = dot(mean, this.common)
        for (let d = 0; d < mean.length; d++) mean[d] -= along * this.common[d]
      }
      const length = Math.sqrt(dot(mean, mean))
      if (length > 1e-12) for (let d = 0; d < mean.length; d++) out[i * this.dimensions + d] = mean[d] / length
    })
    return out
  }

  private mean(text: string): Float64Array {
    const sum = new Float64Array(this.dimensions)
    let count = 0
    for (const word of plainWords(text)) {
      const row = this.vectors.row(word)
      if (row === undefined) continue
      const weight = this.smoothing / (this.smoothing + (this.frequencies.get(word) ?? 0))
      const vector = this.vectors.vector(row)
      for (let d = 0; d < sum.length; d++) sum[d] += weight * vector[d]
      count++
    }
    if (count) for (let d = 0; d < sum.length; d++) sum[d] /= count
    return sum
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/** The first right singular vector of some rows, by power iteration. */
function mainDirection(rows: readonly Float64Array[]): Float64Array {
  let direction = new Float64Array(rows[0].length).fill(1)
  for (let round = 0; round < 50; round++) {
    const next = new Float64Array(direction.length)
    for (const row of rows) {
      const along = dot(row, direction)
      for (let d = 0; d < next.length; d++) next[d] += along * row[d]
    }
    const length = Math.sqrt(dot(next, next))
    if (length < 1e-12) return new Float64Array(direction.length)
    for (let d = 0; d < next.length; d++) next[d] /= length
    direction = next
  }
  return direction
}

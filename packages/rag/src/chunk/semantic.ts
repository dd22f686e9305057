// Cuts where the meaning turns (Kamradt's "semantic chunking"): neighbouring sentences are embedded with what stands around them, and
// a step of meaning that is larger than most is a border.
import type { Embedder } from '../embedding/embedder.ts'
import { RagArgumentError } from '../errors.ts'
import { type Chunker, checkSize, chunksOf, merge, type SizeOptions, type Stretch } from './chunk.ts'
import { sentenceStretches } from './plain.ts'

export interface SemanticOptions extends SizeOptions {
  readonly embedder: Embedder
  /** Which share of the steps between sentences are borders: those above this quantile. Default 0.9. */
  readonly quantile?: number
  /** Sentences on each side that are embedded together with one. Default 1. */
  readonly window?: number
}

/** Chunks of sentences that are about the same. */
export function semanticChunker(options: SemanticOptions): Chunker {
  const sized = checkSize('semanticChunker', options)
  const { embedder, quantile = 0.9, window = 1 } = options
  if (!(quantile >= 0 && quantile <= 1))
    throw new RagArgumentError('semanticChunker', `quantile is ${quantile}`, 'give a number from 0 to 1')
  return async ({ text }) => {
    const pieces = sentenceStretches(text, sized)
    if (pieces.length === 0) return []
    const around = pieces.map((_, i) =>
      text.slice(pieces[Math.max(0, i - window)][0], pieces[Math.min(pieces.length - 1, i + window)][1]),
    )
    const vectors = await embedder.embed(around, 'passage')
    if (vectors.length !== pieces.length * embedder.dimensions)
      throw new RagArgumentError(
        'semanticChunker',
        `the embedder gave ${vectors.length} numbers`,
        `it must give ${pieces.length} vectors of ${embedder.dimensions}`,
      )
    const steps = pieces.slice(1).map((_, i) => distance(vectors, i, i + 1, embedder.dimensions))
    const border =
      [...steps].sort((a, b) => a - b)[Math.min(steps.length - 1, Math.floor(quantile * steps.length))] ?? 0
    const groups: Stretch[][] = [[]]
    pieces.forEach((piece, i) => {
      if (i > 0 && steps[i - 1] >= border && steps[i - 1] > 0) groups.push([])
      groups[groups.length - 1].push(piece)
    })
    return chunksOf(
      text,
      groups.flatMap(group => merge(text, group, sized)),
    )
  }
}

/** One less the cosine; texts of which nothing is known are as near as can be. */
function distance(vectors: Float32Array, a: number, b: number, dimensions: number): number {
  let dot = 0
  let lengthA = 0
  let lengthB = 0
  for (let i = 0; i < dimensions; i++) {
    const x = vectors[a * dimensions + i]
    const y = vectors[b * dimensions + i]
    dot += x * y
    lengthA += x * x
    lengthB += y * y
  }
  return lengthA && lengthB ? 1 - dot / Math.sqrt(lengthA * lengthB) : 0
}

// What a vector must be before an index takes it, and the two things that are done to one alone: normalizing and truncating.

import { RagArgumentError } from '../errors.ts'

/** A vector as a caller gives it: any list of finite numbers. */
export type VectorLike = ArrayLike<number>

/**
 * How near two vectors are. Scores are better when larger: `cosine` and `dot` are the products themselves, `l2` is the
 * squared Euclidean distance, negated.
 */
export type Metric = 'cosine' | 'dot' | 'l2'

export const metrics: readonly Metric[] = ['cosine', 'dot', 'l2']

/** The largest size of a vector: what the integer kernels can sum without overflow. */
export const MAX_DIMENSIONS = 16384

/**
 * Refuses what is not `dimensions` finite numbers, or has no direction where one is needed.
 * @throws RagArgumentError naming the operation, the first bad element and its value
 */
export function checkVector(op: string, vector: VectorLike, dimensions: number, metric: Metric): void {
  if (vector === null || typeof vector !== 'object' || typeof vector.length !== 'number')
    throw new RagArgumentError(op, `a vector is a list of numbers, not ${describe(vector)}`)
  if (vector.length !== dimensions)
    throw new RagArgumentError(op, `a vector of ${vector.length} numbers`, `this index holds vectors of ${dimensions}`)
  let squares = 0
  for (let i = 0; i < dimensions; i++) {
    const value: unknown = vector[i]
    // A value beyond single precision would be stored as Infinity.
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
      throw new RagArgumentError(op, `element ${i} of a vector is ${describe(value)}`, 'give finite numbers')
    squares += value * value
  }
  if (metric === 'cosine' && squares === 0)
    throw new RagArgumentError(op, 'a vector of zeros has no direction', 'leave it out, or use the metric dot or l2')
}

function describe(value: unknown): string {
  return typeof value === 'number' || value === null || value === undefined ? String(value) : `a ${typeof value}`
}

/** Length 1, direction kept: computed in double precision, rounded once. A vector of zeros stays one. */
export function normalized(vector: VectorLike, length: number = vector.length): Float32Array {
  let largest = 0
  for (let i = 0; i < length; i++) largest = Math.max(largest, Math.abs(vector[i]))
  const out = new Float32Array(length)
  if (largest === 0) return out
  let squares = 0
  for (let i = 0; i < length; i++) squares += (vector[i] / largest) ** 2
  const factor = 1 / (largest * Math.sqrt(squares))
  for (let i = 0; i < length; i++) out[i] = vector[i] * factor
  return out
}

/**
 * The first `dimensions` numbers, normalized: how the embeddings of models trained for it (Matryoshka representation learning,
 * Kusupati et al. 2022) are made smaller.
 */
export function truncated(vector: VectorLike, dimensions: number): Float32Array {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > vector.length)
    throw new RagArgumentError('truncated', `${dimensions} of ${vector.length} numbers`, 'ask for 1 to all of them')
  return normalized(vector, dimensions)
}

export function checkMetric(op: string, metric: Metric): void {
  if (!metrics.includes(metric))
    throw new RagArgumentError(op, `there is no metric '${String(metric)}'`, `the metrics are ${metrics.join(', ')}`)
}

export function checkDimensions(op: string, dimensions: number): void {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MAX_DIMENSIONS)
    throw new RagArgumentError(op, `vectors of ${String(dimensions)} numbers`, `the size is 1 to ${MAX_DIMENSIONS}`)
}

/** `k`, a count of results. */
export function checkCount(op: string, k: number): void {
  if (!Number.isInteger(k) || k < 1) throw new RagArgumentError(op, `k is ${String(k)}`, 'ask for at least 1 result')
}

// What tells attention where things stand: numbers added to the embeddings, or to the scores.

import { arange, CairnError, type DeviceName, type Tensor, tensor } from '@cairn/tensor'

/**
 * Sines and cosines of positions (Vaswani et al. 2017): feature 2i is sin(p / theta^(2i / width)), feature 2i + 1 the cosine.
 * @returns f32 [count, width]
 */
export function sinusoidalPositions(count: number, width: number, options: { theta?: number } = {}): Tensor {
  if (width % 2 !== 0) throw new CairnError('sinusoidalPositions', `the width must be even, not ${width}`)
  const { theta = 10_000 } = options
  const values = new Float32Array(count * width)
  for (let p = 0; p < count; p++)
    for (let i = 0; i < width / 2; i++) {
      const angle = p * theta ** ((-2 * i) / width)
      values[p * width + 2 * i] = Math.sin(angle)
      values[p * width + 2 * i + 1] = Math.cos(angle)
    }
  return tensor(values, [count, width])
}

/** ALiBi's slope of each head (Press et al. 2022): 2^(-8 i / heads) for powers of two, filled up from the next power otherwise. */
export function alibiSlopes(heads: number): number[] {
  const powers = (n: number) => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n))
  const below = 2 ** Math.floor(Math.log2(heads))
  if (below === heads) return powers(heads)
  return [...powers(below), ...powers(2 * below).filter((_, i) => i % 2 === 0)].slice(0, heads)
}

/** Positions of queries against keys: key - query, i32 [queries, keys]. The last query stands at the last key. */
export function relativePositions(queries: number, keys: number, options: { device?: DeviceName } = {}): Tensor {
  const columns = arange(0, keys, 1, options)
  const rows = arange(keys - queries, keys, 1, options)
  return columns.unsqueeze(0).sub(rows.unsqueeze(1))
}

/**
 * ALiBi's numbers to add to the scores: -slope * distance. Goes into attention as its `mask`.
 * @returns f32 [heads, queries, keys]
 */
export function alibiBias(
  heads: number,
  queries: number,
  keys: number = queries,
  options: { device?: DeviceName } = {},
): Tensor {
  const distance = relativePositions(queries, keys, options).abs().to('f32').neg()
  return distance.unsqueeze(0).mul(tensor(Float32Array.from(alibiSlopes(heads)), [heads, 1, 1], options))
}

export interface RelativeBucketOptions {
  /** default 32 */
  readonly buckets?: number
  /** farther ones share the last bucket, default 128 */
  readonly maxDistance?: number
  /** half of the buckets for keys after the query; false in decoders */
  readonly bidirectional?: boolean
}

/**
 * T5's bucket of each relative position (Raffel et al. 2020): near ones have one each, farther ones share logarithmically. Computed on the host, since
 * logarithms of integers decide on which side of a border a distance falls.
 * @returns i32 [queries, keys]; the last query stands at the last key
 */
export function relativeBuckets(queries: number, keys: number, options: RelativeBucketOptions = {}): Int32Array {
  const { buckets = 32, maxDistance = 128, bidirectional = true } = options
  const own = bidirectional ? buckets / 2 : buckets
  const exact = Math.floor(own / 2)
  const out = new Int32Array(queries * keys)
  for (let q = 0; q < queries; q++)
    for (let k = 0; k < keys; k++) {
      const relative = k - (q + keys - queries)
      const distance = bidirectional ? Math.abs(relative) : Math.max(0, -relative)
      // in single precision, as T5's own code has it
      const share = Math.fround(Math.fround(Math.log(Math.fround(distance / exact))) / Math.log(maxDistance / exact))
      const far = exact + Math.floor(Math.fround(share * (own - exact)))
      const bucket = distance < exact ? distance : Math.min(own - 1, far)
      out[q * keys + k] = bucket + (bidirectional && relative > 0 ? own : 0)
    }
  return out
}

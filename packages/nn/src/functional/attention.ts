// Scaled dot-product attention (Vaswani et al. 2017) with grouped heads (Ainslie et al. 2023). What a query sees becomes a range of keys for
// each query, and `attention` of @cairn/tensor runs it in blocks with memory linear in the length. Weights that are dropped, masks with a
// gradient and f64 take the composition below, which has the scores in memory; both mean the same and are tested against each other.

import { arange, type DeviceName, dropout, ShapeError, type Tensor } from '@cairn/tensor'
import { attention } from '@cairn/tensor/functional'

export interface AttentionOptions {
  /** a query sees no later key: key position <= query position */
  readonly causal?: boolean
  /** where the queries stand among the keys, integers [queries] or [batch, queries]; 0, 1, 2 ... by default. For causal attention over a cache */
  readonly positions?: Tensor
  /** how many keys of each row of the batch are there, integers [batch]; later ones are not seen. Data: a growing cache compiles nothing */
  readonly lengths?: Tensor
  /** bool (true: sees) or float (added to the scores); broadcasts to [batch, heads, queries, keys] */
  readonly mask?: Tensor
  /** a query sees only keys that are less than this many positions away from its own (sliding window) */
  readonly window?: number
  /** default 1 / sqrt(width) */
  readonly scale?: number
  /** probability with which a weight is dropped, for training */
  readonly dropout?: number
}

/** Scores of unseen keys. Finite, so that a query that sees nothing is no NaN; its weights are set to 0. */
const unseen = -1e30

/**
 * Attention: softmax(q k^T * scale) v.
 * @param q [batch, heads, queries, width]
 * @param k [batch, kvHeads, keys, width]; kv head j serves query heads j * g to j * g + g - 1 with g = heads / kvHeads
 * @param v [batch, kvHeads, keys, out]
 * @returns [batch, heads, queries, out]; a query that sees no key (or only scores of -Infinity) gives 0, where torch has NaN
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkShapes(q, k, v)
  const { window } = options
  if (window !== undefined && (!Number.isInteger(window) || window < 1))
    throw new ShapeError('attention', `the window must be an integer of at least 1, not ${window}`)
  const composed =
    options.dropout ||
    options.mask?.requiresGrad ||
    [q, k, v].some(t => t.dtype === 'f64') ||
    remembers(q, k, v, options)
  return (composed ? composedAttention : blockedAttention)(q, k, v, options)
}

/** Scores that a backward pass may keep: 32 MiB of f32. */
const rememberedScores = 1 << 23

/**
 * Whether the scores are kept for the backward pass instead of being computed again: six products of a training step then and not seven, measured
 * 1.15 times as fast on WASM. Only where every query sees every key, since blocks skip what is not seen, and while there are few.
 */
function remembers(q: Tensor, k: Tensor, v: Tensor, { causal, lengths, window, mask }: AttentionOptions): boolean {
  if (causal || lengths || window || mask) return false
  const [batch, heads, queries] = q.shape
  return [q, k, v].some(t => t.requiresGrad) && batch * heads * queries * k.shape[2] <= rememberedScores
}

/** Positions of the queries among the keys, i32 [queries] or [batch, queries]. */
const positionsOf = (q: Tensor, { positions }: AttentionOptions): Tensor =>
  positions ? positions.to('i32') : arange(0, q.shape[2], 1, { device: q.device as DeviceName })

export function blockedAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { causal, lengths, window, mask, scale } = options
  const at = causal || window ? positionsOf(q, options) : null
  const bounds: Tensor[] = []
  if (window && !causal) bounds.push(at!.add(window))
  if (lengths) bounds.push(lengths.to('i32').reshape([-1, 1]))
  const ends = bounds.length ? bounds.reduce((a, b) => a.minimum(b)) : undefined
  const starts = window ? at!.sub(window - 1) : undefined
  return attention(q, k, v, { upTo: causal ? at! : undefined, ends, starts, mask, scale })
}

/**
 * Attention, and the weights that it mixes the values with: the form that has them in memory, [batch, heads, queries, keys]. Dropped weights
 * are returned as they were used.
 */
export function attentionWithWeights(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): { output: Tensor; weights: Tensor } {
  checkShapes(q, k, v)
  return weighted(q, k, v, options)
}

/** The same of products and a softmax; the compiler computes what a query sees inside of a kernel, never as a matrix. */
export const composedAttention = (q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor =>
  weighted(q, k, v, options).output

function weighted(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): { output: Tensor; weights: Tensor } {
  const [batch, heads, queries, width] = q.shape
  const [, kvHeads, keys] = k.shape
  const out = v.shape[3]
  const group = heads / kvHeads
  const folded = q.mul(options.scale ?? 1 / Math.sqrt(width)).reshape([batch, kvHeads, group * queries, width])
  let scores = folded.matmul(k.transpose(-1, -2)).reshape([batch, kvHeads, group, queries, keys])
  const { mask } = options
  if (mask && mask.dtype !== 'bool') scores = scores.add(byGroup(mask, kvHeads, group))
  const seen = seenKeys(q, queries, keys, kvHeads, group, options)
  if (seen) scores = scores.where(seen, unseen)
  // Only these can hide every key of a query.
  const hides = options.lengths || mask || options.window || options.positions
  if (hides) scores = scores.maximum(unseen)
  let weights = scores.softmax(-1)
  if (hides) weights = weights.where(scores.gt(unseen), 0)
  if (options.dropout) weights = dropout(weights, options.dropout)
  const output = weights
    .reshape([batch, kvHeads, group * queries, keys])
    .matmul(v)
    .reshape([batch, heads, queries, out])
  return { output, weights: weights.reshape([batch, heads, queries, keys]) }
}

function checkShapes(q: Tensor, k: Tensor, v: Tensor): void {
  const fail = (problem: string) => {
    throw new ShapeError('attention', problem, {
      q: `[${q.shape.join(', ')}]`,
      k: `[${k.shape.join(', ')}]`,
      v: `[${v.shape.join(', ')}]`,
    })
  }
  if (q.ndim !== 4 || k.ndim !== 4 || v.ndim !== 4) fail('q, k and v need the axes [batch, heads, positions, width]')
  if (q.shape[3] !== k.shape[3]) fail('queries and keys differ in width')
  if (k.shape[1] !== v.shape[1] || k.shape[2] !== v.shape[2]) fail('keys and values differ in heads or positions')
  if (q.shape[0] !== k.shape[0] || k.shape[0] !== v.shape[0]) fail('batches differ')
  if (q.shape[1] % k.shape[1] !== 0) fail(`${q.shape[1]} heads do not share ${k.shape[1]} key heads evenly`)
}

/** Which keys a query sees, as bool against [batch, kvHeads, group, queries, keys]; null when all. */
function seenKeys(
  q: Tensor,
  queries: number,
  keys: number,
  kvHeads: number,
  group: number,
  options: AttentionOptions,
): Tensor | null {
  const { causal, lengths, mask, window } = options
  const conditions: Tensor[] = []
  const column = causal || lengths || window ? arange(0, keys, 1, { device: q.device as DeviceName }) : null
  if (causal || window) {
    const at = positionsOf(q, options)
    const rows = at.ndim === 2 ? at.reshape([at.shape[0], 1, 1, queries, 1]) : at.reshape([queries, 1])
    conditions.push(causal ? column!.le(rows) : column!.lt(rows.add(window!)))
    if (window) conditions.push(column!.gt(rows.sub(window)))
  }
  if (lengths) conditions.push(column!.lt(lengths.to('i32').reshape([-1, 1, 1, 1, 1])))
  if (mask?.dtype === 'bool') conditions.push(byGroup(mask, kvHeads, group))
  return conditions.length ? conditions.reduce((a, b) => a.and(b)) : null
}

/** A mask against [batch, heads, queries, keys] with its head axis split into kv heads and group. */
function byGroup(mask: Tensor, kvHeads: number, group: number): Tensor {
  if (mask.ndim < 3) return mask
  const heads = mask.shape[mask.ndim - 3]
  const split = heads === 1 ? [1, 1] : [kvHeads, group]
  return mask.reshape([...mask.shape.slice(0, -3), ...split, ...mask.shape.slice(-2)])
}

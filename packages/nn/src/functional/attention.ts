// Scaled dot-product attention (Vaswani et al. 2017) as a composition that the compiler fuses: which keys a query sees is a condition
// computed from positions inside the kernel, never a matrix in memory. Grouped heads (Ainslie et al. 2023) fold the group into the
// query axis, so keys and values are not repeated.

import { arange, type DeviceName, dropout, ShapeError, type Tensor } from '@cairn/tensor'

export interface AttentionOptions {
  /** a query sees no later key: key position <= query position */
  readonly causal?: boolean
  /** where the queries stand among the keys, integers [queries] or [batch, queries]; 0, 1, 2 ... by default. For causal attention over a cache */
  readonly positions?: Tensor
  /** how many keys of each row of the batch are there, integers [batch]; later ones are not seen. Data: a growing cache compiles nothing */
  readonly lengths?: Tensor
  /** bool (true: sees) or float (added to the scores); broadcasts to [batch, heads, queries, keys] */
  readonly mask?: Tensor
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
 * @returns [batch, heads, queries, out]; a query that sees no key gives 0
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkShapes(q, k, v)
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
  let weights = scores.softmax(-1)
  // Only a mask or a length can hide every key of a query.
  if (seen && (options.lengths || mask?.dtype === 'bool')) weights = weights.where(seen, 0)
  if (options.dropout) weights = dropout(weights, options.dropout)
  return weights
    .reshape([batch, kvHeads, group * queries, keys])
    .matmul(v)
    .reshape([batch, heads, queries, out])
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
  { causal, positions, lengths, mask }: AttentionOptions,
): Tensor | null {
  const device = q.device as DeviceName
  const conditions: Tensor[] = []
  const column = causal || lengths ? arange(0, keys, 1, { device }) : null
  if (causal) {
    const at = positions ?? arange(0, queries, 1, { device })
    const rows = at.ndim === 2 ? at.reshape([at.shape[0], 1, 1, queries, 1]) : at.reshape([queries, 1])
    conditions.push(column!.le(rows.to('i32')))
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

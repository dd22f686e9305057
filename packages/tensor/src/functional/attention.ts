// Scaled dot-product attention as one op (primitives/attention.ts). What a query sees is data: a range of keys for each query covers
// causal masks, lengths of a cache and sliding windows, and lets kernels skip what is not seen.

import { isFloat } from '../dtype.ts'
import { DTypeError, GradientError, listed, ShapeError } from '../errors.ts'
import { cast, constantOf, expandTo, operand } from '../ops/build.ts'
import { attention as rules } from '../primitives/attention.ts'
import { addPrimitives } from '../primitives/table.ts'
import { apply, type Tensor } from '../tensor.ts'

export interface AttentionInput {
  /** default 1 / sqrt(width); data */
  readonly scale?: number
  /** a query sees keys from this one on: integers that broadcast to [batch, queries] */
  readonly starts?: Tensor
  /** a query sees keys before this one: integers that broadcast to [batch, queries] */
  readonly ends?: Tensor
  /** a query sees keys up to this one and no later one, as in causal attention the one at its own place: integers that broadcast to [batch, queries] */
  readonly upTo?: Tensor
  /** bool (true: sees) or float (added to the scores), broadcasts to [batch, heads, queries, keys]; has no gradient here */
  readonly mask?: Tensor
}

/**
 * softmax(q k^T * scale + mask) v with memory linear in the number of keys (T. Dao et al., "FlashAttention", 2022), in f32.
 * @param q [batch, heads, queries, width], floating point
 * @param k [batch, kvHeads, keys, width]; kv head j serves query heads j * g to j * g + g - 1 with g = heads / kvHeads
 * @param v [batch, kvHeads, keys, out]
 * @returns [batch, heads, queries, out] in the dtype of q; a query that sees no key, or only scores of -Infinity, gives 0
 * @throws ShapeError for sizes that do not fit, GradientError for a mask that requires a gradient
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionInput = {}): Tensor {
  checkOperands(q, k, v)
  addPrimitives(rules)
  const [batch, heads, queries, width] = q.shape
  const [, kvHeads, keys] = k.shape
  const group = kvHeads === 0 ? 1 : heads / kvHeads
  const sources = [
    cast(q, 'f32').permute([0, 2, 1, 3]).reshape([batch, queries, kvHeads, group, width]),
    cast(k, 'f32').permute([0, 2, 1, 3]),
    cast(v, 'f32').permute([0, 2, 1, 3]),
    options.scale === undefined
      ? constantOf(1 / Math.sqrt(width), 'f32', q.engine)
      : operand('attention', options.scale, q, 'f32'),
  ]
  let mode = ''
  for (const [flag, bound] of [
    ['s', options.starts],
    ['e', endsOf(options)],
  ] as const) {
    if (!bound) continue
    mode += flag
    sources.push(expandTo(cast(bound, 'i32'), [batch, queries]))
  }
  if (options.mask) {
    mode += 'm'
    sources.push(maskOf(options.mask, [batch, kvHeads, group, queries, keys]))
  }
  const out = apply('attention', sources, { mode })
  return cast(out.reshape([batch, queries, heads, v.shape[3]]).permute([0, 2, 1, 3]), q.dtype)
}

/** The 1 is a constant, so that the layers of a model, which all have the same positions, share one result. */
function endsOf({ ends, upTo }: AttentionInput): Tensor | undefined {
  if (!upTo) return ends
  const after = constantOf(1, 'i32', upTo.engine).add(cast(upTo, 'i32'))
  return ends ? after.minimum(cast(ends, 'i32')) : after
}

function checkOperands(q: Tensor, k: Tensor, v: Tensor): void {
  const fail = (problem: string): never => {
    throw new ShapeError('attention', problem, {
      q: listed(q.shape),
      k: listed(k.shape),
      v: listed(v.shape),
    })
  }
  for (const t of [q, k, v])
    if (!isFloat(t.dtype) || t.dtype === 'f64')
      throw new DTypeError('attention', `needs f32, f16 or bf16, not ${t.dtype}; convert with .to('f32')`)
  if (q.ndim !== 4 || k.ndim !== 4 || v.ndim !== 4) fail('q, k and v need the axes [batch, heads, positions, width]')
  if (q.shape[3] !== k.shape[3]) fail('queries and keys differ in width')
  if (k.shape[1] !== v.shape[1] || k.shape[2] !== v.shape[2]) fail('keys and values differ in heads or positions')
  if (q.shape[0] !== k.shape[0] || k.shape[0] !== v.shape[0]) fail('batches differ')
  if (k.shape[1] === 0 ? q.shape[1] !== 0 : q.shape[1] % k.shape[1] !== 0)
    fail(`${q.shape[1]} heads do not share ${k.shape[1]} key heads evenly`)
}

/** A mask as numbers to add, on the axes [batch, kvHeads, group, queries, keys]; converted before it is stretched. */
function maskOf(mask: Tensor, shape: readonly number[]): Tensor {
  if (mask.requiresGrad)
    throw new GradientError(
      'attention',
      'has no gradient for its mask, which would be as large as the scores; compose it of matmul and softmax, or detach() the mask',
    )
  const [batch, kvHeads, group, queries, keys] = shape
  const added =
    mask.dtype === 'bool'
      ? constantOf(0, 'f32', mask.engine).where(mask, constantOf(-Infinity, 'f32', mask.engine))
      : cast(mask, 'f32')
  const sizes = [...new Array<number>(4 - added.ndim).fill(1), ...added.shape]
  const split = sizes[1] === 1 ? [1, 1] : [kvHeads, group]
  return expandTo(added.reshape([sizes[0], ...split, sizes[2], sizes[3]]), [batch, kvHeads, group, queries, keys])
}

// Bags of embeddings: rows of a table, summed, averaged or compared bag by bag (torch.nn.functional.embedding_bag).

import { isInteger } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { constantOf, positions } from '../ops/build.ts'
import { where } from '../ops/elementwise.ts'
import { indexSelect } from '../ops/indexing.ts'
import { k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'

export interface EmbeddingBagOptions {
  /** 'mean' by default; a bag without rows is 0 */
  readonly mode?: 'sum' | 'mean' | 'max'
  /** where each bag of a 1-d `indices` begins: integers, ascending, the first one 0 */
  readonly offsets?: Tensor
  /** a factor for each row, shaped like `indices`; only with 'sum' */
  readonly weights?: Tensor
  /** rows of this number count for nothing */
  readonly paddingIndex?: number
}

/**
 * @param table [rows, width]   @param indices [bags, length], or [length] with `offsets`
 * @returns [bags, width]
 */
export function embeddingBag(table: Tensor, indices: Tensor, options: EmbeddingBagOptions = {}): Tensor {
  const { mode = 'mean', offsets, weights, paddingIndex } = options
  if (table.ndim !== 2)
    throw new ShapeError('embeddingBag', 'the table must be [rows, width]', { shape: [...table.shape] })
  if (!isInteger(indices.dtype))
    throw new DTypeError(
      'embeddingBag',
      `the indices must be an integer tensor, not ${indices.dtype}; convert with .to('i32')`,
    )
  if (indices.ndim !== (offsets ? 1 : 2))
    throw new ShapeError('embeddingBag', 'indices are [bags, length], or [length] with offsets', {
      shape: [...indices.shape],
    })
  if (weights && mode !== 'sum') throw new ShapeError('embeddingBag', `weights go with mode 'sum', not '${mode}'`)
  const counts = paddingIndex === undefined ? null : indices.ne(paddingIndex)
  let rows = indexSelect(table, 0, indices)
  if (weights) rows = rows.mul(weights.unsqueeze(-1))
  const nothing = mode === 'max' ? Number.NEGATIVE_INFINITY : 0
  if (counts) rows = where(counts.unsqueeze(-1), rows, k(nothing))
  const one = (counts ?? indices.onesLike()).to(table.dtype)
  const bags = offsets ? joined(rows, one, offsets, mode, nothing) : stacked(rows, one, mode)
  if (mode === 'sum') return bags.result
  const empty = bags.count.eq(k(0)).unsqueeze(-1)
  return mode === 'max'
    ? where(empty, k(0), bags.result, bags.result)
    : bags.result.div(bags.count.maximum(k(1)).unsqueeze(-1))
}

interface Bags {
  readonly result: Tensor
  /** rows in each */
  readonly count: Tensor
}

/** Bags of one length. */
function stacked(rows: Tensor, one: Tensor, mode: 'sum' | 'mean' | 'max'): Bags {
  const count = one.sum(1)
  if (mode !== 'max') return { result: rows.sum(1), count }
  return { result: rows.shape[1] === 0 ? rows.sum(1) : rows.max(1), count }
}

/** Bags in a row. */
function joined(rows: Tensor, one: Tensor, offsets: Tensor, mode: 'sum' | 'mean' | 'max', nothing: number): Bags {
  const [length, width] = rows.shape
  const bags = offsets.size
  const place = positions([length], 0, rows.engine)
  const bag = offsets.to('i32').searchsorted(place, { right: true }).sub(k(1))
  const fresh = (shape: readonly number[], value: number) => constantOf(value, rows.dtype, rows.engine).expand(shape)
  const count = fresh([bags], 0).scatterAdd(0, bag, one)
  const to = bag.unsqueeze(1).expand([length, width])
  const into = fresh([bags, width], nothing)
  return { result: mode === 'max' ? into.scatterMax(0, to, rows) : into.scatterAdd(0, to, rows), count }
}

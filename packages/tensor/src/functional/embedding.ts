// Rows of a table by number (torch.nn.functional.embedding), and bags of them: summed, averaged or compared bag by bag (embedding_bag).

import { tableOf } from '../autograd/sparse.ts'
import { isInteger } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { asIndex, constantOf, positions } from '../ops/build.ts'
import { where } from '../ops/elementwise.ts'
import { indexSelect } from '../ops/indexing.ts'
import { k } from '../ops/operand.ts'
import { withDerivative } from '../ops/shortcut.ts'
import type { Tensor } from '../tensor.ts'

/** How a table learns from lookups. */
export interface LookupOptions {
  /** its gradient is kept as the rows that were looked up (`sparseRows(table.grad)`): SGD, Adagrad and SparseAdam then touch only those */
  readonly sparse?: boolean
  /** divide the gradient of a row by how often it was looked up */
  readonly scaleGradByFreq?: boolean
}

export interface EmbeddingOptions extends LookupOptions {
  /** lookups of this row give the table no gradient */
  readonly paddingIndex?: number
}

/**
 * Rows by number.
 * @param table [count, ...]   @param indices integers of any shape
 * @returns [...indices.shape, ...table.shape.slice(1)]
 */
export function embedding(table: Tensor, indices: Tensor, options: EmbeddingOptions = {}): Tensor {
  if (table.ndim === 0) throw new ShapeError('embedding', 'the table must have an axis of rows', { shape: [] })
  checkIndices('embedding', indices)
  const rows = lookUp(table, indices, options)
  const { paddingIndex } = options
  if (paddingIndex === undefined) return rows
  const counts = indices.ne(paddingIndex).reshape([...indices.shape, ...table.shape.slice(1).map(() => 1)])
  return where(counts, rows, rows.detach())
}

function checkIndices(op: string, indices: Tensor): void {
  if (!isInteger(indices.dtype))
    throw new DTypeError(op, `the indices must be an integer tensor, not ${indices.dtype}; convert with .to('i32')`)
}

function lookUp(table: Tensor, indices: Tensor, { sparse, scaleGradByFreq }: LookupOptions): Tensor {
  const rows = () => indexSelect(table, 0, indices)
  if (!sparse && !scaleGradByFreq) return rows()
  return withDerivative([table], rows, (g, [table]) => {
    const flat = asIndex('embedding', indices).reshape([indices.size])
    const own = g.reshape([indices.size, ...table.shape.slice(1)])
    const shares = scaleGradByFreq ? own.div(occurrences(flat, own)) : own
    return [sparse ? tableOf(table.shape, flat, shares) : table.zerosLike().indexAdd(0, flat, shares)]
  })
}

/** How often each index stands in the list, beside rows [n, ...]. */
function occurrences(indices: Tensor, rows: Tensor): Tensor {
  const [sorted] = indices.sort(0)
  const count = sorted.searchsorted(indices, { right: true }).sub(sorted.searchsorted(indices))
  return count.to(rows.dtype).reshape(rows.shape.map((n, d) => (d === 0 ? n : 1)))
}

export interface EmbeddingBagOptions extends LookupOptions {
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
  checkIndices('embeddingBag', indices)
  if (indices.ndim !== (offsets ? 1 : 2))
    throw new ShapeError('embeddingBag', 'indices are [bags, length], or [length] with offsets', {
      shape: [...indices.shape],
    })
  if (weights && mode !== 'sum') throw new ShapeError('embeddingBag', `weights go with mode 'sum', not '${mode}'`)
  const counts = paddingIndex === undefined ? null : indices.ne(paddingIndex)
  let rows = lookUp(table, indices, options)
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

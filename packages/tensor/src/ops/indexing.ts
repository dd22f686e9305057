// Reading and writing at indices that are data. Index tensors are integers; negative indices are not wrapped. One outside of its axis is an
// IndexError of the run on the CPU, and on a GPU in debug mode; otherwise a GPU reads the nearest element and writes nothing.

import { DTypeError, listed, ShapeError } from '../errors.ts'
import { normalizeAxis } from '../shape.ts'
import { apply, Tensor } from '../tensor.ts'
import { acrossSlices, asIndex, cast, checkCount, operand, positions, scalarOf, startOf } from './build.ts'
import type { Operand } from './operand.ts'

/** torch.gather: out[i][j] = x[index[i][j]][j] for axis 0. The result has the shape of `index`. */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  return apply('gather', [x, asIndex('gather', index)], { axis: normalizeAxis('gather', axis, x.ndim) })
}

function scatterWith(mode: 'set' | 'add' | 'max' | 'min') {
  return (x: Tensor, axis: number, index: Tensor, updates: Operand): Tensor => {
    const values = updates instanceof Tensor ? updates : operand('scatter', updates, x).expand(index.shape)
    return apply('scatter', [x, asIndex('scatter', index), values], {
      axis: normalizeAxis('scatter', axis, x.ndim),
      mode,
    })
  }
}
/** A copy of x with `updates` put at `index` along an axis (torch.scatter); where an index repeats, the last wins. */
export const scatter = scatterWith('set')
/** A copy of x with `updates` added at `index` along an axis, in order. */
export const scatterAdd = scatterWith('add')
export const scatterMax = scatterWith('max')
export const scatterMin = scatterWith('min')

/** Rows (or other slices) by number: axis `axis` of x is replaced by the axes of `index`. `table.indexSelect(0, ids)` is an embedding. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  const d = normalizeAxis('indexSelect', axis, x.ndim)
  const rows = gather(x, d, acrossSlices('indexSelect', index.reshape([index.size]), d, x.shape.with(d, index.size)))
  return index.ndim === 1 ? rows : rows.reshape(x.shape.toSpliced(d, 1, ...index.shape))
}

/**
 * x with a window of one axis replaced, from `start`: a number (negative: from the end), or a 0-d integer tensor, clamped so that the
 * window fits.
 */
export function setNarrow(x: Tensor, axis: number, start: number | Tensor, values: Tensor): Tensor {
  const d = normalizeAxis('setNarrow', axis, x.ndim)
  if (values.ndim !== x.ndim || values.shape.some((n, i) => (i === d ? n > x.shape[i] : n !== x.shape[i])))
    throw new ShapeError('setNarrow', `${listed(values.shape)} is not a window of ${listed(x.shape)} along axis ${d}`)
  if (values.dtype !== x.dtype)
    throw new DTypeError(
      'setNarrow',
      `the values are ${values.dtype}, the tensor is ${x.dtype}; convert with .to('${x.dtype}')`,
    )
  const last = x.shape[d] - values.shape[d]
  let first: Tensor
  if (typeof start === 'number') {
    const from = start < 0 ? start + x.shape[d] : start
    if (!Number.isInteger(from) || from < 0 || from > last)
      throw new ShapeError('setNarrow', `${values.shape[d]} elements from ${start} do not fit axis ${d}`, {
        size: x.shape[d],
      })
    first = scalarOf(from, 'i32', x.engine)
  } else first = startOf('setNarrow', start).clamp(0, last)
  const places = positions(values.shape, d, x.engine)
  return scatter(x, d, places.add(first), values)
}

/** Adds to the slices of x that `index` (1-d) numbers along an axis. */
export function indexAdd(x: Tensor, axis: number, index: Tensor, values: Tensor): Tensor {
  const d = normalizeAxis('indexAdd', axis, x.ndim)
  if (values.ndim !== x.ndim || values.shape[d] !== index.size)
    throw new ShapeError(
      'indexAdd',
      `${index.size} indices for values ${listed(values.shape)} along axis ${d} of ${listed(x.shape)}`,
    )
  return scatterAdd(x, d, acrossSlices('indexAdd', index, d, values.shape), values)
}

/** 1 where the class matches, in a new last axis (i32). */
export function oneHot(index: Tensor, classes: number): Tensor {
  checkCount('oneHot', 'number of classes', classes)
  const shape = [...index.shape, classes]
  const places = positions(shape, index.ndim, index.engine)
  return cast(asIndex('oneHot', index).unsqueeze(-1).eq(places), 'i32')
}

// Reductions and what is made of them. `axes` may be negative, one or several; all axes when left out.

import { isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import type { ReduceName } from '../primitives/reduce.ts'
import { normalizeAxes, normalizeAxis } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { cast, toFloat } from './build.ts'
import { add, detach, div, eq, exp, log, mul, sub, where } from './elementwise.ts'
import { expand } from './movement.ts'
import { k } from './operand.ts'

export type Axes = number | readonly number[]
export interface KeepDim {
  /** keep reduced axes with size 1 */
  readonly keepDim?: boolean
}

function reduce(op: string, name: ReduceName, x: Tensor, axes: Axes | undefined, options: KeepDim = {}): Tensor {
  const list = normalizeAxes(op, axes, x.ndim)
  const out = list.length === 0 ? apply('identity', [x]) : apply(name, [x], { axes: list })
  return options.keepDim ? out.reshape(x.shape.map((n, d) => (list.includes(d) ? 1 : n))) : out
}

/** How many elements fall together, as data, so that a ragged batch compiles nothing. */
function count(x: Tensor, axes: Axes | undefined): number {
  return normalizeAxes('mean', axes, x.ndim).reduce((n, d) => n * x.shape[d], 1)
}

/** Sum; bools and small integers sum in i32. */
export const sum = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  reduce('sum', 'sum', ['bool', 'u8', 'i8'].includes(x.dtype) ? cast(x, 'i32') : x, axes, options)

export const prod = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  reduce('prod', 'prod', ['bool', 'u8', 'i8'].includes(x.dtype) ? cast(x, 'i32') : x, axes, options)

/** Mean of floating-point values; the empty mean is NaN. */
export function mean(x: Tensor, axes?: Axes, options?: KeepDim): Tensor {
  if (!isFloat(x.dtype)) throw new DTypeError('mean', `needs floating point, not ${x.dtype}; convert with .to('f32')`)
  return div(sum(x, axes, options), count(x, axes))
}

function extreme(op: 'max' | 'min', x: Tensor, axes: Axes | undefined, options?: KeepDim): Tensor {
  const list = normalizeAxes(op, axes, x.ndim)
  if (list.some(d => x.shape[d] === 0)) throw new ShapeError(op, `an empty axis has no ${op}`, { shape: [...x.shape] })
  return reduce(op, op === 'max' ? 'amax' : 'amin', x.dtype === 'bool' ? cast(x, 'i32') : x, axes, options)
}
/** Largest element; NaN wins; ties share the gradient. */
export const max = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => extreme('max', x, axes, options)
/** Smallest element; NaN wins; ties share the gradient. */
export const min = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => extreme('min', x, axes, options)

/** Whether any (all) elements hold. */
export const any = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  cast(reduce('any', 'amax', cast(cast(x, 'bool'), 'i32'), axes, options), 'bool')
export const all = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  cast(reduce('all', 'amin', cast(cast(x, 'bool'), 'i32'), axes, options), 'bool')

/** Position (i32) of the first largest element along one axis; NaN counts as largest. */
export const argmax = (x: Tensor, axis = -1, options?: KeepDim): Tensor => position('argmax', x, axis, options)
/** Position (i32) of the first smallest element along one axis; NaN counts as smallest. */
export const argmin = (x: Tensor, axis = -1, options?: KeepDim): Tensor => position('argmin', x, axis, options)

function position(op: 'argmax' | 'argmin', x: Tensor, axis: number, options: KeepDim = {}): Tensor {
  const d = normalizeAxis(op, axis, x.ndim)
  if (x.shape[d] === 0) throw new ShapeError(op, 'an empty axis has no position', { shape: [...x.shape] })
  const best = extreme(op === 'argmax' ? 'max' : 'min', x, d, { keepDim: true })
  const all = expand(best, x.shape)
  const hit = isFloat(x.dtype) ? eq(x, all).or(x.isnan()) : eq(x, all)
  const places = apply('iota', [], { axis: d }, x.shape, x.engine)
  return reduce(op, 'amin', where(hit, places, k(x.shape[d])), d, options)
}

/** Variance; `correction` 1 (the default) divides by n - 1. */
export function variance(x: Tensor, axes?: Axes, options: KeepDim & { correction?: number } = {}): Tensor {
  const centred = sub(x, mean(x, axes, { keepDim: true }))
  return div(sum(mul(centred, centred), axes, options), Math.max(0, count(x, axes) - (options.correction ?? 1)))
}
export const std = (x: Tensor, axes?: Axes, options?: KeepDim & { correction?: number }): Tensor =>
  variance(x, axes, options).sqrt()

/**
 * Softmax over one axis: `exp(x - max) / sum(exp(x - max))`.
 * @param x any shape, floating point   @param axis may be negative
 * @returns the shape and dtype of x; each slice along axis sums to 1. A slice of -Infinity gives NaN, as in PyTorch.
 */
export function softmax(x: Tensor, axis: number): Tensor {
  const e = exp(shifted(toFloat(x), axis))
  return div(e, sum(e, axis, { keepDim: true }))
}

/** log(softmax(x)), without the overflow. */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  const s = shifted(toFloat(x), axis)
  return sub(s, log(sum(exp(s), axis, { keepDim: true })))
}

const shifted = (x: Tensor, axis: number): Tensor => {
  const d = normalizeAxis('softmax', axis, x.ndim)
  if (x.shape[d] === 0) return x
  return sub(x, detach(max(x, d, { keepDim: true })))
}

/** log(sum(exp(x))); a slice of -Infinity gives -Infinity. */
export function logsumexp(x: Tensor, axes: Axes, options: KeepDim = {}): Tensor {
  const top = detach(max(x, axes, { keepDim: true }))
  const finite = where(top.abs().eq(k(Infinity)), k(0), top)
  const out = add(log(sum(exp(sub(x, finite)), axes, { keepDim: true })), finite)
  const list = normalizeAxes('logsumexp', axes, x.ndim)
  return options.keepDim ? out : out.reshape(x.shape.filter((_, d) => !list.includes(d)))
}

/** Euclidean norm over the axes (all when left out). */
export const norm = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => sum(mul(x, x), axes, options).sqrt()

// Reductions and what is made of them. `axes` may be negative, one or several; all axes when left out.

import { isFloat } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { ReduceName } from '../primitives/reduce.ts'
import { normalizeAxes, normalizeAxis } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { cast, needsFloat, positions, toFloat, widened } from './build.ts'
import { add, detach, div, eq, exp, gt, log, mul, reciprocal, sub, where } from './elementwise.ts'
import { expand } from './movement.ts'
import { k } from './operand.ts'
import { withDerivative } from './shortcut.ts'

export type Axes = number | readonly number[]
export interface KeepDim {
  /** keep reduced axes with size 1 */
  readonly keepDim?: boolean
}

const keepOptions = { keepDim: 0 }

function reduce(op: string, name: ReduceName, x: Tensor, axes: Axes | undefined, options?: KeepDim): Tensor {
  if (options) checkOptions(op, options, keepOptions)
  const list = normalizeAxes(op, axes, x.ndim)
  const out = list.length === 0 ? apply('identity', [x]) : apply(name, [x], { axes: list })
  return options?.keepDim ? out.reshape(x.shape.map((n, d) => (list.includes(d) ? 1 : n))) : out
}

/** How many elements fall together, as data, so that a ragged batch compiles nothing. */
function count(op: string, x: Tensor, axes: Axes | undefined): number {
  return normalizeAxes(op, axes, x.ndim).reduce((n, d) => n * x.shape[d], 1)
}

/** Runs what reduces and goes on in f32 for f16 and bf16, as torch does: a sum of halves may have no half. */
function inSingle(x: Tensor, run: (x: Tensor) => Tensor): Tensor {
  const half = x.dtype === 'f16' || x.dtype === 'bf16'
  return half ? cast(run(cast(x, 'f32')), x.dtype) : run(x)
}

/** A square root whose gradient at 0 is 0, as torch has it for norm and std. */
function rootOf(x: Tensor): Tensor {
  const zero = eq(x, k(0))
  return where(zero, k(0), where(zero, k(1), x).sqrt())
}

/** Sum; bools and small integers sum in i32. */
export const sum = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  reduce('sum', 'sum', widened(x), axes, options)

export const prod = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  reduce('prod', 'prod', widened(x), axes, options)

/** Mean of floating-point values; the empty mean is NaN. */
export function mean(x: Tensor, axes?: Axes, options?: KeepDim): Tensor {
  needsFloat('mean', x)
  if (options) checkOptions('mean', options, keepOptions)
  const n = count('mean', x, axes)
  return inSingle(x, wide => div(sum(wide, axes, options), n))
}

function extreme(op: string, name: 'amax' | 'amin', x: Tensor, axes: Axes | undefined, options?: KeepDim): Tensor {
  const list = normalizeAxes(op, axes, x.ndim)
  if (list.some(d => x.shape[d] === 0))
    throw new ShapeError(op, `an empty axis has no ${name === 'amax' ? 'max' : 'min'}`, { shape: [...x.shape] })
  return reduce(op, name, x.dtype === 'bool' ? cast(x, 'i32') : x, axes, options)
}
/** Largest element; NaN wins; ties share the gradient. */
export const max = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => extreme('max', 'amax', x, axes, options)
/** Smallest element; NaN wins; ties share the gradient. */
export const min = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => extreme('min', 'amin', x, axes, options)

/** Whether any (all) elements hold. */
export const any = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  // the maximum of nothing is the lowest integer, so "is it above 0" and not "is it non-zero"
  gt(reduce('any', 'amax', cast(cast(x, 'bool'), 'i32'), axes, options), k(0))
export const all = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor =>
  cast(reduce('all', 'amin', cast(cast(x, 'bool'), 'i32'), axes, options), 'bool')

/** Position (i32) of the first largest element along one axis; NaN counts as largest. */
export const argmax = (x: Tensor, axis = -1, options?: KeepDim): Tensor => position('argmax', x, axis, options)
/** Position (i32) of the first smallest element along one axis; NaN counts as smallest. */
export const argmin = (x: Tensor, axis = -1, options?: KeepDim): Tensor => position('argmin', x, axis, options)

function position(op: 'argmax' | 'argmin', x: Tensor, axis: number, options: KeepDim = {}): Tensor {
  const d = normalizeAxis(op, axis, x.ndim)
  if (x.shape[d] === 0) throw new ShapeError(op, 'an empty axis has no position', { shape: [...x.shape] })
  const best = extreme(op, op === 'argmax' ? 'amax' : 'amin', x, d, { keepDim: true })
  const all = expand(best, x.shape)
  const hit = isFloat(x.dtype) ? eq(x, all).or(x.isnan()) : eq(x, all)
  const places = positions(x.shape, d, x.engine)
  return reduce(op, 'amin', where(hit, places, x.shape[d]), d, options)
}

/** Variance; `correction` 1 (the default) divides by n - 1. */
export function variance(x: Tensor, axes?: Axes, options: KeepDim & { correction?: number } = {}): Tensor {
  needsFloat('variance', x)
  checkOptions('variance', options, { keepDim: 0, correction: 0 })
  const { correction = 1, ...keep } = options
  const n = count('variance', x, axes) - correction
  return inSingle(x, wide => {
    const centred = sub(wide, mean(wide, axes, { keepDim: true }))
    return div(sum(mul(centred, centred), axes, keep), Math.max(0, n))
  })
}
// torch's name: a method may have it, a function may not
export { variance as var }
/** The root of the variance. */
export function std(x: Tensor, axes?: Axes, options?: KeepDim & { correction?: number }): Tensor {
  needsFloat('std', x)
  return inSingle(x, wide => rootOf(variance(wide, axes, options)))
}

/**
 * Softmax over one axis: `exp(x - max) / sum(exp(x - max))`.
 * @param x any shape, floating point   @param axis may be negative
 * @returns the shape and dtype of x; each slice along axis sums to 1. A slice of -Infinity gives NaN, as in PyTorch.
 */
export function softmax(x: Tensor, axis: number): Tensor {
  return inSingle(toFloat(x), wide =>
    withDerivative(
      [wide],
      () => {
        const e = exp(shifted('softmax', wide, axis))
        // one quotient a row: a division for each element takes longer than its exponential
        return mul(e, reciprocal(sum(e, axis, { keepDim: true })))
      },
      (g, _, y) => [mul(y, sub(g, sum(mul(g, y), axis, { keepDim: true })))],
      `softmax ${axis}`,
    ),
  )
}

/** log(softmax(x)), without the overflow. */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  return inSingle(toFloat(x), wide =>
    withDerivative(
      [wide],
      () => {
        const s = shifted('logSoftmax', wide, axis)
        return sub(s, log(sum(exp(s), axis, { keepDim: true })))
      },
      (g, _, y) => [sub(g, mul(exp(y), sum(g, axis, { keepDim: true })))],
      `logSoftmax ${axis}`,
    ),
  )
}

const shifted = (op: string, x: Tensor, axis: number): Tensor => {
  const d = normalizeAxis(op, axis, x.ndim)
  if (x.shape[d] === 0) return x
  return sub(x, detach(max(x, d, { keepDim: true })))
}

/** log(sum(exp(x))); a slice of -Infinity gives -Infinity. */
export function logsumexp(x: Tensor, axes: Axes, options: KeepDim = {}): Tensor {
  const list = normalizeAxes('logsumexp', axes, x.ndim)
  checkOptions('logsumexp', options, keepOptions)
  return inSingle(toFloat(x), wide => {
    const top = detach(extreme('logsumexp', 'amax', wide, list, { keepDim: true }))
    const finite = where(top.abs().eq(k(Infinity)), k(0), top)
    const out = add(log(sum(exp(sub(wide, finite)), list, { keepDim: true })), finite)
    return options.keepDim ? out : out.reshape(x.shape.filter((_, d) => !list.includes(d)))
  })
}

/**
 * The p-norm over the axes (all when left out): (sum |x|^p)^(1/p); the largest |x| for Infinity, the smallest for -Infinity, the number of non-zeros for 0.
 * @param options.p default 2
 */
export function norm(x: Tensor, axes?: Axes, options: KeepDim & { p?: number } = {}): Tensor {
  checkOptions('norm', options, { keepDim: 0, p: 0 })
  const { p = 2, ...keep } = options
  return inSingle(toFloat(x), wide => {
    if (p === 2) return rootOf(sum(mul(wide, wide), axes, keep))
    const size = wide.abs()
    if (p === 1) return sum(size, axes, keep)
    if (p === Infinity) return max(size, axes, keep)
    if (p === -Infinity) return min(size, axes, keep)
    if (p === 0) return cast(sum(wide.ne(k(0)), axes, keep), wide.dtype)
    // the slope of a power at 0 may be infinite: zeros are left out of the way
    const zero = eq(size, k(0))
    const powers = where(zero, p > 0 ? k(0) : k(Infinity), where(zero, k(1), size).pow(p))
    const total = sum(powers, axes, keep)
    const none = eq(total, k(0))
    return where(none, k(0), where(none, k(1), total).pow(1 / p))
  })
}

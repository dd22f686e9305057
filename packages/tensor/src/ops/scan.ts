// Running results along an axis, by doubling: after step s every element holds the result of the last 2^s (Hillis and Steele 1986).

import { isFloat } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { normalizeAxis } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { cast, positions, toFloat, widened } from './build.ts'
import { add, mul, where } from './elementwise.ts'
import { narrow, pad } from './movement.ts'
import { k } from './operand.ts'
import { logaddexp } from './transcendental.ts'

const shifted = (x: Tensor, d: number, step: number, value = 0): Tensor =>
  pad(
    narrow(x, d, 0, x.shape[d] - step),
    x.shape.map((_, i) => [i === d ? step : 0, 0] as const),
    value,
  )

/** Where something stands `step` before, along the axis. */
const hasBefore = (x: Tensor, d: number, step: number): Tensor => positions(x.shape, d, x.engine).ge(step)

/** What all elements up to each one come to; `join` takes in those `step` before. */
function upTo(op: string, x: Tensor, axis: number, join: (x: Tensor, d: number, step: number) => Tensor): Tensor {
  if (x.ndim === 0) return x
  const d = normalizeAxis(op, axis, x.ndim)
  let out = x
  for (let step = 1; step < x.shape[d]; step *= 2) out = join(out, d, step)
  return out
}

/** Sums of everything up to each element of an axis, itself included; bools and small integers sum in i32. */
export const cumsum = (x: Tensor, axis: number): Tensor =>
  upTo('cumsum', widened(x), axis, (sums, d, step) => add(sums, shifted(sums, d, step)))

/** Products of everything up to each element of an axis, itself included. */
export const cumprod = (x: Tensor, axis: number): Tensor =>
  upTo('cumprod', widened(x), axis, (products, d, step) =>
    where(hasBefore(products, d, step), mul(products, shifted(products, d, step)), products),
  )

/** log of the running sums of exp, without the overflow. */
export const logcumsumexp = (x: Tensor, axis: number): Tensor =>
  upTo('logcumsumexp', toFloat(x), axis, (sums, d, step) =>
    where(hasBefore(sums, d, step), logaddexp(sums, shifted(sums, d, step)), sums),
  )

function running(op: 'cummax' | 'cummin', x: Tensor, axis: number): [values: Tensor, indices: Tensor] {
  if (x.ndim === 0) return [x, cast(x.zerosLike(), 'i32')]
  const d = normalizeAxis(op, axis, x.ndim)
  let values = cast(x.detach(), x.dtype === 'bool' ? 'i32' : x.dtype)
  let places = positions(x.shape, d, x.engine)
  for (let step = 1; step < x.shape[d]; step *= 2) {
    const before = shifted(values, d, step)
    const beats = op === 'cummax' ? values.ge(before) : values.le(before)
    const keeps = isFloat(x.dtype) ? beats.and(before.isnan().not()).or(values.isnan()) : beats
    const own = keeps.or(hasBefore(x, d, step).not())
    places = where(own, places, shifted(places, d, step))
    values = where(own, values, before)
  }
  return [x.gather(d, places), places]
}
/** The largest element so far along an axis, and where it is (i32, the last of equal ones); NaN stays. */
export const cummax = (x: Tensor, axis: number): [values: Tensor, indices: Tensor] => running('cummax', x, axis)
/** The smallest element so far along an axis, and where it is. */
export const cummin = (x: Tensor, axis: number): [values: Tensor, indices: Tensor] => running('cummin', x, axis)

/** Differences of neighbours along an axis, `times` times. */
export function diff(x: Tensor, times = 1, axis = -1): Tensor {
  if (x.ndim === 0) throw new ShapeError('diff', 'needs at least one axis')
  const d = normalizeAxis('diff', axis, x.ndim)
  let out = x
  for (let i = 0; i < times && out.shape[d] > 0; i++) {
    const n = out.shape[d]
    const [above, below] = [narrow(out, d, 1, n - 1), narrow(out, d, 0, n - 1)]
    out = x.dtype === 'bool' ? above.xor(below) : above.sub(below)
  }
  return out
}

/** The trapezoid rule along an axis, with steps of `dx`. */
export function trapezoid(y: Tensor, options: { readonly dx?: number; readonly axis?: number } = {}): Tensor {
  const d = normalizeAxis('trapezoid', options.axis ?? -1, y.ndim)
  const n = y.shape[d]
  const area = add(narrow(toFloat(y), d, 1, Math.max(0, n - 1)), narrow(toFloat(y), d, 0, Math.max(0, n - 1)))
  return area
    .sum(d)
    .mul(k(0.5))
    .mul(options.dx ?? 1)
}

// What functions pieced together of others are made with.

import { isFloat } from '../dtype.ts'
import type { Tensor } from '../tensor.ts'
import { broadcast, pair, toFloat } from './build.ts'
import { where } from './elementwise.ts'
import { type Constant, k, type Operand } from './operand.ts'
import { withDerivative } from './shortcut.ts'

type Slope = (x: Tensor, y: Tensor) => Tensor

/** A function of one floating-point tensor with its derivative. Halves go through f32: a formula of several steps would lose theirs. */
export const special =
  (value: (x: Tensor) => Tensor, slope: Slope) =>
  (x: Tensor): Tensor => {
    const half = x.dtype === 'f16' || x.dtype === 'bf16'
    const wide = half ? x.to('f32') : toFloat(x)
    const out = withDerivative(
      [wide],
      () => value(wide),
      (g, [x], y) => [g.mul(slope(x, y))],
    )
    return half ? out.to(x.dtype) : out
  }

/** coefficients from the constant on */
export const polynomial = (x: Tensor, coefficients: readonly number[]): Tensor =>
  coefficients
    .slice(0, -2)
    .reduceRight((sum, c) => sum.mul(x).add(k(c)), x.mul(k(coefficients.at(-1)!)).add(k(coefficients.at(-2)!)))

export const select = (condition: Tensor, a: Tensor | Constant, b: Tensor | Constant): Tensor => where(condition, a, b)
/** `f` of |x| with the sign of x. */
export const odd = (x: Tensor, f: (a: Tensor) => Tensor): Tensor => {
  const y = f(x.abs())
  return select(x.lt(k(0)), y.neg(), y)
}

/** Both as floating point of one dtype and shape. */
export function floats(op: string, a: Tensor, b: Operand): [Tensor, Tensor] {
  const [x, y] = pair(op, isFloat(a.dtype) || typeof b !== 'number' ? a : toFloat(a), b)
  const [p, q] = broadcast(op, [toFloat(x), toFloat(y)])
  const shape = p.ndim >= q.ndim ? p : q
  return [p.expandAs(shape), q.expandAs(shape)]
}
/** x times the logarithm of what `inner` makes of y; 0 where x is 0. */
export function timesLog(
  op: string,
  a: Tensor,
  b: Operand,
  log: (y: Tensor) => Tensor,
  inner: (y: Tensor) => Tensor,
): Tensor {
  const [x, y] = floats(op, a, b)
  const zero = x.eq(k(0))
  return withDerivative(
    [x, y],
    () => select(zero.and(y.isnan().not()), k(0), x.mul(log(y))),
    (g, [x, y]) => [g.mul(select(x.eq(k(0)).and(inner(y).le(k(0))), k(0), log(y))), g.mul(x).div(inner(y))],
  )
}

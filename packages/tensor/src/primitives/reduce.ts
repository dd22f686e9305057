// Reductions over `axes`, which leave the shape. The empty sum is 0, the empty product 1, the empty maximum -Infinity.

import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'
import type { Primitive, Typed } from './types.ts'

interface Row {
  readonly vjp: (g: Tensor, x: Tensor, out: Tensor, axes: readonly number[]) => Tensor
}

/** g and out already have the reduced axes back as size 1. Ties share the gradient evenly, as torch.amax. */
const toExtremes = (g: Tensor, x: Tensor, out: Tensor, axes: readonly number[]): Tensor => {
  const hit = x.eq(out.expand(x.shape))
  return g
    .div(hit.sum(axes, { keepDim: true }).to(x.dtype))
    .expand(x.shape)
    .where(hit, k(0))
}

/** The product of the others: out / x without zeros; with exactly one zero, only that place has a gradient. */
const productGradient = (g: Tensor, x: Tensor, out: Tensor, axes: readonly number[]): Tensor => {
  const isZero = x.eq(k(0))
  const zeros = isZero.sum(axes, { keepDim: true })
  const safe = x.where(isZero.not(), k(1))
  const whole = out.expand(x.shape).div(safe)
  const alone = safe
    .prod(axes, { keepDim: true })
    .where(zeros.eq(k(1)), k(0))
    .expand(x.shape)
  return g.expand(x.shape).mul(alone.where(isZero, whole))
}

const rows = {
  sum: { vjp: (g, x) => g.expand(x.shape) },
  prod: {
    vjp: productGradient,
  },
  amax: { vjp: toExtremes },
  amin: { vjp: toExtremes },
} satisfies Record<string, Row>

export type ReduceName = keyof typeof rows
export const reduceNames = Object.keys(rows) as ReduceName[]

function primitive(name: ReduceName, row: Row): Primitive {
  return {
    family: 'reduce',
    infer([x], { axes }): Typed {
      if (x.dtype === 'bool') throw new DTypeError(name, "does not take bool; convert with .to('i32')")
      return { shape: x.shape.filter((_, i) => !axes!.includes(i)), dtype: x.dtype }
    },
    vjp(g, [x], out, { axes }) {
      if (!isFloat(x.dtype)) return [null]
      const kept = x.shape.map((n, i) => (axes!.includes(i) ? 1 : n))
      const back = g.reshape(kept)
      const result = out.reshape(kept)
      return [row.vjp(back, x, result, axes!)]
    },
  }
}

export const reduce = Object.fromEntries(reduceNames.map(name => [name, primitive(name, rows[name])])) as Record<
  ReduceName,
  Primitive
>

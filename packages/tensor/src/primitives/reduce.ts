// Reductions over `axes`, which leave the shape. The empty sum is 0, the empty product 1, the empty maximum -Infinity.

import type { DType } from '../dtype.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'
import { shiftAxes } from './batching.ts'
import type { Primitive, Typed } from './types.ts'

interface Row {
  readonly start: (dtype: DType) => number
  readonly vjp: (g: Tensor, x: Tensor, out: Tensor, axes: readonly number[]) => Tensor
}

const lowest: Partial<Record<DType, number>> = { i32: -(2 ** 31), i8: -128, u8: 0, u32: 0, i64: -(2 ** 63) }
const highest: Partial<Record<DType, number>> = { i32: 2 ** 31 - 1, i8: 127, u8: 255, u32: 2 ** 32 - 1, i64: 2 ** 63 }

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
  sum: { start: () => 0, vjp: (g, x) => g.expand(x.shape) },
  prod: {
    start: () => 1,
    vjp: productGradient,
  },
  amax: { start: dtype => lowest[dtype] ?? -Infinity, vjp: toExtremes },
  amin: { start: dtype => highest[dtype] ?? Infinity, vjp: toExtremes },
} satisfies Record<string, Row>

export type ReduceName = keyof typeof rows
export const reduceNames = Object.keys(rows) as ReduceName[]
export const reduceStart = (name: ReduceName, dtype: DType): number => rows[name].start(dtype)

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
    batch: shiftAxes(({ axes }) => ({ axes: axes!.map(a => a + 1) })),
  }
}

export const reduce = Object.fromEntries(reduceNames.map(name => [name, primitive(name, rows[name])])) as Record<
  ReduceName,
  Primitive
>

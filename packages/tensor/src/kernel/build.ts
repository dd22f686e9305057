// Short names to write kernel expressions and kernels by hand: for tests, measurements and the expansions in math.ts.

import type { ComputeType, DType } from '../dtype.ts'
import { type Dim, dim, mulDim, one } from './dim.ts'
import { type Axis, addIndex, axisIndex, type Index, scaleIndex, zeroIndex } from './index-expr.ts'
import type { BinaryOp, BufferParam, Expr, ReduceOp, Stmt, UnaryOp } from './ir.ts'

const comparisons: ReadonlySet<string> = new Set(['lt', 'le', 'eq', 'ne'])

export const constant = (dtype: ComputeType, value: number): Expr => ({ op: 'const', dtype, value })
export const f32 = (value: number): Expr => constant('f32', value)
export const i32 = (value: number): Expr => constant('i32', value)
export const u32 = (value: number): Expr => constant('u32', value)

export const unary = (op: UnaryOp, x: Expr): Expr => ({ op, dtype: op === 'isNaN' ? 'bool' : x.dtype, args: [x] })
export const binary = (op: BinaryOp, a: Expr, b: Expr): Expr => ({
  op,
  dtype: comparisons.has(op) ? 'bool' : a.dtype,
  args: [a, b],
})
export const where = (condition: Expr, then: Expr, otherwise: Expr): Expr => ({
  op: 'where',
  dtype: then.dtype,
  args: [condition, then, otherwise],
})
export const fma = (a: Expr, b: Expr, c: Expr): Expr => ({ op: 'fma', dtype: a.dtype, args: [a, b, c] })
export const cast = (dtype: ComputeType, x: Expr): Expr => ({ op: 'cast', dtype, args: [x] })
export const bitcast = (dtype: ComputeType, x: Expr): Expr => ({ op: 'bitcast', dtype, args: [x] })

export const load = (dtype: ComputeType, buffer: number, index: Index, valid: Expr | null = null): Expr => ({
  op: 'load',
  dtype,
  buffer,
  index,
  valid,
})
export const acc = (id: number, dtype: ComputeType = 'f32'): Expr => ({ op: 'acc', dtype, id })

export const declare = (id: number, init: number, dtype: ComputeType = 'f32'): Stmt => ({
  kind: 'declare',
  acc: id,
  dtype,
  init,
})
export const update = (id: number, op: ReduceOp, value: Expr): Stmt => ({ kind: 'update', acc: id, op, value })
export const store = (
  buffer: number,
  index: Index,
  value: Expr,
  mode: 'set' | ReduceOp = 'set',
  valid: Expr | null = null,
): Stmt => ({ kind: 'store', buffer, index, value, mode, valid })
export const loop = (
  axis: Axis,
  body: readonly Stmt[],
  options: { readonly end?: Index; readonly reduces?: readonly number[]; readonly ordered?: boolean } = {},
): Stmt => ({
  kind: 'loop',
  axis,
  end: options.end ?? null,
  reduces: options.reduces ?? [],
  ordered: options.ordered ?? false,
  body,
})

/** The row-major index of axes, the last fastest. */
export function rowMajor(...axes: readonly Axis[]): Index {
  let index = zeroIndex
  let stride: Dim = one
  for (const axis of axes.toReversed()) {
    index = addIndex(index, scaleIndex(axisIndex(axis), stride))
    stride = mulDim(stride, axis.size)
  }
  return index
}

export const axis = (id: number, size: number | Dim): Axis => ({
  id,
  size: typeof size === 'number' ? dim(size) : size,
})
export const buffer = (dtype: DType, size: number | Dim, access: BufferParam['access'] = 'read'): BufferParam => ({
  dtype,
  size: typeof size === 'number' ? dim(size) : size,
  access,
})

// Algorithms in the kernel language, written with matrices instead of addresses: `x.at(i, j)` is an element, `let` a value that stays what it was,
// `loop` a loop. What is read from memory is read anew each time, since the algorithm changes it.

import type { ComputeType } from '../dtype.ts'
import { acc, binary, cast, constant, declare, load, loop, store, unary, update, where } from './build.ts'
import { type Dim, dim, isDim, mulDim, one } from './dim.ts'
import {
  type Axis,
  addIndex,
  axisIndex,
  dimIndex,
  type Index,
  scaleIndex,
  valueIndex,
  zeroIndex,
} from './index-expr.ts'
import type { Expr, ReduceOp, Stmt } from './ir.ts'

/** An array in memory; its last two axes are those of a matrix, the others the examples of a batch. */
export interface Operand {
  readonly buffer: number
  readonly shape: readonly Dim[]
}

export interface ProgramText {
  readonly parallel: readonly Axis[]
  /** the last parallel axis lies contiguous in memory */
  readonly vector: boolean
  readonly body: readonly Stmt[]
}

export type WriteProgram = (
  sources: readonly Operand[],
  out: Operand,
  dtype: ComputeType,
  newAxis: (size: Dim) => Axis,
) => ProgramText

export const plus = (a: Index, b: Index | number): Index => addIndex(a, typeof b === 'number' ? dimIndex(dim(b)) : b)
export const minus = (a: Index, b: Index): Index => addIndex(a, scaleIndex(b, dim(-1)))

let accumulators = 1_000_000

/** A matrix of the operand, in the example that the kernel's item is. */
class Matrix {
  readonly rows: Dim
  readonly columns: Dim
  readonly #operand: Operand
  readonly #example: Index
  readonly #dtype: ComputeType
  constructor(operand: Operand, examples: readonly Axis[], dtype: ComputeType) {
    const [rows, columns] = operand.shape.slice(-2)
    this.rows = rows
    this.columns = columns
    this.#operand = operand
    this.#dtype = dtype
    let [index, stride] = [zeroIndex, mulDim(rows, columns)]
    for (const axis of examples.toReversed()) {
      if (!isDim(axis.size, 1)) index = addIndex(index, scaleIndex(axisIndex(axis), stride))
      stride = mulDim(stride, axis.size)
    }
    this.#example = index
  }
  #place(i: Index, j: Index): Index {
    const row = isDim(this.rows, 1) ? zeroIndex : scaleIndex(i, this.columns)
    return addIndex(this.#example, addIndex(row, isDim(this.columns, 1) ? zeroIndex : scaleIndex(j, one)))
  }
  at(i: Index, j: Index): Expr {
    return load(this.#dtype, this.#operand.buffer, this.#place(i, j))
  }
  put(i: Index, j: Index, value: Expr): Stmt {
    return store(this.#operand.buffer, this.#place(i, j), value)
  }
}

/** A program while it is written. */
export class Writing {
  readonly dtype: ComputeType
  readonly sources: readonly Matrix[]
  readonly out: Matrix
  readonly examples: readonly Axis[]
  readonly #newAxis: (size: Dim) => Axis
  #body: Stmt[] = []

  constructor(sources: readonly Operand[], out: Operand, dtype: ComputeType, newAxis: (size: Dim) => Axis) {
    this.dtype = dtype
    this.#newAxis = newAxis
    this.examples = out.shape.slice(0, -2).map(newAxis)
    this.sources = sources.map(s => new Matrix(s, this.examples, dtype))
    this.out = new Matrix(out, this.examples, dtype)
  }
  finish(more: readonly Axis[] = [], vector = false): ProgramText {
    return { parallel: [...this.examples, ...more], vector, body: this.#body }
  }
  axis(size: Dim): Axis {
    return this.#newAxis(size)
  }
  number(value: number): Expr {
    return constant(this.dtype, value)
  }
  /** The value as it is now. */
  let(value: Expr): () => Expr {
    const id = accumulators++
    this.#body.push(declare(id, value.dtype === 'bool' ? 0 : 0, value.dtype), update(id, 'add', value))
    return () => acc(id, value.dtype)
  }
  variable(
    init: number,
    dtype: ComputeType = this.dtype,
  ): { get: () => Expr; update: (op: ReduceOp, e: Expr) => void; id: number } {
    const id = accumulators++
    this.#body.push(declare(id, init, dtype))
    return { id, get: () => acc(id, dtype), update: (op, e) => void this.#body.push(update(id, op, e)) }
  }
  put(i: Index, j: Index, value: Expr): void {
    this.#body.push(this.out.put(i, j, value))
  }
  /** Iterations in any order. */
  each(size: Dim, end: Index | null, run: (i: Index) => void): void {
    this.#loop(size, end, { ordered: false }, run)
  }
  /** One iteration after the other. */
  steps(size: Dim, end: Index | null, run: (i: Index) => void): void {
    this.#loop(size, end, { ordered: true }, run)
  }
  /** Reductions side by side; each value is updated by one op. */
  reduce(
    size: Dim,
    end: Index | null,
    of: readonly { op: ReduceOp; init: number; dtype?: ComputeType; value: (i: Index) => Expr }[],
  ): (() => Expr)[] {
    const vars = of.map(o => this.variable(o.init, o.dtype))
    this.#loop(size, end, { ordered: false, reduces: vars.map(v => v.id) }, i => {
      for (const [n, o] of of.entries()) vars[n].update(o.op, o.value(i))
    })
    return vars.map(v => v.get)
  }
  sum(size: Dim, end: Index | null, value: (i: Index) => Expr): () => Expr {
    return this.reduce(size, end, [{ op: 'add', init: 0, value }])[0]
  }
  #loop(
    size: Dim,
    end: Index | null,
    options: { ordered: boolean; reduces?: readonly number[] },
    run: (i: Index) => void,
  ): void {
    const axis = this.#newAxis(size)
    const outside = this.#body
    this.#body = []
    run(axisIndex(axis))
    const body = this.#body
    this.#body = outside
    this.#body.push(loop(axis, body, { ...options, ...(end && { end }) }))
  }
}

export const add = (a: Expr, b: Expr): Expr => binary('add', a, b)
export const sub = (a: Expr, b: Expr): Expr => binary('sub', a, b)
export const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)
export const div = (a: Expr, b: Expr): Expr => binary('div', a, b)
export const less = (a: Expr, b: Expr): Expr => binary('lt', a, b)
export const equal = (a: Expr, b: Expr): Expr => binary('eq', a, b)
export const abs = (a: Expr): Expr => unary('abs', a)
export const sqrt = (a: Expr): Expr => unary('sqrt', a)
export const asInteger = (i: Index): Expr => ({ op: 'index', dtype: 'i32', index: i })
export { cast, constant, dimIndex, valueIndex, where }

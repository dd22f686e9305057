// One row per elementwise primitive: what it takes, and its derivative. Rules follow PyTorch's derivatives.yaml in meaning. Sources have the shape
// of the result, or are 0-d scalars and constants.

import type { DType } from '../dtype.ts'
import { isFloat, isInteger } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { type Constant, k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'
import type { Primitive, Typed } from './types.ts'

type Vjp = (g: Tensor, sources: readonly Tensor[], out: Tensor) => readonly (Tensor | null)[]

interface Row {
  readonly takes: 'float' | 'number' | 'any' | 'integer'
  readonly gives?: 'bool'
  readonly vjp?: Vjp
}

const twoOverSqrtPi: Constant = k(2 / Math.sqrt(Math.PI))

/** The gradient of max and min goes to the larger (smaller) side; equal sides share it in halves, as in torch. */
const tieSplit = (g: Tensor, a: Tensor, b: Tensor, out: Tensor): Tensor[] => {
  const share = g.mul(k(0.5)).where(a.eq(b), g)
  return [share.where(a.eq(out), k(0)), share.where(b.eq(out), k(0))]
}

const unary = {
  neg: { takes: 'number', vjp: g => [g.neg()] },
  abs: { takes: 'number', vjp: (g, [x]) => [g.mul(x.sign())] },
  exp: { takes: 'float', vjp: (g, _, y) => [g.mul(y)] },
  log: { takes: 'float', vjp: (g, [x]) => [g.div(x)] },
  log1p: { takes: 'float', vjp: (g, [x]) => [g.div(x.add(k(1)))] },
  expm1: { takes: 'float', vjp: (g, _, y) => [g.mul(y.add(k(1)))] },
  sin: { takes: 'float', vjp: (g, [x]) => [g.mul(x.cos())] },
  cos: { takes: 'float', vjp: (g, [x]) => [g.mul(x.sin()).neg()] },
  tan: { takes: 'float', vjp: (g, _, y) => [g.mul(y.mul(y).add(k(1)))] },
  tanh: { takes: 'float', vjp: (g, _, y) => [g.sub(g.mul(y.mul(y)))] },
  erf: { takes: 'float', vjp: (g, [x]) => [g.mul(x.mul(x).neg().exp().mul(twoOverSqrtPi))] },
  sqrt: { takes: 'float', vjp: (g, _, y) => [g.mul(k(0.5)).div(y)] },
  rsqrt: { takes: 'float', vjp: (g, _, y) => [g.mul(k(-0.5)).mul(y.mul(y).mul(y))] },
  reciprocal: { takes: 'float', vjp: (g, _, y) => [g.mul(y).mul(y).neg()] },
  floor: { takes: 'float', vjp: noGradient },
  ceil: { takes: 'float', vjp: noGradient },
  round: { takes: 'float', vjp: noGradient },
  trunc: { takes: 'float', vjp: noGradient },
  not: { takes: 'any' },
  isNaN: { takes: 'number', gives: 'bool' },
} satisfies Record<string, Row>

const binary = {
  add: { takes: 'number', vjp: g => [g, g] },
  sub: { takes: 'number', vjp: g => [g, g.neg()] },
  mul: { takes: 'number', vjp: (g, [a, b]) => [g.mul(b), g.mul(a)] },
  div: {
    takes: 'number',
    vjp: (g, [, b], y) => [g.div(b), g.mul(y).div(b).neg()],
  },
  mod: {
    takes: 'number',
    vjp: (g, [a, b]) => [g, g.mul(a.div(b).trunc()).neg()],
  },
  pow: {
    takes: 'float',
    vjp: (g, [a, b], y) => [
      g
        .mul(b)
        .mul(a.pow(b.sub(k(1))))
        .where(b.ne(k(0)), k(0)),
      g
        .mul(y)
        .mul(a.log())
        .where(a.ne(k(0)), k(0)),
    ],
  },
  max: { takes: 'number', vjp: (g, [a, b], y) => tieSplit(g, a, b, y) },
  min: { takes: 'number', vjp: (g, [a, b], y) => tieSplit(g, a, b, y) },
  atan2: {
    takes: 'float',
    vjp: (g, [y, x]) => {
      const r = g.div(x.mul(x).add(y.mul(y)))
      return [r.mul(x), r.mul(y).neg()]
    },
  },
  lt: { takes: 'any', gives: 'bool' },
  le: { takes: 'any', gives: 'bool' },
  eq: { takes: 'any', gives: 'bool' },
  ne: { takes: 'any', gives: 'bool' },
  and: { takes: 'integer' },
  or: { takes: 'integer' },
  xor: { takes: 'integer' },
  shl: { takes: 'integer' },
  shr: { takes: 'integer' },
} satisfies Record<string, Row>

function noGradient(g: Tensor): readonly (Tensor | null)[] {
  return [g.zerosLike()]
}

function check(name: string, row: Row, source: Typed): void {
  const { dtype } = source
  // most of what is computed is f32, and what does not take it is for integers
  if (dtype === 'f32' && row.takes !== 'integer') return
  const fits =
    row.takes === 'any' ||
    (row.takes === 'float' && isFloat(dtype)) ||
    (row.takes === 'number' && dtype !== 'bool') ||
    (row.takes === 'integer' && (isInteger(dtype) || dtype === 'bool'))
  if (!fits)
    throw new DTypeError(name, `does not take ${dtype}; convert with .to('${row.takes === 'integer' ? 'i32' : 'f32'}')`)
}

function shaped(sources: readonly Typed[]): Typed {
  for (let i = 0; i < sources.length; i++) if (sources[i].shape.length > 0) return sources[i]
  return sources[0]
}

function primitive(name: string, row: Row): Primitive {
  return {
    family: 'elementwise',
    infer(sources) {
      check(name, row, sources[0])
      return { shape: shaped(sources).shape, dtype: row.gives ?? sources[0].dtype }
    },
    vjp: row.vjp,
  }
}

const where: Primitive = {
  family: 'elementwise',
  infer: sources => ({ shape: shaped(sources).shape, dtype: sources[1].dtype }),
  vjp: (g, [condition]) => [null, g.where(condition, k(0)), g.where(condition.not(), k(0))],
}

/** Value conversion to `mode`, a dtype. Float to integer truncates and saturates; NaN gives 0. */
const cast: Primitive = {
  family: 'elementwise',
  infer: ([x], { mode }) => ({ shape: x.shape, dtype: mode as DType }),
  vjp: (g, [x]) => [isFloat(x.dtype) ? g.to(x.dtype) : null],
}

/** The same 32 bits as another type: `mode` is 'f32', 'i32' or 'u32'. */
const bitcast: Primitive = {
  family: 'elementwise',
  infer: ([x], { mode }) => ({ shape: x.shape, dtype: mode as DType }),
}

/** The value itself without history: `detach`, and what `clone` snapshots. */
const identity: Primitive = {
  family: 'elementwise',
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  vjp: g => [g],
}

/** The first source, with a derivative of its own with respect to the others: for functions whose gradient is shorter than that of their parts. */
const shortcut: Primitive = {
  family: 'elementwise',
  infer: ([value]) => ({ shape: value.shape, dtype: value.dtype }),
  vjp: (g, [, ...inputs], out, { rule }) => [null, ...rule!(g, inputs, out)],
}

const fromRows = <T extends Record<string, Row>>(rows: T) =>
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, primitive(name, row)])) as unknown as Record<
    keyof T,
    Primitive
  >

export const elementwise = {
  ...fromRows<typeof unary>(unary),
  ...fromRows<typeof binary>(binary),
  where,
  cast,
  bitcast,
  identity,
  shortcut,
}

export type UnaryName = keyof typeof unary
export type BinaryName = keyof typeof binary
const rows: Record<UnaryName | BinaryName, Row> = { ...unary, ...binary }
/** what a unary or binary op demands of its operands */
export const takes = (name: UnaryName | BinaryName): Row['takes'] => rows[name].takes

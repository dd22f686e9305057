// One row per elementwise primitive: derivative and value. Rules follow PyTorch's derivatives.yaml in meaning; values are torch's,
// including NaN and infinities. Sources have the shape of the result, or are 0-d scalars and constants.

import type { DType } from '../dtype.ts'
import { isFloat, isInteger } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import type { DerivativeRule } from '../graph/node.ts'
import { erf } from '../kernel/erf.ts'
import { roundHalfEven } from '../kernel/half.ts'
import { type Constant, k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'
import { alignAxes, everyExample } from './batching.ts'
import type { Primitive, Typed, Value } from './types.ts'

type Vjp = (g: Tensor, sources: readonly Tensor[], out: Tensor) => readonly (Tensor | null)[]

interface Row {
  readonly takes: 'float' | 'number' | 'any' | 'integer'
  readonly gives?: 'bool'
  readonly vjp?: Vjp
  readonly evaluate: (a: number, b: number, dtype: DType) => number
}

const twoOverSqrtPi: Constant = k(2 / Math.sqrt(Math.PI))

/** The gradient of max and min goes to the larger (smaller) side; equal sides share it in halves, as in torch. */
const tieSplit = (g: Tensor, a: Tensor, b: Tensor, out: Tensor): Tensor[] => {
  const share = g.mul(k(0.5)).where(a.eq(b), g)
  return [share.where(a.eq(out), k(0)), share.where(b.eq(out), k(0))]
}

const unary = {
  neg: { takes: 'number', vjp: g => [g.neg()], evaluate: a => -a },
  abs: { takes: 'number', vjp: (g, [x]) => [g.mul(x.sign())], evaluate: Math.abs },
  exp: { takes: 'float', vjp: (g, _, y) => [g.mul(y)], evaluate: Math.exp },
  log: { takes: 'float', vjp: (g, [x]) => [g.div(x)], evaluate: Math.log },
  log1p: { takes: 'float', vjp: (g, [x]) => [g.div(x.add(k(1)))], evaluate: Math.log1p },
  expm1: { takes: 'float', vjp: (g, _, y) => [g.mul(y.add(k(1)))], evaluate: Math.expm1 },
  sin: { takes: 'float', vjp: (g, [x]) => [g.mul(x.cos())], evaluate: Math.sin },
  cos: { takes: 'float', vjp: (g, [x]) => [g.mul(x.sin()).neg()], evaluate: Math.cos },
  tan: { takes: 'float', vjp: (g, _, y) => [g.mul(y.mul(y).add(k(1)))], evaluate: Math.tan },
  tanh: { takes: 'float', vjp: (g, _, y) => [g.sub(g.mul(y.mul(y)))], evaluate: Math.tanh },
  erf: { takes: 'float', vjp: (g, [x]) => [g.mul(x.mul(x).neg().exp().mul(twoOverSqrtPi))], evaluate: erf },
  sqrt: { takes: 'float', vjp: (g, _, y) => [g.mul(k(0.5)).div(y)], evaluate: Math.sqrt },
  rsqrt: { takes: 'float', vjp: (g, _, y) => [g.mul(k(-0.5)).mul(y.mul(y).mul(y))], evaluate: a => 1 / Math.sqrt(a) },
  reciprocal: { takes: 'float', vjp: (g, _, y) => [g.mul(y).mul(y).neg()], evaluate: a => 1 / a },
  floor: { takes: 'float', vjp: noGradient, evaluate: Math.floor },
  ceil: { takes: 'float', vjp: noGradient, evaluate: Math.ceil },
  round: { takes: 'float', vjp: noGradient, evaluate: roundHalfEven },
  trunc: { takes: 'float', vjp: noGradient, evaluate: Math.trunc },
  not: { takes: 'any', evaluate: (a, _, dtype) => (dtype === 'bool' ? (a ? 0 : 1) : -1 - a) },
  isNaN: { takes: 'number', gives: 'bool', evaluate: a => (Number.isNaN(a) ? 1 : 0) },
} satisfies Record<string, Row>

const binary = {
  add: { takes: 'number', vjp: g => [g, g], evaluate: (a, b) => a + b },
  sub: { takes: 'number', vjp: g => [g, g.neg()], evaluate: (a, b) => a - b },
  mul: { takes: 'number', vjp: (g, [a, b]) => [g.mul(b), g.mul(a)], evaluate: multiply },
  div: {
    takes: 'number',
    vjp: (g, [, b], y) => [g.div(b), g.mul(y).div(b).neg()],
    evaluate: (a, b, dtype) => (isFloat(dtype) ? a / b : b === 0 ? 0 : Math.trunc(a / b)),
  },
  mod: {
    takes: 'number',
    vjp: (g, [a, b]) => [g, g.mul(a.div(b).trunc()).neg()],
    evaluate: (a, b, dtype) => (isFloat(dtype) ? a % b : b === 0 ? 0 : a % b),
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
    evaluate: power,
  },
  max: { takes: 'number', vjp: (g, [a, b], y) => tieSplit(g, a, b, y), evaluate: (a, b) => Math.max(a, b) },
  min: { takes: 'number', vjp: (g, [a, b], y) => tieSplit(g, a, b, y), evaluate: (a, b) => Math.min(a, b) },
  atan2: {
    takes: 'float',
    vjp: (g, [y, x]) => {
      const r = g.div(x.mul(x).add(y.mul(y)))
      return [r.mul(x), r.mul(y).neg()]
    },
    evaluate: Math.atan2,
  },
  lt: { takes: 'any', gives: 'bool', evaluate: (a, b) => (a < b ? 1 : 0) },
  le: { takes: 'any', gives: 'bool', evaluate: (a, b) => (a <= b ? 1 : 0) },
  eq: { takes: 'any', gives: 'bool', evaluate: (a, b) => (a === b ? 1 : 0) },
  ne: { takes: 'any', gives: 'bool', evaluate: (a, b) => (a !== b ? 1 : 0) },
  and: { takes: 'integer', evaluate: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p & q) : a & b) },
  or: { takes: 'integer', evaluate: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p | q) : a | b) },
  xor: { takes: 'integer', evaluate: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p ^ q) : a ^ b) },
  shl: { takes: 'integer', evaluate: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p << q) : a << b) },
  shr: {
    takes: 'integer',
    evaluate: (a, b, dtype) =>
      dtype === 'i64' ? wide(a, b, (p, q) => p >> q) : dtype === 'u32' || dtype === 'u8' ? a >>> b : a >> b,
  },
} satisfies Record<string, Row>

function noGradient(g: Tensor): readonly (Tensor | null)[] {
  return [g.zerosLike()]
}

/** The operators of JavaScript numbers see 32 bits; this one 64. */
function wide(a: number, b: number, f: (a: bigint, b: bigint) => bigint): number {
  return Number(BigInt.asIntN(64, f(BigInt(a), BigInt(b))))
}

/** 32-bit products wrap exactly; everything else is plain. */
function multiply(a: number, b: number, dtype: DType): number {
  return dtype === 'u32' || dtype === 'i32' ? Math.imul(a, b) : a * b
}

function power(a: number, b: number): number {
  // ECMAScript differs from IEEE 754 pow: 1 ** NaN and (-1) ** Infinity are 1 there
  return a === 1 || b === 0 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b
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
    batch: alignAxes,
    evaluate([a, b], out) {
      const f = row.evaluate as (a: number, b: number, dtype: DType) => number
      const stepA = a.shape.length === 0 ? 0 : 1
      const stepB = b === undefined || b.shape.length === 0 ? 0 : 1
      const other = b?.data ?? a.data
      for (let i = 0; i < out.data.length; i++) out.data[i] = f(a.data[i * stepA], other[i * stepB], a.dtype)
    },
  }
}

const where: Primitive = {
  family: 'elementwise',
  infer: sources => ({ shape: shaped(sources).shape, dtype: sources[1].dtype }),
  vjp: (g, [condition]) => [null, g.where(condition, k(0)), g.where(condition.not(), k(0))],
  batch: alignAxes,
  evaluate([c, a, b], out) {
    const at = (v: Value, i: number) => (v.shape.length === 0 ? v.data[0] : v.data[i])
    for (let i = 0; i < out.data.length; i++) out.data[i] = at(c, i) ? at(a, i) : at(b, i)
  },
}

/** Value conversion to `mode`, a dtype. Float to integer truncates and saturates; NaN gives 0. */
const cast: Primitive = {
  family: 'elementwise',
  infer: ([x], { mode }) => ({ shape: x.shape, dtype: mode as DType }),
  vjp: (g, [x]) => [isFloat(x.dtype) ? g.to(x.dtype) : null],
  batch: alignAxes,
  evaluate([x], out) {
    for (let i = 0; i < out.data.length; i++) {
      const v = x.data[i]
      out.data[i] = out.dtype === 'bool' ? (v !== 0 ? 1 : 0) : isFloat(x.dtype) ? saturate(v, out.dtype) : v
    }
  },
}

const ranges: Partial<Record<DType, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  // 2 ** 63 - 1 is no double; the encoder turns 2 ** 63 into it
  i64: [-(2 ** 63), 2 ** 63],
}

function saturate(v: number, dtype: DType): number {
  if (isFloat(dtype)) return v
  if (Number.isNaN(v)) return 0
  const [low, high] = ranges[dtype] ?? [-Infinity, Infinity]
  return Math.min(high, Math.max(low, Math.trunc(v)))
}

/** The same 32 bits as another type: `mode` is 'f32', 'i32' or 'u32'. */
const bitcast: Primitive = {
  family: 'elementwise',
  infer: ([x], { mode }) => ({ shape: x.shape, dtype: mode as DType }),
  batch: alignAxes,
  evaluate([x], out) {
    const bits = new DataView(new ArrayBuffer(4))
    for (let i = 0; i < out.data.length; i++) {
      if (x.dtype === 'f32') bits.setFloat32(0, x.data[i])
      else bits.setUint32(0, x.data[i])
      out.data[i] =
        out.dtype === 'f32' ? bits.getFloat32(0) : out.dtype === 'i32' ? bits.getInt32(0) : bits.getUint32(0)
    }
  },
}

/** The value itself without history: `detach`, and what `clone` snapshots. */
const identity: Primitive = {
  family: 'elementwise',
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  vjp: g => [g],
  batch: alignAxes,
  evaluate: ([x], out) => out.data.set(x.data),
}

/** The first source, with a derivative of its own with respect to the others: for functions whose gradient is shorter than that of their parts. */
const shortcut: Primitive = {
  family: 'elementwise',
  infer: ([value]) => ({ shape: value.shape, dtype: value.dtype }),
  vjp: (g, [, ...inputs], out, { rule }) => [null, ...rule!(g, inputs, out)],
  batch({ size, sources: [value, ...inputs], attributes, again, mapped }) {
    const rule: DerivativeRule = (g, given, out) => {
      const list = (parts: readonly Tensor[]) => ({
        g: parts[0],
        given: parts.slice(1, -1),
        out: parts[parts.length - 1],
      })
      const run = mapped((...parts) => {
        const { g, given, out } = list(parts)
        return attributes.rule!(g, given, out)
      })
      const parts = run(
        { value: g, batched: true },
        ...given.map((value, i) => ({ value, batched: inputs[i].batched })),
        { value: out, batched: true },
      )
      // what all examples share collects the gradients of all
      return parts.map((part, i) => (part && !inputs[i].batched ? part.sum(0) : part))
    }
    return again([everyExample(value, size), ...inputs.map(i => i.value)], { rule })
  },
  evaluate: ([value], out) => out.data.set(value.data),
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
export const unaryNames = Object.keys(unary) as UnaryName[]
export const binaryNames = Object.keys(binary) as BinaryName[]
const rows: Record<UnaryName | BinaryName, Row> = { ...unary, ...binary }
/** what a unary or binary op demands of its operands */
export const takes = (name: UnaryName | BinaryName): Row['takes'] => rows[name].takes

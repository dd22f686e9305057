// What elementwise primitives give: values are torch's, including NaN and infinities.

import { type DType, isFloat, rangeOf } from '../../dtype.ts'
import { erf } from '../../kernel/erf.ts'
import { roundHalfEven } from '../../kernel/half.ts'
import type { BinaryName, UnaryName } from '../elementwise.ts'
import type { Evaluate, Value } from '../types.ts'

/** `dtype` is that of the operands. */
type Row = (a: number, b: number, dtype: DType) => number

const rows: Record<UnaryName | BinaryName, Row> = {
  neg: a => -a,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  expm1: Math.expm1,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  erf,
  sqrt: Math.sqrt,
  rsqrt: a => 1 / Math.sqrt(a),
  reciprocal: a => 1 / a,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  trunc: Math.trunc,
  not: (a, _, dtype) => (dtype === 'bool' ? (a ? 0 : 1) : -1 - a),
  isNaN: a => (Number.isNaN(a) ? 1 : 0),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: multiply,
  div: (a, b, dtype) => (isFloat(dtype) ? a / b : b === 0 ? 0 : Math.trunc(a / b)),
  mod: (a, b, dtype) => (isFloat(dtype) ? a % b : b === 0 ? 0 : a % b),
  pow: power,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  atan2: Math.atan2,
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b ? 1 : 0),
  and: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p & q) : a & b),
  or: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p | q) : a | b),
  xor: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p ^ q) : a ^ b),
  shl: (a, b, dtype) => (dtype === 'i64' ? wide(a, b, (p, q) => p << q) : a << b),
  shr: (a, b, dtype) =>
    dtype === 'i64' ? wide(a, b, (p, q) => p >> q) : dtype === 'u32' || dtype === 'u8' ? a >>> b : a >> b,
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

const fromRow =
  (f: Row): Evaluate =>
  ([a, b], out) => {
    const stepA = a.shape.length === 0 ? 0 : 1
    const stepB = b === undefined || b.shape.length === 0 ? 0 : 1
    const other = b?.data ?? a.data
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(a.data[i * stepA], other[i * stepB], a.dtype)
  }

const where: Evaluate = ([c, a, b], out) => {
  const at = (v: Value, i: number) => (v.shape.length === 0 ? v.data[0] : v.data[i])
  for (let i = 0; i < out.data.length; i++) out.data[i] = at(c, i) ? at(a, i) : at(b, i)
}

const cast: Evaluate = ([x], out) => {
  for (let i = 0; i < out.data.length; i++) {
    const v = x.data[i]
    out.data[i] = out.dtype === 'bool' ? (v !== 0 ? 1 : 0) : isFloat(x.dtype) ? saturate(v, out.dtype) : v
  }
}

function saturate(v: number, dtype: DType): number {
  if (isFloat(dtype)) return v
  if (Number.isNaN(v)) return 0
  const [low, high] = rangeOf(dtype)
  return Math.min(high, Math.max(low, Math.trunc(v)))
}

const bitcast: Evaluate = ([x], out) => {
  const bits = new DataView(new ArrayBuffer(4))
  for (let i = 0; i < out.data.length; i++) {
    if (x.dtype === 'f32') bits.setFloat32(0, x.data[i])
    else bits.setUint32(0, x.data[i])
    out.data[i] = out.dtype === 'f32' ? bits.getFloat32(0) : out.dtype === 'i32' ? bits.getInt32(0) : bits.getUint32(0)
  }
}

const copy: Evaluate = ([x], out) => out.data.set(x.data)

const mapped = Object.fromEntries(Object.entries(rows).map(([name, f]) => [name, fromRow(f)])) as Record<
  keyof typeof rows,
  Evaluate
>

export const elementwise = { ...mapped, where, cast, bitcast, identity: copy, shortcut: copy }

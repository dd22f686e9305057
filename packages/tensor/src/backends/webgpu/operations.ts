// One row per operation of the kernel language: how WGSL says it. A row gives the text and names the functions it needs.

import type { ComputeType } from '../../dtype.ts'
import type { BinaryOp, Expr, ReduceOp, UnaryOp } from '../../kernel/ir.ts'
import type { FunctionName } from './functions.ts'

/** Marks a function as used and gives its name. */
export type Use = (name: FunctionName) => string

/** How a compute type is called in WGSL; f64 and i64 do not exist there. */
export const wgslTypes: Partial<Record<ComputeType, string>> = { f32: 'f32', i32: 'i32', u32: 'u32', bool: 'bool' }

type Unary = (x: string, dtype: ComputeType, use: Use) => string
/** `dtype` is that of the arguments */
type Binary = (a: string, b: string, dtype: ComputeType, use: Use) => string

const call =
  (name: FunctionName): Unary =>
  (x, _, use) =>
    `${use(name)}(${x})`
const builtin =
  (name: string): Unary =>
  x =>
    `${name}(${x})`

export const unaryText: Record<UnaryOp, Unary> = {
  neg: (x, dtype) => (dtype === 'u32' ? `0u - ${x}` : `-(${x})`),
  abs: builtin('abs'),
  exp: call('exp_of'),
  log: call('log_of'),
  log1p: call('log1p_of'),
  expm1: call('expm1_of'),
  sin: call('sin_of'),
  cos: call('cos_of'),
  tan: call('tan_of'),
  tanh: call('tanh_of'),
  erf: call('erf_of'),
  sqrt: builtin('sqrt'),
  rsqrt: builtin('inverseSqrt'),
  reciprocal: x => `1f / ${x}`,
  floor: builtin('floor'),
  ceil: builtin('ceil'),
  round: builtin('round'),
  trunc: builtin('trunc'),
  not: (x, dtype) => (dtype === 'bool' ? `!${x}` : `~${x}`),
  isNaN: (x, dtype, use) => (dtype === 'f32' ? `${use('is_nan')}(${x})` : 'false'),
}

const infix =
  (sign: string): Binary =>
  (a, b) =>
    `${a} ${sign} ${b}`
const zero = (dtype: ComputeType): string => (dtype === 'u32' ? '0u' : '0i')
/** Integer quotient or remainder; 0 where the divisor is 0. A literal 0 would be a compile error. */
const quotient =
  (sign: string): Binary =>
  (a, b, dtype) =>
    /^\(?-?0[iu]\)?$/.test(b)
      ? zero(dtype)
      : /^\d/.test(b)
        ? `${a} ${sign} ${b}`
        : `select(${a} ${sign} ${b}, ${zero(dtype)}, ${b} == ${zero(dtype)})`
const extreme =
  (name: 'max' | 'min', logical: string): Binary =>
  (a, b, dtype, use) =>
    dtype === 'bool' ? `${a} ${logical} ${b}` : `${dtype === 'f32' ? use(`nan_${name}`) : name}(${a}, ${b})`
const shift =
  (sign: string): Binary =>
  (a, b, dtype) =>
    `${a} ${sign} ((${dtype === 'u32' ? b : `u32(${b})`}) & 31u)`

export const binaryText: Record<BinaryOp, Binary> = {
  add: (a, b, dtype) => (dtype === 'bool' ? `${a} | ${b}` : `${a} + ${b}`),
  sub: infix('-'),
  mul: (a, b, dtype) => (dtype === 'bool' ? `${a} & ${b}` : `${a} * ${b}`),
  div: (a, b, dtype) => (dtype === 'f32' ? `${a} / ${b}` : quotient('/')(a, b, dtype, unused)),
  mod: (a, b, dtype, use) => (dtype === 'f32' ? `${use('mod_of')}(${a}, ${b})` : quotient('%')(a, b, dtype, unused)),
  pow: (a, b, dtype, use) => `${use(dtype === 'i32' ? 'pow_i32' : dtype === 'u32' ? 'pow_u32' : 'pow_of')}(${a}, ${b})`,
  max: extreme('max', '|'),
  min: extreme('min', '&'),
  atan2: (a, b, _, use) => `${use('atan2_of')}(${a}, ${b})`,
  lt: (a, b, dtype) => (dtype === 'bool' ? `!${a} & ${b}` : `${a} < ${b}`),
  le: (a, b, dtype) => (dtype === 'bool' ? `!${a} | ${b}` : `${a} <= ${b}`),
  // a comparison with itself asks for NaN, which a compiler may assume away; Dawn translates != of floats as "ordered and unequal"
  eq: (a, b, dtype, use) => (a === b && dtype === 'f32' ? `!${use('is_nan')}(${a})` : `${a} == ${b}`),
  ne: (a, b, dtype, use) => (dtype !== 'f32' ? `${a} != ${b}` : a === b ? `${use('is_nan')}(${a})` : `!(${a} == ${b})`),
  and: infix('&'),
  or: infix('|'),
  xor: (a, b, dtype) => (dtype === 'bool' ? `${a} != ${b}` : `${a} ^ ${b}`),
  shl: shift('<<'),
  shr: shift('>>'),
}

function unused(): string {
  throw new TypeError('webgpu: integer division needs no function')
}

/** Value conversion between compute types. */
export function castText(x: string, from: ComputeType, to: ComputeType, use: Use): string {
  if (from === to) return x
  if (to === 'bool') return from === 'f32' ? `(bitcast<u32>(${x}) & 0x7fffffffu) != 0u` : `${x} != ${zero(from)}`
  if (from === 'bool') {
    const [no, yes] = to === 'f32' ? ['0f', '1f'] : to === 'u32' ? ['0u', '1u'] : ['0i', '1i']
    return `select(${no}, ${yes}, ${x})`
  }
  if (from === 'f32') return `${use(to === 'i32' ? 'to_i32' : 'to_u32')}(${x})`
  return `${to}(${x})`
}

/** The functions that an operation calls. */
export function functionsOf(e: Expr): Set<FunctionName> {
  const found = new Set<FunctionName>()
  const use: Use = name => {
    found.add(name)
    return name
  }
  if ('args' in e) {
    const { dtype } = e.args[0]
    unaryText[e.op as UnaryOp]?.('', dtype, use)
    binaryText[e.op as BinaryOp]?.('', '', dtype, use)
  }
  return found
}

/** `a op b` of a reduction. */
export const reduceText = (op: ReduceOp, a: string, b: string, dtype: ComputeType, use: Use): string =>
  binaryText[op](a, b, dtype, use)

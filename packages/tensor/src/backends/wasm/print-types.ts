// How compute types are held in WebAssembly and which instruction does what to them. In scalar form a bool is an i32
// (0 or 1); in vector form every type has four 32-bit lanes and a bool is a mask (0 or -1).

import type { Mnemonic, ValueType } from '@cairn/wasm'
import type { ComputeType, DType } from '../../dtype.ts'
import type { BinaryOp, UnaryOp } from '../../kernel/ir.ts'

export const scalarTypes: Record<ComputeType, ValueType & ('i32' | 'i64' | 'f32' | 'f64')> = {
  f32: 'f32',
  f64: 'f64',
  i32: 'i32',
  u32: 'i32',
  i64: 'i64',
  bool: 'i32',
}

/** Types that have a vector form. */
export const isLane = (dtype: ComputeType): boolean => dtype !== 'f64' && dtype !== 'i64'

type Table<Op extends string> = Partial<Record<ComputeType, Partial<Record<Op, Mnemonic>>>>

const floatUnary = (p: 'f32' | 'f64' | 'f32x4'): Partial<Record<UnaryOp, Mnemonic>> => ({
  neg: `${p}_neg`,
  abs: `${p}_abs`,
  sqrt: `${p}_sqrt`,
  floor: `${p}_floor`,
  ceil: `${p}_ceil`,
  trunc: `${p}_trunc`,
  round: `${p}_nearest`,
})

/** Unary operations that are one instruction. */
export const scalarUnary: Table<UnaryOp> = { f32: floatUnary('f32'), f64: floatUnary('f64'), bool: { not: 'i32_eqz' } }
export const vectorUnary: Table<UnaryOp> = {
  f32: floatUnary('f32x4'),
  i32: { neg: 'i32x4_neg', abs: 'i32x4_abs', not: 'v128_not' },
  u32: { neg: 'i32x4_neg', not: 'v128_not' },
  bool: { not: 'v128_not' },
}

const floatBinary = (p: 'f32' | 'f64' | 'f32x4'): Partial<Record<BinaryOp, Mnemonic>> => ({
  add: `${p}_add`,
  sub: `${p}_sub`,
  mul: `${p}_mul`,
  div: `${p}_div`,
  max: `${p}_max`,
  min: `${p}_min`,
  lt: `${p}_lt`,
  le: `${p}_le`,
  eq: `${p}_eq`,
  ne: `${p}_ne`,
})

const integerBinary = (p: 'i32' | 'i64', sign: 's' | 'u'): Partial<Record<BinaryOp, Mnemonic>> => ({
  add: `${p}_add`,
  sub: `${p}_sub`,
  mul: `${p}_mul`,
  lt: `${p}_lt_${sign}`,
  le: `${p}_le_${sign}`,
  eq: `${p}_eq`,
  ne: `${p}_ne`,
  and: `${p}_and`,
  or: `${p}_or`,
  xor: `${p}_xor`,
  shl: `${p}_shl`,
  shr: `${p}_shr_${sign}`,
})

const laneBinary = (sign: 's' | 'u'): Partial<Record<BinaryOp, Mnemonic>> => ({
  add: 'i32x4_add',
  sub: 'i32x4_sub',
  mul: 'i32x4_mul',
  lt: `i32x4_lt_${sign}`,
  le: `i32x4_le_${sign}`,
  eq: 'i32x4_eq',
  ne: 'i32x4_ne',
  and: 'v128_and',
  or: 'v128_or',
  xor: 'v128_xor',
  max: `i32x4_max_${sign}`,
  min: `i32x4_min_${sign}`,
})

/** Binary operations that are one instruction, by the type of the operands. On bool, add is "or" and mul "and". */
export const scalarBinary: Table<BinaryOp> = {
  f32: floatBinary('f32'),
  f64: floatBinary('f64'),
  i32: integerBinary('i32', 's'),
  u32: integerBinary('i32', 'u'),
  i64: integerBinary('i64', 's'),
  bool: {
    and: 'i32_and',
    or: 'i32_or',
    xor: 'i32_xor',
    eq: 'i32_eq',
    ne: 'i32_ne',
    lt: 'i32_lt_u',
    le: 'i32_le_u',
    add: 'i32_or',
    max: 'i32_or',
    mul: 'i32_and',
    min: 'i32_and',
  },
}
export const vectorBinary: Table<BinaryOp> = {
  f32: floatBinary('f32x4'),
  i32: laneBinary('s'),
  u32: laneBinary('u'),
  // masks are 0 and -1, so "less" among them is the signed "greater"
  bool: {
    and: 'v128_and',
    or: 'v128_or',
    xor: 'v128_xor',
    eq: 'i32x4_eq',
    ne: 'v128_xor',
    lt: 'i32x4_gt_s',
    le: 'i32x4_ge_s',
    add: 'v128_or',
    max: 'v128_or',
    mul: 'v128_and',
    min: 'v128_and',
  },
}

/** Conversions in scalar form, `from to`; none listed: the same bits. */
export const scalarCasts: Partial<Record<`${ComputeType} ${ComputeType}`, Mnemonic>> = {
  'f32 f64': 'f64_promote_f32',
  'f32 i32': 'i32_trunc_sat_f32_s',
  'f32 u32': 'i32_trunc_sat_f32_u',
  'f32 i64': 'i64_trunc_sat_f32_s',
  'f64 f32': 'f32_demote_f64',
  'f64 i32': 'i32_trunc_sat_f64_s',
  'f64 u32': 'i32_trunc_sat_f64_u',
  'f64 i64': 'i64_trunc_sat_f64_s',
  'i32 f32': 'f32_convert_i32_s',
  'i32 f64': 'f64_convert_i32_s',
  'i32 i64': 'i64_extend_i32_s',
  'u32 f32': 'f32_convert_i32_u',
  'u32 f64': 'f64_convert_i32_u',
  'u32 i64': 'i64_extend_i32_u',
  'i64 f32': 'f32_convert_i64_s',
  'i64 f64': 'f64_convert_i64_s',
  'i64 i32': 'i32_wrap_i64',
  'i64 u32': 'i32_wrap_i64',
  'bool f32': 'f32_convert_i32_u',
  'bool f64': 'f64_convert_i32_u',
  'bool i64': 'i64_extend_i32_u',
}
export const vectorCasts: Partial<Record<`${ComputeType} ${ComputeType}`, Mnemonic>> = {
  'f32 i32': 'i32x4_trunc_sat_f32x4_s',
  'f32 u32': 'i32x4_trunc_sat_f32x4_u',
  'i32 f32': 'f32x4_convert_i32x4_s',
  'u32 f32': 'f32x4_convert_i32x4_u',
}

export interface Storage {
  /** log2 of the bytes of an element */
  readonly shift: 0 | 1 | 2 | 3
  readonly load: Mnemonic
  readonly store: Mnemonic
  /** four contiguous elements of a sub-word type: the load, then widenings */
  readonly widen: readonly Mnemonic[]
}

const word: Storage = { shift: 2, load: 'i32_load', store: 'i32_store', widen: ['v128_load'] }
const half: Storage = { shift: 1, load: 'i32_load16_u', store: 'i32_store16', widen: ['v128_load16x4_u'] }
const byte: Storage = {
  shift: 0,
  load: 'i32_load8_u',
  store: 'i32_store8',
  widen: ['v128_load32_zero', 'i16x8_extend_low_i8x16_u', 'i32x4_extend_low_i16x8_u'],
}

/** Elements in memory. f16 and bf16 are their bits here: kernels are rewritten before printing. */
export const storages: Record<DType, Storage> = {
  f32: { ...word, load: 'f32_load', store: 'f32_store' },
  i32: word,
  u32: word,
  f16: half,
  bf16: half,
  u8: byte,
  i8: {
    ...byte,
    load: 'i32_load8_s',
    widen: ['v128_load32_zero', 'i16x8_extend_low_i8x16_s', 'i32x4_extend_low_i16x8_s'],
  },
  bool: byte,
  f64: { shift: 3, load: 'f64_load', store: 'f64_store', widen: [] },
  i64: { shift: 3, load: 'i64_load', store: 'i64_store', widen: [] },
}

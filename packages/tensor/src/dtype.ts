// Element types: their names, sizes, typed arrays and torch's promotion order.
// f16 and bf16 are storage formats: arithmetic on them runs in f32 and rounds when stored.

import type { ReduceOp } from './kernel/ir.ts'

export type DType = 'f32' | 'f16' | 'bf16' | 'f64' | 'i32' | 'u32' | 'i8' | 'u8' | 'i64' | 'bool'

/** The types arithmetic runs in. Narrow types widen when loaded and narrow again when stored. */
export type ComputeType = 'f32' | 'f64' | 'i32' | 'u32' | 'i64' | 'bool'

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array
  | BigInt64Array

interface DTypeRow {
  /** bytes of one stored element on the CPU */
  readonly bytes: number
  readonly kind: 'float' | 'signed' | 'unsigned' | 'bool'
  readonly compute: ComputeType
  /** torch's promotion: category first (bool < integer < float), then rank inside it */
  readonly rank: number
}

export const dtypes = {
  bool: { bytes: 1, kind: 'bool', compute: 'bool', rank: 0 },
  u8: { bytes: 1, kind: 'unsigned', compute: 'u32', rank: 1 },
  i8: { bytes: 1, kind: 'signed', compute: 'i32', rank: 2 },
  u32: { bytes: 4, kind: 'unsigned', compute: 'u32', rank: 4 },
  i32: { bytes: 4, kind: 'signed', compute: 'i32', rank: 3 },
  i64: { bytes: 8, kind: 'signed', compute: 'i64', rank: 5 },
  f16: { bytes: 2, kind: 'float', compute: 'f32', rank: 6 },
  bf16: { bytes: 2, kind: 'float', compute: 'f32', rank: 7 },
  f32: { bytes: 4, kind: 'float', compute: 'f32', rank: 8 },
  f64: { bytes: 8, kind: 'float', compute: 'f64', rank: 9 },
} as const satisfies Record<DType, DTypeRow>

export const isFloat = (dtype: DType): boolean => dtypes[dtype].kind === 'float'
export const isInteger = (dtype: DType): boolean => dtypes[dtype].kind === 'signed' || dtypes[dtype].kind === 'unsigned'
export const bytesOf = (dtype: DType): number => dtypes[dtype].bytes
export const computeType = (dtype: DType): ComputeType => dtypes[dtype].compute

const ranges: Partial<Record<DType, readonly [low: number, high: number]>> = {
  bool: [0, 1],
  i8: [-128, 127],
  u8: [0, 255],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  // 2 ** 63 - 1 is no double; the encoder turns 2 ** 63 into it
  i64: [-(2 ** 63), 2 ** 63],
}

/** The lowest and the highest value of a dtype. */
export const rangeOf = (dtype: DType): readonly [low: number, high: number] => ranges[dtype] ?? [-Infinity, Infinity]

/** What a reduction begins with, and what one of nothing gives. */
export function startOf(op: ReduceOp, dtype: DType): number {
  const [low, high] = rangeOf(dtype)
  return { add: 0, mul: 1, max: low, min: high }[op]
}

/**
 * The dtype of an operation on two tensors, as torch.promote_types.
 * u8 with i8 widens to i32 (torch: i16, which Cairn lacks); f16 with bf16 gives f32.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a
  if ((a === 'u8' && b === 'i8') || (a === 'i8' && b === 'u8')) return 'i32'
  if ((a === 'f16' && b === 'bf16') || (a === 'bf16' && b === 'f16')) return 'f32'
  if ((a === 'u32' && (b === 'i32' || b === 'i8')) || (b === 'u32' && (a === 'i32' || a === 'i8'))) return 'i64'
  return dtypes[a].rank >= dtypes[b].rank ? a : b
}

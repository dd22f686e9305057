// Numbers to bits and back for every dtype: what the host stores (`TypedArray`) against plain JavaScript numbers.

import type { DType, TypedArray } from './dtype.ts'
import { bf16ToNumber, f16ToNumber, numberToBf16, numberToF16 } from './kernel/half.ts'

/** The nearest i64; saturates, because 2 ** 63 - 1 is no double. */
function toI64(value: number): bigint {
  if (value >= 2 ** 63) return 2n ** 63n - 1n
  return value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(value))
}

interface Format {
  readonly array: (length: number) => TypedArray
  /** the nearest value the dtype holds; integers wrap */
  readonly round: (value: number) => number
}

const formats: Record<DType, Format> = {
  f32: { array: n => new Float32Array(n), round: Math.fround },
  f64: { array: n => new Float64Array(n), round: v => v },
  f16: { array: n => new Uint16Array(n), round: v => f16ToNumber(numberToF16(v)) },
  bf16: { array: n => new Uint16Array(n), round: v => bf16ToNumber(numberToBf16(v)) },
  i32: { array: n => new Int32Array(n), round: v => v | 0 },
  u32: { array: n => new Uint32Array(n), round: v => v >>> 0 },
  i8: { array: n => new Int8Array(n), round: v => (v << 24) >> 24 },
  u8: { array: n => new Uint8Array(n), round: v => v & 255 },
  i64: { array: n => new BigInt64Array(n), round: Math.trunc },
  bool: { array: n => new Uint8Array(n), round: v => (v ? 1 : 0) },
}

export const roundTo = (dtype: DType): ((value: number) => number) => formats[dtype].round
export const arrayOf = (dtype: DType, length: number): TypedArray => formats[dtype].array(length)

/** Host bits as plain numbers. i64 beyond 2^53 loses digits. */
export function decode(dtype: DType, data: TypedArray): Float64Array {
  if (dtype === 'f16') return Float64Array.from(data as Uint16Array, f16ToNumber)
  if (dtype === 'bf16') return Float64Array.from(data as Uint16Array, bf16ToNumber)
  if (dtype === 'i64') return Float64Array.from(data as BigInt64Array, Number)
  return Float64Array.from(data as Float32Array)
}

/** Plain numbers as host bits, rounded to the dtype. */
export function encode(dtype: DType, values: ArrayLike<number>): TypedArray {
  const out = arrayOf(dtype, values.length)
  if (out instanceof BigInt64Array) for (let i = 0; i < values.length; i++) out[i] = toI64(values[i])
  else {
    const write =
      dtype === 'f16'
        ? numberToF16
        : dtype === 'bf16'
          ? numberToBf16
          : dtype === 'bool'
            ? (v: number) => (v ? 1 : 0)
            : null
    for (let i = 0; i < values.length; i++) out[i] = write ? write(values[i]) : values[i]
  }
  return out
}

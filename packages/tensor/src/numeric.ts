// Numbers to bits and back for every dtype: what the host stores (`TypedArray`) against plain JavaScript numbers.

import type { DType, TypedArray } from './dtype.ts'

const f32 = new Float32Array(1)
const bits = new Uint32Array(f32.buffer)

/** f32 bits to bf16 bits: round to nearest, ties to even; NaN stays NaN. */
export function toBf16(value: number): number {
  f32[0] = value
  const b = bits[0]
  if ((b & 0x7fffffff) > 0x7f800000) return (b >>> 16) | 0x40
  return (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
}
export function fromBf16(half: number): number {
  bits[0] = half << 16
  return f32[0]
}

/** IEEE 754 binary16 bits of a number: round to nearest, ties to even, from double precision in one rounding. */
export function toF16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const a = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (a >= 65520) return sign | 0x7c00
  if (a < 2 ** -25) return sign
  const exponent = a < 2 ** -14 ? -14 : Math.floor(Math.log2(a))
  const e = a >= 2 ** (exponent + 1) ? exponent + 1 : a < 2 ** exponent && exponent > -14 ? exponent - 1 : exponent
  const scaled = a * 2 ** (10 - e)
  const low = Math.floor(scaled)
  const rest = scaled - low
  const mantissa = rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low
  return sign | (mantissa + ((e + 14) << 10))
}
export function fromF16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const mantissa = half & 1023
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa ? NaN : sign * Infinity
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

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
  f16: { array: n => new Uint16Array(n), round: v => fromF16(toF16(v)) },
  bf16: { array: n => new Uint16Array(n), round: v => fromBf16(toBf16(v)) },
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
  if (dtype === 'f16') return Float64Array.from(data as Uint16Array, fromF16)
  if (dtype === 'bf16') return Float64Array.from(data as Uint16Array, fromBf16)
  if (dtype === 'i64') return Float64Array.from(data as BigInt64Array, Number)
  return Float64Array.from(data as Float32Array)
}

/** Plain numbers as host bits, rounded to the dtype. */
export function encode(dtype: DType, values: ArrayLike<number>): TypedArray {
  const out = arrayOf(dtype, values.length)
  if (out instanceof BigInt64Array) for (let i = 0; i < values.length; i++) out[i] = toI64(values[i])
  else {
    const write =
      dtype === 'f16' ? toF16 : dtype === 'bf16' ? toBf16 : dtype === 'bool' ? (v: number) => (v ? 1 : 0) : null
    for (let i = 0; i < values.length; i++) out[i] = write ? write(values[i]) : values[i]
  }
  return out
}

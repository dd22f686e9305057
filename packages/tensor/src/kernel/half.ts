// f16 and bf16 as bits: conversion to and from numbers, rounding to nearest even. IEEE 754-2008 binary16; bf16 is the upper half of binary32.

const word = new DataView(new ArrayBuffer(4))

const bitsOf = (value: number): number => {
  word.setFloat32(0, value)
  return word.getUint32(0)
}

const floatOf = (bits: number): number => {
  word.setUint32(0, bits)
  return word.getFloat32(0)
}

export const bf16ToNumber = (bits: number): number => floatOf((bits << 16) >>> 0)

/** The bits of the nearest bf16 of an f32 value; every NaN gives 0x7fc0. */
export function numberToBf16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0
  const bits = bitsOf(value)
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

export function f16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The bits of the nearest f16 of an f32 value; every NaN gives 0x7e00. */
export function numberToF16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(Math.fround(value))
  if (size >= 65520) return sign | 0x7c00
  // the spacing of f16 at this size; adding and rounding in that unit is exact in f64
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size))
  const unit = 2 ** ((size < 2 ** exponent ? exponent - 1 : size >= 2 ** (exponent + 1) ? exponent + 1 : exponent) - 10)
  const step = size < 2 ** -14 ? 2 ** -24 : unit
  const rounded = roundHalfEven(size / step) * step
  if (rounded < 2 ** -14) return sign | (rounded / 2 ** -24)
  const bits = bitsOf(rounded)
  return sign | ((((bits >>> 23) - 112) << 10) + ((bits >>> 13) & 1023))
}

/** The nearest integer, halves to even; keeps -0. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x)
  if (low === x || !Number.isFinite(x)) return x
  const rest = x - low
  const nearest = rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1
  return nearest === 0 && x < 0 ? -0 : nearest
}

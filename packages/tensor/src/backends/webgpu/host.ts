// Host arrays <-> GPU memory (stored.ts): bool and the narrow integers are widened, bf16 travels as f32, and so does f16 where the device has none.

import type { DType, TypedArray } from '../../dtype.ts'
import { bf16ToNumber, f16ToNumber, numberToBf16, numberToF16 } from '../../kernel/half.ts'
import { storedType } from './stored.ts'

const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array } as const

export type Words = Float32Array | Int32Array | Uint32Array | Uint16Array

/** What to upload, whole words: `data` itself where no conversion is needed. */
export function toDevice(dtype: DType, data: TypedArray, half: boolean): Words {
  const type = storedType(dtype, half)
  if (type === 'f16') {
    if (data.length % 2 === 0) return data as Uint16Array
    const padded = new Uint16Array(data.length + 1)
    padded.set(data as Uint16Array)
    return padded
  }
  const Words = arrays[type]
  if (data instanceof Words) return data
  const words = new Words(data.length)
  if (dtype === 'f16') for (let i = 0; i < words.length; i++) words[i] = f16ToNumber(data[i] as number)
  else if (dtype === 'bf16') for (let i = 0; i < words.length; i++) words[i] = bf16ToNumber(data[i] as number)
  else if (dtype === 'bool') for (let i = 0; i < words.length; i++) words[i] = data[i] ? 1 : 0
  else words.set(data as ArrayLike<number>)
  return words
}

/** The first `elements` of `bytes` as a fresh array of the dtype's host form. */
export function fromDevice(dtype: DType, bytes: ArrayBuffer, elements: number, half: boolean): TypedArray {
  const type = storedType(dtype, half)
  if (type === 'f16') return new Uint16Array(bytes, 0, elements).slice()
  const words = new arrays[type](bytes, 0, elements)
  switch (dtype) {
    case 'f16':
      return Uint16Array.from(words, numberToF16)
    case 'bf16':
      return Uint16Array.from(words, numberToBf16)
    case 'i8':
      return new Int8Array(words)
    case 'u8':
    case 'bool':
      return new Uint8Array(words)
    default:
      return words.slice()
  }
}

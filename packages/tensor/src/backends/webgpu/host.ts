// Host arrays <-> GPU memory, where every element takes 4 bytes (writer.ts): bool and the narrow integers are widened,
// f16 and bf16 travel as f32.

import { computeType, type DType, type TypedArray } from '../../dtype.ts'
import { DTypeError } from '../../errors.ts'
import { bf16ToNumber, f16ToNumber, numberToBf16, numberToF16 } from '../../kernel/half.ts'
import { storedTypes } from './writer.ts'

const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array } as const

/** The words to upload: `data` itself where no conversion is needed. */
export function toDevice(dtype: DType, data: TypedArray): Float32Array | Int32Array | Uint32Array {
  const Words = arrays[storedType(dtype)]
  if (data instanceof Words) return data
  const words = new Words(data.length)
  if (dtype === 'f16') for (let i = 0; i < words.length; i++) words[i] = f16ToNumber(data[i] as number)
  else if (dtype === 'bf16') for (let i = 0; i < words.length; i++) words[i] = bf16ToNumber(data[i] as number)
  else if (dtype === 'bool') for (let i = 0; i < words.length; i++) words[i] = data[i] ? 1 : 0
  else words.set(data as ArrayLike<number>)
  return words
}

/** The first `elements` of `bytes` as a fresh array of the dtype's host form. */
export function fromDevice(dtype: DType, bytes: ArrayBuffer, elements: number): TypedArray {
  const words = new arrays[storedType(dtype)](bytes, 0, elements)
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

function storedType(dtype: DType): 'f32' | 'i32' | 'u32' {
  const type = storedTypes[dtype]
  if (!type) throw new DTypeError('webgpu', `GPUs have no ${computeType(dtype)}`, { dtype })
  return type
}

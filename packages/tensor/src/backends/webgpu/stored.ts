// What a dtype is in GPU memory. Narrow integers and bool take 4 bytes, widened. f16 takes 2 where the device has `shader-f16`; elsewhere it is, like
// bf16 everywhere, an f32 that was rounded when it was stored: the same numbers, in twice the memory.

import { bytesOf, type DType } from '../../dtype.ts'
import { DTypeError } from '../../errors.ts'

export type StoredType = 'f32' | 'f16' | 'i32' | 'u32'

const types: Partial<Record<DType, StoredType>> = {
  f32: 'f32',
  f16: 'f16',
  bf16: 'f32',
  i32: 'i32',
  i8: 'i32',
  u32: 'u32',
  u8: 'u32',
  bool: 'u32',
}

export const storedDTypes = Object.keys(types) as DType[]

/** @throws DTypeError for what GPUs do not have: f64 and i64 */
export function storedType(dtype: DType, half: boolean): StoredType {
  const type = types[dtype]
  if (!type) throw new DTypeError('webgpu', 'a dtype that GPUs do not store', { dtype, bytes: bytesOf(dtype) })
  return type === 'f16' && !half ? 'f32' : type
}

/** bytes of one element */
export const storedBytes = (dtype: DType, half: boolean): number => (storedType(dtype, half) === 'f16' ? 2 : 4)

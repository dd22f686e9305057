// Files of cases: JSON and raw numbers, plain or gzipped, and tensors in them.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type DType, type Tensor, tensor } from '@cairn/tensor'

/** A tensor in a JSON file; numbers as they are, or as base64 of their bytes. */
export interface StoredTensor {
  shape: number[]
  dtype: string
  data: number[] | boolean[] | string
}

/** The bytes of a file, or of the file with `.gz` added, unpacked. */
export function readBytes(path: string): Uint8Array {
  const found = existsSync(path) ? path : `${path}.gz`
  const bytes = readFileSync(found)
  return found.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

export const hasFile = (path: string): boolean => existsSync(path) || existsSync(`${path}.gz`)

export const readJson = (path: string): unknown => JSON.parse(new TextDecoder().decode(readBytes(path)))

/** Every JSON file of a folder, or the one file. */
export function jsonFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .filter(name => /\.json(\.gz)?$/.test(name))
    .sort()
    .map(name => join(path, name))
}

/** What dtypes of torch become. 64-bit integers are indices here, and i32 is the index type of every device. */
const dtypes: Readonly<Record<string, DType>> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  int64: 'i32',
  int32: 'i32',
  int8: 'i8',
  uint8: 'u8',
  bool: 'bool',
}

export function numbersOf({ data, dtype }: StoredTensor): number[] {
  if (typeof data !== 'string') return data.map(Number)
  if (!dtype.endsWith('float32')) throw new Error(`base64 data must be float32, not ${dtype}`)
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'))
  return Array.from(new Float32Array(bytes.buffer))
}

export function tensorOf(stored: StoredTensor, options: { requiresGrad?: boolean } = {}): Tensor {
  const dtype = dtypes[stored.dtype.replace(/^torch\./, '')]
  if (!dtype) throw new Error(`there is no dtype for ${stored.dtype}`)
  return tensor(Float64Array.from(numbersOf(stored)), stored.shape, { dtype, ...options })
}

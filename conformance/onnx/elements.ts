// Element types of ONNX and the dtypes that carry them here. Cairn has no 16-bit integers and no u64: they are carried by a wider type (u64 by i64, or u32 on
// the GPU), which is exact for values that fit. Without i64, as on the GPU, i32 carries it: there it is an index or a shape.
import { type DType, type Tensor, type TypedArray, tensor } from '@cairn/tensor'
import type { TensorProto } from './proto.ts'

/** A reason why a case cannot run here that is no failure: its types or ops are declared as not supported. */
export class Unsupported extends Error {
  override name = 'Unsupported'
}

interface Element {
  readonly name: string
  readonly on: { readonly cpu: DType | null; readonly gpu: DType | null }
  /** numbers from the bytes of `raw_data` */
  readonly raw?: (bytes: Uint8Array) => TypedArray | BigUint64Array
}

const same = (dtype: DType) => ({ cpu: dtype, gpu: dtype })
const none = { cpu: null, gpu: null }
/** A copy, since the bytes need not be aligned. */
const buffer = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer

/** By the numbers of TensorProto.DataType. */
export const elements: Readonly<Record<number, Element>> = {
  1: { name: 'float', on: same('f32'), raw: b => new Float32Array(buffer(b)) },
  2: { name: 'uint8', on: same('u8'), raw: b => new Uint8Array(buffer(b)) },
  3: { name: 'int8', on: same('i8'), raw: b => new Int8Array(buffer(b)) },
  4: { name: 'uint16', on: same('u32'), raw: b => Uint32Array.from(new Uint16Array(buffer(b))) },
  5: { name: 'int16', on: same('i32'), raw: b => Int32Array.from(new Int16Array(buffer(b))) },
  6: { name: 'int32', on: same('i32'), raw: b => new Int32Array(buffer(b)) },
  7: { name: 'int64', on: { cpu: 'i64', gpu: 'i32' }, raw: b => new BigInt64Array(buffer(b)) },
  8: { name: 'string', on: none },
  9: { name: 'bool', on: same('bool'), raw: b => new Uint8Array(buffer(b)) },
  10: { name: 'float16', on: same('f16'), raw: b => new Uint16Array(buffer(b)) },
  11: { name: 'double', on: { cpu: 'f64', gpu: null }, raw: b => new Float64Array(buffer(b)) },
  12: { name: 'uint32', on: same('u32'), raw: b => new Uint32Array(buffer(b)) },
  13: { name: 'uint64', on: { cpu: 'i64', gpu: 'u32' }, raw: b => new BigUint64Array(buffer(b)) },
  14: { name: 'complex64', on: none },
  15: { name: 'complex128', on: none },
  16: { name: 'bfloat16', on: same('bf16'), raw: b => new Uint16Array(buffer(b)) },
}

let gpu = false
/** Whether what follows runs where only the GPU's dtypes are. */
export const carryForGpu = (value: boolean): void => {
  gpu = value
}

/** @throws Unsupported for a type that nothing here carries */
export function carrierOf(type: number): DType {
  const element = elements[type]
  if (!element) throw new Error(`there is no element type ${type}`)
  const dtype = element.on[gpu ? 'gpu' : 'cpu']
  if (!dtype) throw new Unsupported(`${element.name} tensors${gpu && element.on.cpu ? ' on this device' : ''}`)
  return dtype
}
export const int64 = (): DType => carrierOf(7)

const hostValues = new WeakMap<Tensor, readonly number[]>()

/** The numbers of a tensor: those that came from a file without running anything. */
export async function numbersOf(t: Tensor): Promise<readonly number[]> {
  const known = hostValues.get(t) ?? (await t.numbers())
  hostValues.set(t, known)
  return known
}

function decoded(proto: TensorProto, element: Element): TypedArray | BigUint64Array {
  if (proto.raw) return element.raw!(proto.raw)
  if (proto.floats) return Float64Array.from(proto.floats)
  if (proto.doubles) return Float64Array.from(proto.doubles)
  if (proto.int64s) return BigInt64Array.from(proto.int64s)
  if (proto.uint64s) return BigUint64Array.from(proto.uint64s)
  const half = element.name === 'float16' || element.name === 'bfloat16'
  return half ? Uint16Array.from(proto.int32s ?? []) : Float64Array.from(proto.int32s ?? [])
}

export function tensorOf(proto: TensorProto): Tensor {
  const dtype = carrierOf(proto.type)
  const found = decoded(proto, elements[proto.type])
  const size = proto.dims.reduce((a, b) => a * b, 1)
  if (found.length !== size)
    throw new Error(`tensor '${proto.name}' has ${found.length} values for [${proto.dims.join(', ')}]`)
  if (dtype === 'f16' || dtype === 'bf16') return tensor(found as Uint16Array, proto.dims, { dtype })
  if (found instanceof BigInt64Array && dtype === 'i64') {
    const out = tensor(found, proto.dims)
    hostValues.set(out, Array.from(found, Number))
    return out
  }
  const values = Float64Array.from(found as ArrayLike<number | bigint>, Number)
  // what i32 cannot hold stands for "to the end" in the bounds of slices
  const held = dtype === 'i32' ? values.map(v => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1)) : values
  const out = tensor(held, proto.dims, { dtype })
  hostValues.set(out, Array.from(values))
  return out
}

// Tensors from the host and from nothing.

import { type DefaultOptions, placed } from './creation-options.ts'
import { type DType, isFloat, type TypedArray } from './dtype.ts'
import { CairnError, DTypeError, ShapeError } from './errors.ts'
import { Storage } from './graph/storage.ts'
import { arrayOf, encode } from './numeric.ts'
import { constantOf, scalarOf } from './ops/build.ts'
import { checkShape, type Shape, sizeOf } from './shape.ts'
import { apply, Tensor } from './tensor.ts'

export interface TensorOptions extends DefaultOptions {
  /** default: f32 for numbers, bool for booleans, the array's own type for typed arrays */
  readonly dtype?: DType
  /** collect a gradient in `grad` */
  readonly requiresGrad?: boolean
}

export type Nested = number | boolean | readonly Nested[]

const dtypeOfArray = (data: TypedArray): DType => {
  if (data instanceof Float32Array) return 'f32'
  if (data instanceof Float64Array) return 'f64'
  if (data instanceof Int32Array) return 'i32'
  if (data instanceof Uint32Array) return 'u32'
  if (data instanceof Int8Array) return 'i8'
  if (data instanceof BigInt64Array) return 'i64'
  if (data instanceof Uint8Array) return 'u8'
  throw new DTypeError('tensor', `cannot tell the dtype of a ${(data as object).constructor.name}; pass { dtype }`)
}

const isTyped = (data: unknown): data is TypedArray => ArrayBuffer.isView(data) && !(data instanceof DataView)

function shapeOf(data: Nested): number[] {
  const shape: number[] = []
  for (let level: Nested = data; Array.isArray(level); level = level[0] as Nested) shape.push(level.length)
  return shape
}

function flatten(data: Nested, shape: readonly number[]): number[] {
  const out: number[] = []
  const walk = (level: Nested, axis: number): void => {
    if (axis === shape.length) {
      if (Array.isArray(level))
        throw new ShapeError('tensor', 'nested arrays have different depths', { shape: [...shape] })
      out.push(Number(level))
      return
    }
    if (!Array.isArray(level) || level.length !== shape[axis])
      throw new ShapeError('tensor', `nested arrays have different lengths along axis ${axis}`, {
        expected: shape[axis],
      })
    for (const inner of level) walk(inner, axis + 1)
  }
  walk(data, 0)
  return out
}

function place(host: TypedArray, shape: Shape, dtype: DType, options: TensorOptions): Tensor {
  checkShape('tensor', shape)
  if (host.length !== sizeOf(shape))
    throw new ShapeError('tensor', `${host.length} values do not fill [${shape.join(', ')}]`, { needed: sizeOf(shape) })
  const storage = new Storage(placed(options), shape, dtype)
  storage.host = host
  storage.settled = storage.head
  const out = new Tensor(storage)
  if (options.requiresGrad) out.requiresGrad = true
  return out
}

/**
 * A tensor from nested arrays, a number, or a flat typed array with a shape. The values are copied when it is called.
 * A Uint16Array holds f16 or bf16 bits: name the dtype.
 */
export function tensor(data: Nested, options?: TensorOptions): Tensor
export function tensor(data: TypedArray, shape?: Shape, options?: TensorOptions): Tensor
export function tensor(data: Nested | TypedArray, second?: Shape | TensorOptions, third: TensorOptions = {}): Tensor {
  const options = Array.isArray(second) ? third : ((second as TensorOptions | undefined) ?? third)
  if (isTyped(data)) {
    const shape = Array.isArray(second) ? (second as Shape) : [data.length]
    const own = options.dtype ?? dtypeOfArray(data)
    const same = arrayOf(own, 0).constructor === data.constructor
    return place(
      same
        ? (data.slice() as TypedArray)
        : encode(own, data instanceof BigInt64Array ? Array.from(data, Number) : data),
      shape,
      own,
      options,
    )
  }
  const nested = data as Nested
  const shape = shapeOf(nested)
  const values = flatten(nested, shape)
  let first: Nested = nested
  while (Array.isArray(first)) first = first[0] as Nested
  const dtype = options.dtype ?? (typeof first === 'boolean' ? 'bool' : 'f32')
  if (!isFloat(dtype) && values.some(v => !Number.isInteger(v)))
    throw new DTypeError('tensor', `a value is not an integer and the dtype is ${dtype}; use { dtype: 'f32' }`)
  return place(encode(dtype, values), shape, dtype, options)
}

/** Like `tensor`, but borrows the array until the first execution that uses it; do not change it before. */
export function fromBuffer(data: TypedArray, shape: Shape, options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? dtypeOfArray(data)
  if (arrayOf(dtype, 0).constructor !== data.constructor)
    throw new DTypeError('fromBuffer', `${dtype} is not stored in a ${data.constructor.name}; use tensor() to convert`)
  return place(data, shape, dtype, options)
}

function filled(value: Tensor, shape: Shape, options: TensorOptions): Tensor {
  checkShape('full', shape)
  const out =
    shape.length === 0
      ? apply('identity', [value])
      : apply(
          'expand',
          [
            apply(
              'reshape',
              [value],
              undefined,
              shape.map(() => 1),
            ),
          ],
          undefined,
          shape,
        )
  if (options.requiresGrad) out.requiresGrad = true
  return out
}

export const zeros = (shape: Shape, options: TensorOptions = {}): Tensor =>
  filled(constantOf(0, options.dtype ?? 'f32', placed(options)), shape, options)
export const ones = (shape: Shape, options: TensorOptions = {}): Tensor =>
  filled(constantOf(1, options.dtype ?? 'f32', placed(options)), shape, options)
/** Every element `value`, which is data: another value compiles nothing. */
export const full = (shape: Shape, value: number, options: TensorOptions = {}): Tensor =>
  filled(scalarOf(value, options.dtype ?? 'f32', placed(options)), shape, options)

/** `arange(end)` or `arange(start, end, step)`: [start, end) in steps; i32 when all are integers, else f32. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end]
  if (step === 0) throw new CairnError('arange', 'the step is 0')
  const n = Math.max(0, Math.ceil((to - from) / step))
  const whole = [from, to, step].every(Number.isInteger)
  const places = apply('iota', [], { axis: 0 }, [n], placed(options))
  const dtype = options.dtype ?? (whole ? 'i32' : 'f32')
  const base = places.to(dtype)
  const scaled = step === 1 ? base : base.mul(step)
  return from === 0 ? scaled : scaled.add(from)
}

/** `steps` values evenly from start to end, both included. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  const places = apply('iota', [], { axis: 0 }, [steps], placed(options)).to(options.dtype ?? 'f32')
  return steps === 1 ? places.add(start) : places.mul((end - start) / (steps - 1)).add(start)
}

/** The identity matrix, or its rectangular form. */
export function eye(rows: number, columns: number = rows, options: TensorOptions = {}): Tensor {
  const shape = [rows, columns]
  const device = placed(options)
  return apply('iota', [], { axis: 0 }, shape, device)
    .eq(apply('iota', [], { axis: 1 }, shape, device))
    .to(options.dtype ?? 'f32')
}

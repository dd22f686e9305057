// Tensors from the host and from nothing.

import { type DefaultOptions, placed } from './creation-options.ts'
import { type DType, isFloat, type TypedArray } from './dtype.ts'
import { CairnError, DTypeError, listed, ShapeError, shown } from './errors.ts'
import type { Engine } from './graph/engine.ts'
import { Storage } from './graph/storage.ts'
import { arrayOf, encode } from './numeric.ts'
import { checkDType, constantOf, scalarOf } from './ops/build.ts'
import { checkOptions } from './options.ts'
import { checkShape, type Shape, sizeOf } from './shape.ts'
import { apply, Tensor } from './tensor.ts'

export interface TensorOptions extends DefaultOptions {
  /** default: f32 for numbers, bool for booleans, the array's own type for typed arrays */
  readonly dtype?: DType
  /** collect a gradient in `grad` */
  readonly requiresGrad?: boolean
}

const tensorOptions = { dtype: 0, device: 0, requiresGrad: 0 }

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
      if (typeof level !== 'number' && typeof level !== 'boolean')
        throw new DTypeError('tensor', `needs numbers or booleans, got ${level === null ? 'null' : typeof level}`)
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

/** Values that an integer dtype cannot hold are errors, not truncations. */
function checkWhole(op: string, values: ArrayLike<number>, dtype: DType): void {
  if (isFloat(dtype)) return
  for (let i = 0; i < values.length; i++)
    if (!Number.isInteger(values[i]))
      throw new DTypeError(op, `${values[i]} is not an integer and the dtype is ${dtype}; use { dtype: 'f32' }`)
}

function place(op: string, host: TypedArray, shape: Shape, dtype: DType, options: TensorOptions): Tensor {
  checkShape(op, shape)
  if (host.length !== sizeOf(shape))
    throw new ShapeError(op, `${host.length} values do not fill ${listed(shape)}`, { needed: sizeOf(shape) })
  const out = new Tensor(new Storage(placed(options), shape, dtype).hold(host))
  if (options.requiresGrad) out.requiresGrad = true
  return out
}

/**
 * A tensor from nested arrays, a number, or a flat typed array with a shape. The values are copied when it is called.
 * A Uint16Array holds f16 or bf16 bits: name the dtype.
 */
export function tensor(data: Nested, options?: TensorOptions): Tensor
export function tensor(data: TypedArray, options?: TensorOptions): Tensor
export function tensor(data: TypedArray, shape: Shape, options?: TensorOptions): Tensor
export function tensor(data: Nested | TypedArray, second?: Shape | TensorOptions, third: TensorOptions = {}): Tensor {
  const options = Array.isArray(second) ? third : ((second as TensorOptions | undefined) ?? third)
  checkOptions('tensor', options, tensorOptions)
  if (isTyped(data)) {
    const shape = Array.isArray(second) ? (second as Shape) : [data.length]
    const own = checkDType('tensor', options.dtype ?? dtypeOfArray(data))
    return place('tensor', converted(data, own), shape, own, options)
  }
  if (Array.isArray(second))
    throw new ShapeError('tensor', `only a typed array takes a shape; use tensor(values).reshape(${listed(second)})`)
  const nested = data as Nested
  const shape = shapeOf(nested)
  const values = flatten(nested, shape)
  let first: Nested = nested
  while (Array.isArray(first)) first = first[0] as Nested
  const dtype = checkDType('tensor', options.dtype ?? (typeof first === 'boolean' ? 'bool' : 'f32'))
  checkWhole('tensor', values, dtype)
  return place('tensor', encode(dtype, values), shape, dtype, options)
}

/** A copy of the array as the host's form of a dtype. */
function converted(data: TypedArray, dtype: DType): TypedArray {
  const same = arrayOf(dtype, 0).constructor === data.constructor
  if (same && dtype !== 'bool') return data.slice() as TypedArray
  const values = data instanceof BigInt64Array ? Float64Array.from(data, Number) : data
  checkWhole('tensor', values, dtype)
  return encode(dtype, values)
}

/** Like `tensor`, but borrows the array until the first execution that uses it; do not change it before. */
export function fromBuffer(data: TypedArray, shape: Shape, options: TensorOptions = {}): Tensor {
  checkOptions('fromBuffer', options, tensorOptions)
  const dtype = checkDType('fromBuffer', options.dtype ?? dtypeOfArray(data))
  if (arrayOf(dtype, 0).constructor !== data.constructor)
    throw new DTypeError('fromBuffer', `${dtype} is not stored in a ${data.constructor.name}; use tensor() to convert`)
  return place('fromBuffer', data, shape, dtype, options)
}

const finish = (out: Tensor, options: TensorOptions): Tensor => {
  if (options.requiresGrad) out.requiresGrad = true
  return out
}

function filled(
  op: string,
  leaf: (dtype: DType, device: Engine) => Tensor,
  shape: Shape,
  options: TensorOptions,
): Tensor {
  checkShape(op, shape)
  checkOptions(op, options, tensorOptions)
  const value = leaf(checkDType(op, options.dtype ?? 'f32'), placed(options))
  if (shape.length === 0) return finish(apply('identity', [value]), options)
  return finish(apply('expand', [value], undefined, shape), options)
}

export const zeros = (shape: Shape, options: TensorOptions = {}): Tensor =>
  filled('zeros', (dtype, device) => constantOf(0, dtype, device), shape, options)
export const ones = (shape: Shape, options: TensorOptions = {}): Tensor =>
  filled('ones', (dtype, device) => constantOf(1, dtype, device), shape, options)
/** Every element `value`, which is data: another value compiles nothing. */
export const full = (shape: Shape, value: number, options: TensorOptions = {}): Tensor =>
  filled(
    'full',
    (dtype, device) => {
      if (typeof value !== 'number')
        throw new DTypeError('full', `needs a number for every element, not ${shown(value)}`)
      checkWhole('full', [value], dtype)
      if (dtype === 'bool' && value !== 0 && value !== 1)
        throw new DTypeError('full', `${value} is neither 0 nor 1 and the dtype is bool`)
      return scalarOf(value, dtype, device)
    },
    shape,
    options,
  )

/** Positions 0 .. n-1 along an axis of `shape`, i32. */
function positions(op: string, shape: Shape, axis: number, options: TensorOptions): Tensor {
  checkOptions(op, options, tensorOptions)
  return apply('iota', [], { axis }, shape, placed(options))
}

/** `arange(end)` or `arange(start, end, step)`: [start, end) in steps; i32 when all are integers, else f32. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end]
  for (const value of [from, to, step])
    if (!Number.isFinite(value)) throw new CairnError('arange', `start, end and step must be finite, not ${value}`)
  if (step === 0) throw new CairnError('arange', 'the step is 0')
  const n = Math.max(0, Math.ceil((to - from) / step))
  const whole = [from, to, step].every(Number.isInteger)
  const dtype = checkDType('arange', options.dtype ?? (whole ? 'i32' : 'f32'))
  checkWhole('arange', [from, step], dtype)
  const base = positions('arange', [n], 0, options).to(dtype)
  const scaled = step === 1 ? base : base.mul(step)
  return finish(from === 0 ? scaled : scaled.add(from), options)
}

/** `steps` values evenly from start to end, both included. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  checkShape('linspace', [steps])
  const dtype = checkDType('linspace', options.dtype ?? 'f32')
  if (!isFloat(dtype)) throw new DTypeError('linspace', `needs floating point, not ${dtype}`)
  const places = positions('linspace', [steps], 0, options).to(dtype)
  return finish(steps === 1 ? places.add(start) : places.mul((end - start) / (steps - 1)).add(start), options)
}

/** The identity matrix, or its rectangular form. */
export function eye(rows: number, columns: number = rows, options: TensorOptions = {}): Tensor {
  const shape = [rows, columns]
  checkShape('eye', shape)
  const dtype = checkDType('eye', options.dtype ?? 'f32')
  return finish(
    positions('eye', shape, 0, options)
      .eq(positions('eye', shape, 1, options))
      .to(dtype),
    options,
  )
}

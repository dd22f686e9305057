// What every op needs: operands to tensors (numbers as data, constants as structure), dtype promotion, broadcasting.

import { type DType, dtypes, isFloat, isInteger, promote } from '../dtype.ts'
import { DTypeError, ShapeError, shown } from '../errors.ts'
import type { Engine } from '../graph/engine.ts'
import { Live } from '../graph/live.ts'
import { Node, noSources, scalarNode } from '../graph/node.ts'
import { state } from '../graph/scope.ts'
import { Storage } from '../graph/storage.ts'
import { encode } from '../numeric.ts'
import { broadcastShapes, type Shape, sameShape } from '../shape.ts'
import { apply, Tensor } from '../tensor.ts'
import type { Constant, Operand } from './operand.ts'

const noSizes: Shape = []

/** A 0-d leaf that carries a number as data. */
export const scalarOf = (value: number, dtype: DType, device: Engine): Tensor =>
  new Tensor(scalarNode(value, dtype, device))

/** A 0-d leaf that is part of the structure. */
export const constantOf = (value: number, dtype: DType, device: Engine): Tensor =>
  new Tensor(new Node('constant', noSources, noSizes, dtype, device, { value }))

/** Values of the host on the device of `like`: tables that an op makes for itself. */
export function hostTensor(values: ArrayLike<number>, shape: Shape, dtype: DType, like: Tensor): Tensor {
  return new Tensor(new Storage(like.engine, shape, dtype).hold(encode(dtype, values)))
}

/** An operand beside `like`: a number takes its dtype. */
export function operand(op: string, value: Operand | Constant, like: Tensor, dtype: DType = like.dtype): Tensor {
  if (value instanceof Tensor) return value
  if (value instanceof Live) return liveOf(op, value, like, dtype)
  if (typeof value !== 'number') {
    if (typeof value?.constant === 'number') return constantOf(value.constant, dtype, like.engine)
    throw new DTypeError(op, `needs a tensor or a number, got ${shown(value)}; make it one with tensor()`)
  }
  if (isInteger(dtype) && !Number.isInteger(value))
    throw new DTypeError(op, `${value} is not an integer and the tensor is ${dtype}; convert it with .to('f32')`)
  if (dtype === 'bool' && value !== 0 && value !== 1)
    throw new DTypeError(op, `${value} does not fit a bool tensor; convert it with .to('i32') or .to('f32')`)
  return scalarOf(value, dtype, like.engine)
}

function liveOf(op: string, live: Live, like: Tensor, dtype: DType): Tensor {
  const traced = state.trace?.read(live)
  const number = operand(op, traced ? traced.value : live.read(), like, dtype)
  const leaf = number.node.leaf!
  leaf.live = live
  if (traced) leaf.origin = traced.origin
  return number
}

function isNumberLeaf(t: Tensor): boolean {
  if (t.storage !== null) return false
  const { op } = t.node
  return op === 'scalar' || op === 'constant'
}

/** Stretches to `shape`: missing leading axes and axes of size 1. */
export const expandTo = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : apply('expand', [x], undefined, shape)

/** Brings operands to one shape; 0-d numbers stay as they are. */
export function broadcast(op: string, tensors: readonly Tensor[]): Tensor[] {
  let shape: Shape | null = null
  for (const t of tensors) if (!isNumberLeaf(t)) shape = shape ? shapeOfBoth(op, shape, t.shape) : t.shape
  return shape ? tensors.map(t => (isNumberLeaf(t) ? t : expandTo(t, shape))) : [...tensors]
}

const shapeOfBoth = (op: string, a: Shape, b: Shape): Shape => (sameShape(a, b) ? a : broadcastShapes(op, a, b))

export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : apply('cast', [x], { mode: dtype }))

/** Two operands in one dtype and shape. */
export function pair(op: string, a: Tensor, b: Operand | Constant): [Tensor, Tensor] {
  let other = operand(op, b, a)
  let self = a
  if (b instanceof Tensor && a.dtype !== b.dtype) {
    const dtype = promoteTensors(a, b)
    self = cast(a, dtype)
    other = cast(b, dtype)
  }
  if (sameShape(self.shape, other.shape) || isNumberLeaf(other) || isNumberLeaf(self)) return [self, other]
  const shape = broadcastShapes(op, self.shape, other.shape)
  return [expandTo(self, shape), expandTo(other, shape)]
}

/** torch's rule: a 0-d tensor promotes others only across categories (bool < integer < float). */
function promoteTensors(a: Tensor, b: Tensor): DType {
  const category = (d: DType) => (isFloat(d) ? 2 : d === 'bool' ? 0 : 1)
  if (a.ndim === 0 && b.ndim > 0 && category(a.dtype) <= category(b.dtype)) return b.dtype
  if (b.ndim === 0 && a.ndim > 0 && category(b.dtype) <= category(a.dtype)) return a.dtype
  return promote(a.dtype, b.dtype)
}

/** @throws DTypeError for a name that is no dtype */
export function checkDType(op: string, dtype: DType): DType {
  if (!Object.hasOwn(dtypes, dtype))
    throw new DTypeError(op, `there is no dtype '${dtype}'; use one of ${Object.keys(dtypes).join(', ')}`)
  return dtype
}

/** Positions 0 .. n-1 along an axis of `shape`, i32. */
export const positions = (shape: Shape, axis: number, device: Engine): Tensor =>
  apply('iota', [], { axis }, shape, device)

/** A floating-point version of x: integers and bools become f32. */
export const toFloat = (x: Tensor): Tensor => (isFloat(x.dtype) ? x : cast(x, 'f32'))

/** A start that is data: 0-d and an integer, as i32. */
export function startOf(op: string, start: Tensor): Tensor {
  if (start.ndim !== 0) throw new ShapeError(op, 'a tensor start must be 0-d', { shape: [...start.shape] })
  if (!isInteger(start.dtype))
    throw new DTypeError(op, `the start must be an integer tensor, not ${start.dtype}; convert with .to('i32')`)
  return cast(start, 'i32')
}

/** An index tensor as i32. What 32 bits do not hold stays outside of every axis. */
export function asIndex(op: string, index: Tensor): Tensor {
  if (!isInteger(index.dtype))
    throw new DTypeError(op, `the index must be an integer tensor, not ${index.dtype}; convert with .to('i32')`)
  if (index.dtype !== 'i64') return cast(index, 'i32')
  const within = (op: 'min' | 'max', x: Tensor, limit: number) => apply(op, [x, constantOf(limit, 'i64', x.engine)])
  return cast(within('min', within('max', index, -(2 ** 31)), 2 ** 31 - 1), 'i32')
}

/** @throws ShapeError for what is no whole number from `least` up */
export function checkCount(op: string, what: string, n: number, least = 0): void {
  if (!Number.isInteger(n) || n < least)
    throw new ShapeError(op, `the ${what} must be an integer of at least ${least}, not ${n}`)
}

/** @throws DTypeError for what is not floating point */
export function needsFloat(op: string, x: Tensor): void {
  if (!isFloat(x.dtype)) throw new DTypeError(op, `needs floating point, not ${x.dtype}; convert with .to('f32')`)
}

/** Integers in which sums of narrow ones have room. */
export const widened = (x: Tensor): Tensor => (['bool', 'u8', 'i8'].includes(x.dtype) ? cast(x, 'i32') : x)

/** A 1-d index for slices along an axis, stretched over a tensor of `shape`. */
export function acrossSlices(op: string, index: Tensor, d: number, shape: readonly number[]): Tensor {
  if (index.ndim > 1) throw new ShapeError(op, 'the index must have one axis', { shape: [...index.shape] })
  return asIndex(op, index)
    .reshape(shape.map((_, i) => (i === d ? index.size : 1)))
    .expand(shape)
}

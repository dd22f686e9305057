// Shape arithmetic shared by ops and primitives: sizes, axes, broadcasting. Errors name the op that asked.

import { listed, ShapeError, shown } from './errors.ts'

export type Shape = readonly number[]

export function sizeOf(shape: Shape): number {
  let size = 1
  for (const n of shape) size *= n
  return size
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= shape[i]
  }
  return strides
}

/** An axis in [-rank, rank) as a non-negative one. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis)) throw new ShapeError(op, `an axis is an integer, not ${shown(axis)}`)
  if (axis < -rank || axis >= rank)
    throw new ShapeError(op, `axis ${axis} is outside of a tensor with ${rank} axes`, { axis, rank })
  return axis < 0 ? axis + rank : axis
}

/** Axes, each once, ascending; `undefined` means all. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i)
  if (typeof axes !== 'number' && !Array.isArray(axes))
    throw new ShapeError(op, `takes an axis or an array of axes first, not ${shown(axes)}`)
  const list = (typeof axes === 'number' ? [axes] : axes).map(a => normalizeAxis(op, a, rank))
  list.sort((a, b) => a - b)
  for (let i = 1; i < list.length; i++)
    if (list[i] === list[i - 1]) throw new ShapeError(op, `axis ${list[i]} is given twice`, { axes: list })
  return list
}

/** NumPy's broadcasting of two shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length)
  const out = new Array<number>(rank)
  for (let i = 1; i <= rank; i++) {
    const x = i <= a.length ? a[a.length - i] : 1
    const y = i <= b.length ? b[b.length - i] : 1
    if (x !== y && x !== 1 && y !== 1)
      throw new ShapeError(op, `shapes do not broadcast: ${listed(a)} and ${listed(b)} (${x} vs ${y})`, {
        axis: rank - i,
      })
    out[rank - i] = x === 1 ? y : x
  }
  return out
}

/** @throws ShapeError for sizes that are not in an array */
export function checkArray(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ShapeError(op, `takes a shape as one array, such as [2, 3], not ${shown(shape)}`)
}

export function checkShape(op: string, shape: Shape): void {
  checkArray(op, shape)
  for (const n of shape)
    if (!Number.isInteger(n) || n < 0)
      throw new ShapeError(op, 'sizes must be non-negative integers', { shape: [...shape] })
}

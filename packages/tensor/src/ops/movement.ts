// Views and joins: nothing is copied on a compiled device until a kernel needs it.

import { promote } from '../dtype.ts'
import { CairnError, DTypeError, listed, ShapeError, shown } from '../errors.ts'
import { checkArray, checkShape, normalizeAxes, normalizeAxis, type Shape, sameShape, sizeOf } from '../shape.ts'
import { apply, Tensor } from '../tensor.ts'
import { cast, checkCount, expandTo, positions, scalarOf, startOf } from './build.ts'

/** Another shape with as many elements; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x
  checkArray('reshape', shape)
  const free = shape.indexOf(-1)
  let wanted = shape
  if (free >= 0) {
    if (shape.indexOf(-1, free + 1) >= 0)
      throw new ShapeError('reshape', 'only one size can be -1', { shape: [...shape] })
    const rest = shape.reduce((n, s, i) => (i === free ? n : n * s), 1)
    if (rest === 0 || x.size % rest !== 0)
      throw new ShapeError('reshape', `${listed(x.shape)} does not divide into ${listed(shape)}`)
    wanted = shape.with(free, x.size / rest)
  }
  checkShape('reshape', wanted)
  if (wanted.length === x.ndim && wanted.every((n, i) => n === x.shape[i])) return x
  return apply('reshape', [x], undefined, wanted)
}
export const view = reshape

/** Axes from `start` to `end` (inclusive) become one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (x.ndim === 0) return reshape(x, [1])
  const a = normalizeAxis('flatten', start, x.ndim)
  const b = normalizeAxis('flatten', end, x.ndim)
  if (a > b) throw new ShapeError('flatten', `axis ${start} comes after axis ${end}`, { shape: [...x.shape] })
  return reshape(x, x.shape.toSpliced(a, b - a + 1, sizeOf(x.shape.slice(a, b + 1))))
}

/** Removes axes of size 1 (all of them, or the given ones). */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list =
    axes === undefined ? x.shape.flatMap((n, d) => (n === 1 ? [d] : [])) : normalizeAxes('squeeze', axes, x.ndim)
  return reshape(
    x,
    x.shape.filter((n, d) => !(list.includes(d) && n === 1)),
  )
}

/** Puts an axis of size 1 at `axis` of the result. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const d = normalizeAxis('unsqueeze', axis, x.ndim + 1)
  return reshape(x, x.shape.toSpliced(d, 0, 1))
}

/** Stretches axes of size 1, and adds leading axes; -1 keeps a size. */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkArray('expand', shape)
  if (shape.length < x.ndim) throw new ShapeError('expand', `${listed(shape)} has fewer axes than ${listed(x.shape)}`)
  if (sameShape(x.shape, shape)) return x
  const wanted = shape.map((n, i) => (n === -1 ? (x.shape[i - (shape.length - x.ndim)] ?? 1) : n))
  checkShape('expand', wanted)
  return expandTo(x, wanted)
}
/** Stretches to the shape of another tensor. */
export const expandAs = (x: Tensor, other: Tensor): Tensor => expand(x, other.shape)

/** Axis i of the result is axis `order[i]` of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map(a => normalizeAxis('permute', a, x.ndim))
  if (axes.length !== x.ndim || axes.some((a, i) => axes.indexOf(a) !== i))
    throw new ShapeError('permute', `${listed(order)} does not name each of ${x.ndim} axes once`)
  return axes.every((a, i) => a === i) ? x : apply('permute', [x], { axes })
}

/** Swaps two axes. */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  const p = normalizeAxis('transpose', a, x.ndim)
  const q = normalizeAxis('transpose', b, x.ndim)
  return permute(
    x,
    x.shape.map((_, d) => (d === p ? q : d === q ? p : d)),
  )
}

/**
 * `[start, end]`, `[start, end, step]`, a single index (drops the axis), or null for all. Ends may be null; negatives count from the end.
 * A string is Python's way to write them: '1:3', '::2', ':', '-1', and '...' for as many whole axes as are left.
 */
export type SliceRange =
  | number
  | null
  | string
  | readonly [number | null, number | null]
  | readonly [number | null, number | null, number | null]

type Range = Exclude<SliceRange, string>

function parsed(given: readonly SliceRange[], rank: number): Range[] {
  return given.flatMap((r): Range[] => {
    if (typeof r !== 'string') return [r]
    if (r.trim() === '...') return new Array<null>(Math.max(0, rank - given.length + 1)).fill(null)
    const parts = r.split(':').map(p => p.trim())
    if (parts.length > 3 || parts.some(p => !/^-?\d*$/.test(p) || p === '-') || (parts.length === 1 && parts[0] === ''))
      throw new ShapeError('slice', `'${r}' is no range; write 'start:end:step' or an index`)
    const [start, end = null, step = null] = parts.map(p => (p === '' ? null : Number(p)))
    return [parts.length === 1 ? start : [start, end, step]]
  })
}

/** One range an axis, from the first; axes left out stay whole. A negative step flips. */
export function slice(x: Tensor, ...given: SliceRange[]): Tensor {
  const ranges = given.some(r => typeof r === 'string') ? parsed(given, x.ndim) : (given as Range[])
  if (ranges.length > x.ndim) throw new ShapeError('slice', `${ranges.length} ranges for a tensor with ${x.ndim} axes`)
  const sizes: number[] = []
  const steps: number[] = []
  const shape: number[] = []
  const dropped: number[] = []
  x.shape.forEach((n, d) => {
    const range = ranges[d] ?? null
    if (typeof range === 'number') {
      const i = range < 0 ? range + n : range
      if (!Number.isInteger(i) || i < 0 || i >= n)
        throw new ShapeError('slice', `index ${range} is outside of axis ${d}`, { size: n })
      sizes.push(i)
      steps.push(1)
      shape.push(1)
      dropped.push(d)
      return
    }
    const [from = null, to = null, by = null] = range ?? []
    for (const bound of [from, to])
      if (bound !== null && !Number.isInteger(bound))
        throw new ShapeError('slice', `a bound must be an integer or null, not ${bound}`, { axis: d })
    const step = by ?? 1
    if (!Number.isInteger(step) || step === 0)
      throw new ShapeError('slice', `a step must be a non-zero integer, not ${step}`)
    const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v < 0 ? v + n : v))
    const start = from === null ? (step > 0 ? 0 : n - 1) : clip(from, step > 0 ? 0 : -1, step > 0 ? n : n - 1)
    const end = to === null ? (step > 0 ? n : -1) : clip(to, step > 0 ? 0 : -1, step > 0 ? n : n - 1)
    const length = Math.max(0, Math.ceil((end - start) / step))
    sizes.push(length === 0 ? 0 : start)
    steps.push(step)
    shape.push(length)
  })
  const whole = shape.every((n, d) => n === x.shape[d] && steps[d] === 1)
  const cut = whole ? x : apply('slice', [x], { sizes, steps }, shape)
  return dropped.length
    ? reshape(
        cut,
        shape.filter((_, d) => !dropped.includes(d)),
      )
    : cut
}

/** A range of one axis. */
const along = (x: Tensor, axis: number, range: Range): Tensor =>
  slice(x, ...new Array<Range>(x.ndim).fill(null).with(axis, range))

/**
 * `length` elements of one axis from `start`. A number is structure; a 0-d integer tensor is data, so that a moving offset
 * compiles nothing (it is clamped so that the window fits).
 */
export function narrow(x: Tensor, axis: number, start: number | Tensor, length: number): Tensor {
  const d = normalizeAxis('narrow', axis, x.ndim)
  checkCount('narrow', 'length', length)
  if (typeof start !== 'number') return apply('narrowAt', [x, startOf('narrow', start)], { axis: d, sizes: [length] })
  const from = start < 0 ? start + x.shape[d] : start
  if (!Number.isInteger(from) || from < 0 || from + length > x.shape[d])
    throw new ShapeError('narrow', `${length} elements from ${start} do not fit axis ${d}`, { size: x.shape[d] })
  return along(x, d, [from, from + length])
}

/** One index along an axis, which leaves the shape. */
export function select(x: Tensor, axis: number, index: number): Tensor {
  const d = normalizeAxis('select', axis, x.ndim)
  const n = x.shape[d]
  if (!Number.isInteger(index) || index < -n || index >= n)
    throw new ShapeError('select', `index ${index} is outside of axis ${d}`, { size: n })
  return along(x, d, index)
}

/** Reverses axes. */
export function flip(x: Tensor, axes: number | readonly number[]): Tensor {
  const list = normalizeAxes('flip', axes, x.ndim)
  if (list.length === 0) return x
  return slice(x, ...x.shape.map((_, d) => (list.includes(d) ? ([null, null, -1] as const) : null)))
}

/** Zeros (or `value`) before and after each axis; negative widths cut. */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  if (widths.length !== x.ndim)
    throw new ShapeError('pad', `needs a pair of widths for each of ${x.ndim} axes, got ${widths.length}`)
  widths.forEach(([a, b], d) => {
    if (!Number.isInteger(a) || !Number.isInteger(b) || x.shape[d] + Math.min(a, 0) + Math.min(b, 0) < 0)
      throw new ShapeError('pad', `widths [${a}, ${b}] do not fit axis ${d}`, { size: x.shape[d] })
  })
  const cut = widths.some(([a, b]) => a < 0 || b < 0)
    ? slice(x, ...x.shape.map((n, d) => [Math.max(0, -widths[d][0]), n - Math.max(0, -widths[d][1])] as const))
    : x
  const sizes = widths.flatMap(([a, b]) => [Math.max(0, a), Math.max(0, b)])
  if (sizes.every(n => n === 0)) return cut
  const padded = apply('pad', [cut], { sizes })
  if (value === 0) return padded
  const inside = apply('pad', [cut.onesLike().to('bool')], { sizes })
  return padded.where(inside, value)
}

/** Puts `step - 1` zeros between the elements of one axis. */
export function dilate(x: Tensor, axis: number, step: number): Tensor {
  const d = normalizeAxis('dilate', axis, x.ndim)
  checkCount('dilate', 'step', step, 1)
  if (step === 1 || x.shape[d] === 0) return x
  const apart = unsqueeze(x, d + 1)
  const spread = pad(
    apart,
    apart.shape.map((_, i) => [0, i === d + 1 ? step - 1 : 0] as const),
  )
  const merged = reshape(spread, x.shape.with(d, x.shape[d] * step))
  return narrow(merged, d, 0, (x.shape[d] - 1) * step + 1)
}

/**
 * Windows along an axis, as views: element [.., o, .., j] is x[.., o * step + j * dilation, ..], with j in a new last axis.
 * @param size elements of a window
 */
export function windows(x: Tensor, axis: number, size: number, step = 1, dilation = 1): Tensor {
  const d = normalizeAxis('windows', axis, x.ndim)
  checkCount('windows', 'size', size)
  checkCount('windows', 'step', step, 1)
  checkCount('windows', 'dilation', dilation, 1)
  const reach = (size - 1) * dilation + 1
  if (reach > x.shape[d])
    throw new ShapeError('windows', `a window of ${reach} does not fit axis ${d}`, { size: x.shape[d] })
  const count = Math.floor((x.shape[d] - Math.max(0, reach)) / step) + 1
  if (size === 1) return unsqueeze(along(x, d, [null, null, step]), -1)
  const shape = [...x.shape.with(d, count), size]
  return apply('window', [x], { axis: d, steps: [step, dilation] }, shape)
}

/** torch.Tensor.unfold: windows of `size` every `step` elements of an axis, in a new last axis. */
export const unfold = (x: Tensor, axis: number, size: number, step: number): Tensor => {
  const d = normalizeAxis('unfold', axis, x.ndim)
  return windows(x, d, size, step)
}

function checkTensors(op: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors)) throw new CairnError(op, `takes the tensors as one array: ${op}([a, b], axis)`)
  if (tensors.length === 0) throw new CairnError(op, 'needs at least one tensor')
  for (const t of tensors)
    if (!(t instanceof Tensor)) throw new DTypeError(op, `needs tensors, got ${shown(t)}; make it one with tensor()`)
}

/** Tensors one after the other along an axis. */
export function cat(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensors('cat', tensors)
  const dtype = tensors.map(t => t.dtype).reduce(promote)
  const d = normalizeAxis('cat', axis, tensors[0].ndim)
  for (const t of tensors)
    if (t.ndim !== tensors[0].ndim)
      throw new ShapeError('cat', `ranks differ: ${tensors.map(s => listed(s.shape)).join(' and ')}`)
  const parts = tensors.map(t => cast(t, dtype))
  return parts.length === 1 ? parts[0] : apply('cat', parts, { axis: d })
}

/** Tensors of one shape side by side along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensors('stack', tensors)
  for (const t of tensors)
    if (!sameShape(t.shape, tensors[0].shape))
      throw new ShapeError('stack', `shapes differ: ${listed(tensors[0].shape)} and ${listed(t.shape)}`)
  return cat(
    tensors.map(t => unsqueeze(t, axis)),
    axis < 0 ? axis + tensors[0].ndim + 1 : axis,
  )
}

/** Pieces of `size` along an axis (the last may be smaller), or of the listed sizes. */
export function split(x: Tensor, size: number | readonly number[], axis = 0): Tensor[] {
  const d = normalizeAxis('split', axis, x.ndim)
  const n = x.shape[d]
  if (typeof size === 'number') checkCount('split', 'size', size, 1)
  else for (const part of size) checkCount('split', 'size of a part', part)
  const sizes =
    typeof size === 'number'
      ? Array.from({ length: Math.max(1, Math.ceil(n / size)) }, (_, i) => Math.min(size, n - i * size))
      : size
  if (sizes.reduce((a, b) => a + b, 0) !== n)
    throw new ShapeError('split', `sizes ${listed(sizes)} do not add up to ${n}`, { axis: d })
  let at = 0
  return sizes.map(length => {
    at += length
    return narrow(x, d, at - length, length)
  })
}

/** `count` pieces along an axis, as equal as torch.chunk makes them. */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  const d = normalizeAxis('chunk', axis, x.ndim)
  checkCount('chunk', 'count', count, 1)
  return split(x, Math.max(1, Math.ceil(x.shape[d] / count)), d)
}

/** The slices along an axis, without it. */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  const d = normalizeAxis('unbind', axis, x.ndim)
  return Array.from({ length: x.shape[d] }, (_, i) => select(x, d, i))
}

/** Repeats the whole tensor along each axis. */
export function repeat(x: Tensor, ...times: number[]): Tensor {
  if (times.length < x.ndim) throw new ShapeError('repeat', `needs at least ${x.ndim} counts, got ${times.length}`)
  for (const n of times) checkCount('repeat', 'count', n)
  const shape = [...new Array<number>(times.length - x.ndim).fill(1), ...x.shape]
  const apart = reshape(
    x,
    shape.flatMap(n => [1, n]),
  )
  return reshape(
    expand(
      apart,
      shape.flatMap((n, d) => [times[d], n]),
    ),
    shape.map((n, d) => n * times[d]),
  )
}

/** Repeats each element `times` times along an axis. */
export function repeatInterleave(x: Tensor, times: number, axis: number): Tensor {
  const d = normalizeAxis('repeatInterleave', axis, x.ndim)
  checkCount('repeatInterleave', 'count', times)
  const apart = unsqueeze(x, d + 1)
  const wide = expand(apart, apart.shape.with(d + 1, times))
  return reshape(wide, x.shape.with(d, x.shape[d] * times))
}

/** Keeps the lower triangle of the last two axes: column - row <= diagonal. */
export const tril = (x: Tensor, diagonal = 0): Tensor => triangle(x, diagonal, true)
/** Keeps the upper triangle of the last two axes: column - row >= diagonal. */
export const triu = (x: Tensor, diagonal = 0): Tensor => triangle(x, diagonal, false)

function triangle(x: Tensor, diagonal: number, lower: boolean): Tensor {
  if (x.ndim < 2) throw new ShapeError(lower ? 'tril' : 'triu', 'needs at least two axes', { shape: [...x.shape] })
  const rows = positions(x.shape, x.ndim - 2, x.engine)
  const columns = positions(x.shape, x.ndim - 1, x.engine)
  const limit = rows.add(scalarOf(diagonal, 'i32', x.engine))
  const keep = lower ? columns.le(limit) : columns.ge(limit)
  if (x.dtype === 'bool') return x.and(keep)
  return x.where(keep, 0)
}

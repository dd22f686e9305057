// Pooling over windows of one to three axes. The gradient of a maximum goes to the first largest element of each window, as in torch, and is gathered:
// each element asks the windows that hold it.

import { isFloat } from '../dtype.ts'
import { DTypeError, listed, ShapeError } from '../errors.ts'
import { constantOf, hostTensor, positions } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { withDerivative } from '../ops/shortcut.ts'
import { type Overlap, unwindow } from '../primitives/movement.ts'
import { type Shape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { formOf, type PerAxis, perAxis } from './conv.ts'
import { meanTaps } from './interpolate.ts'
import { axisMap, resample } from './resample.ts'

export interface PoolOptions {
  /** default: the kernel size */
  readonly stride?: PerAxis
  /** on both sides, at most half of the kernel */
  readonly padding?: PerAxis
  /** windows may begin inside and reach over the end */
  readonly ceilMode?: boolean
}
export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: PerAxis
}
export interface AvgPoolOptions extends PoolOptions {
  /** whether padding counts as elements; default true */
  readonly countIncludePad?: boolean
  /** divides the sums instead of the number of elements */
  readonly divisorOverride?: number
}

interface Geometry {
  readonly input: Shape
  readonly output: Shape
  readonly kernel: Shape
  readonly stride: Shape
  readonly dilation: Shape
  /** before, and after: what the last window needs */
  readonly padding: readonly (readonly [number, number])[]
  /** torch's padding, which counts as elements of a mean */
  readonly own: Shape
}

const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i)

/** [batch, channels, ...spatial] of x, which may come without the batch. */
function batched(op: string, x: Tensor, rank: number): { x: Tensor; single: boolean } {
  if (x.ndim !== rank + 1 && x.ndim !== rank + 2)
    throw new ShapeError(op, `needs [batch, channels, ${rank} ${rank === 1 ? 'axis' : 'axes'}]`, {
      shape: [...x.shape],
    })
  const single = x.ndim === rank + 1
  return { x: single ? x.unsqueeze(0) : x, single }
}

function geometryOf(op: string, input: Shape, size: PerAxis, options: MaxPoolOptions): Geometry {
  const rank = input.length
  const kernel = perAxis(op, 'kernel size', size, rank, 1)
  const stride = perAxis(op, 'stride', options.stride ?? kernel, rank, 1)
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1)
  const own = perAxis(op, 'padding', options.padding ?? 0, rank, 0)
  const output = input.map((n, i) => {
    if (own[i] > kernel[i] / 2)
      throw new ShapeError(op, `a padding of ${own[i]} is more than half of the kernel`, { kernel: [...kernel] })
    const room = n + 2 * own[i] - dilation[i] * (kernel[i] - 1) - 1
    const count = (options.ceilMode ? Math.ceil(room / stride[i]) : Math.floor(room / stride[i])) + 1
    // a window that begins in the padding after the end is left out
    const kept = options.ceilMode && (count - 1) * stride[i] >= n + own[i] ? count - 1 : count
    if (room < 0 && !(options.ceilMode && kept > 0))
      throw new ShapeError(op, `a kernel of ${listed(kernel)} does not fit the padded input`, {
        input: [...input],
      })
    return kept
  })
  const padding = input.map((n, i) => {
    const reach = (output[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1
    return [own[i], Math.max(0, reach - n - own[i])] as const
  })
  return { input, output, kernel, stride, dilation, padding, own }
}

/** [N, C, ...output, ...kernel] as a view. */
function windowsOf(x: Tensor, { padding, kernel, stride, dilation }: Geometry, value: number): Tensor {
  let out = x.pad([[0, 0], [0, 0], ...padding], value)
  kernel.forEach((size, i) => {
    out = out.windows(2 + i, size, stride[i], dilation[i])
  })
  return out
}

/** What the windows were taken from: the input without its padding. */
const overlapsOf = ({ input, stride, dilation, padding }: Geometry): Overlap[] =>
  input.map((size, i) => ({ axis: 2 + i, from: padding[i][0], size, step: stride[i], dilation: dilation[i] }))

/** The flat positions in the input of all elements of all windows, i32 [...output, ...kernel]; a negative number in the padding. */
function placesOf(x: Tensor, { input, output, kernel, stride, dilation, padding }: Geometry): Tensor {
  const shape = [...output, ...kernel]
  const rank = input.length
  const along = (axis: number) => positions(shape, axis, x.engine)
  let flat: Tensor | null = null
  let outside: Tensor | null = null
  input.forEach((n, i) => {
    const at = along(i)
      .mul(stride[i])
      .add(along(rank + i).mul(dilation[i]))
      .sub(padding[i][0])
    flat = flat ? flat.mul(n).add(at) : at
    if (padding[i].every(p => p === 0)) return
    const out = at.lt(k(0)).or(at.ge(n))
    outside = outside ? outside.or(out) : out
  })
  return outside ? flat!.maskedFill(outside, -1) : flat!
}

const lowest = (x: Tensor): number =>
  isFloat(x.dtype) ? -Infinity : x.dtype === 'i8' ? -128 : x.dtype === 'i32' ? -(2 ** 31) : 0

/** The flat position of the first largest element of each window, i32 [N, C, ...output]; NaN counts as largest. */
function firstLargest(x: Tensor, geometry: Geometry): Tensor {
  const windows = windowsOf(x, geometry, lowest(x))
  const axes = range(geometry.kernel.length, 2 + geometry.kernel.length)
  const best = windows.max(axes, { keepDim: true })
  const places = placesOf(x, geometry)
  const hit = (isFloat(x.dtype) ? windows.eq(best).or(windows.isnan()) : windows.eq(best)).and(places.ge(k(0)))
  return places.where(hit, sizeOf(geometry.input)).min(axes)
}

function largest(x: Tensor, geometry: Geometry): Tensor {
  const { kernel } = geometry
  const rank = kernel.length
  return withDerivative(
    [x],
    () => windowsOf(x, geometry, lowest(x)).max(range(rank, 2 + rank)),
    (g, [x]) => {
      const ones = kernel.map(() => 1)
      const first = firstLargest(x, geometry)
      const hit = placesOf(x, geometry).eq(first.reshape([...first.shape, ...ones]))
      const windows = g.reshape([...g.shape, ...ones]).where(hit, k(0))
      return [unwindow(windows, overlapsOf(geometry))]
    },
    formOf('largest', geometry),
  )
}

/** The sum of each window. */
function windowSums(x: Tensor, geometry: Geometry): Tensor {
  const rank = geometry.kernel.length
  return withDerivative(
    [x],
    () => windowsOf(x, geometry, 0).sum(range(rank, 2 + rank)),
    g => [spreadSums(g, geometry)],
    formOf('windowSums', geometry),
  )
}

/** The transpose: each element gets what the windows that hold it have. */
function spreadSums(g: Tensor, geometry: Geometry): Tensor {
  const { kernel } = geometry
  return withDerivative(
    [g],
    () =>
      unwindow(g.reshape([...g.shape, ...kernel.map(() => 1)]).expand([...g.shape, ...kernel]), overlapsOf(geometry)),
    h => [windowSums(h, geometry)],
    formOf('spreadSums', geometry),
  )
}

const unbatch = (x: Tensor, single: boolean): Tensor => (single ? x.squeeze(0) : x)

const maxPool =
  (rank: 1 | 2 | 3) =>
  (x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}): Tensor => {
    const op = `maxPool${rank}d`
    const { x: all, single } = batched(op, x, rank)
    return unbatch(largest(all, geometryOf(op, all.shape.slice(2), kernel, options)), single)
  }

const maxPoolWithIndices =
  (rank: 1 | 2 | 3) =>
  (x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}): [values: Tensor, indices: Tensor] => {
    const op = `maxPool${rank}dWithIndices`
    const { x: all, single } = batched(op, x, rank)
    const geometry = geometryOf(op, all.shape.slice(2), kernel, options)
    return [unbatch(largest(all, geometry), single), unbatch(firstLargest(all, geometry), single)]
  }

/**
 * torch.nn.functional.max_pool1d: the largest element of each window; NaN wins.
 * @param x [N, C, L] or [C, L]
 */
export const maxPool1d = maxPool(1)
/** torch.nn.functional.max_pool2d. @param x [N, C, H, W] or [C, H, W] */
export const maxPool2d = maxPool(2)
/** torch.nn.functional.max_pool3d. @param x [N, C, D, H, W] or [C, D, H, W] */
export const maxPool3d = maxPool(3)
/** Also the flat position (i32) of each maximum among the spatial elements of its channel, for `maxUnpool`. */
export const maxPool1dWithIndices = maxPoolWithIndices(1)
export const maxPool2dWithIndices = maxPoolWithIndices(2)
export const maxPool3dWithIndices = maxPoolWithIndices(3)

/**
 * torch.nn.functional.max_unpool*d: values at the positions that max pooling took them from, zeros elsewhere.
 * @param x [N, C, ...pooled]   @param indices of maxPool*WithIndices   @param size the spatial sizes of the result
 */
export function maxUnpool(x: Tensor, indices: Tensor, size: Shape): Tensor {
  const rank = size.length
  if (x.ndim < rank + 1 || x.shape.some((n, d) => n !== indices.shape[d]))
    throw new ShapeError('maxUnpool', `values ${listed(x.shape)} and indices ${listed(indices.shape)} differ`)
  const rows = x.shape.slice(0, x.ndim - rank)
  const empty = constantOf(0, x.dtype, x.engine).expand([...rows, sizeOf(size)])
  return empty.scatter(rows.length, indices.flatten(rows.length), x.flatten(rows.length)).reshape([...rows, ...size])
}

const avgPool =
  (rank: 1 | 2 | 3) =>
  (x: Tensor, size: PerAxis, options: AvgPoolOptions = {}): Tensor => {
    const op = `avgPool${rank}d`
    if (!isFloat(x.dtype)) throw new DTypeError(op, `needs floating point, not ${x.dtype}; convert with .to('f32')`)
    const { x: all, single } = batched(op, x, rank)
    const geometry = geometryOf(op, all.shape.slice(2), size, options)
    return unbatch(windowSums(all, geometry).div(divisorOf(all, geometry, options)), single)
  }

/** How many elements each mean is over: a number, or [...output] where windows at the edge hold fewer. */
function divisorOf(
  x: Tensor,
  { input, output, kernel, stride, padding, own }: Geometry,
  options: AvgPoolOptions,
): Tensor | number {
  if (options.divisorOverride !== undefined) return options.divisorOverride
  const withPad = options.countIncludePad ?? true
  if (padding.every(([a, b], i) => (a === 0 && b === 0) || (withPad && b <= own[i]))) return sizeOf(kernel)
  return input
    .map((n, i) => {
      const start = positions(output, i, x.engine).mul(stride[i]).sub(own[i])
      const end = start.add(kernel[i]).clamp(undefined, n + own[i])
      return withPad ? end.sub(start) : end.clamp(0, n).sub(start.clamp(0, n))
    })
    .reduce((a, b) => a.mul(b))
    .to(x.dtype)
}

/** torch.nn.functional.avg_pool1d: the mean of each window. @param x [N, C, L] or [C, L] */
export const avgPool1d = avgPool(1)
/** torch.nn.functional.avg_pool2d. @param x [N, C, H, W] or [C, H, W] */
export const avgPool2d = avgPool(2)
/** torch.nn.functional.avg_pool3d. @param x [N, C, D, H, W] or [C, D, H, W] */
export const avgPool3d = avgPool(3)

type OutputSize = number | readonly (number | null)[]

/** null keeps an axis. */
function sizesOf(op: string, input: Shape, size: OutputSize): number[] {
  const list = typeof size === 'number' ? input.map(() => size) : size.map((n, i) => n ?? input[i])
  const wanted = perAxis(op, 'output size', list, input.length, 1)
  if (input.some(n => n === 0)) throw new ShapeError(op, 'an empty axis cannot be pooled', { input: [...input] })
  return wanted
}

const adaptiveAvgPool =
  (rank: 1 | 2 | 3) =>
  (x: Tensor, size: OutputSize): Tensor => {
    const op = `adaptiveAvgPool${rank}d`
    if (!isFloat(x.dtype)) throw new DTypeError(op, `needs floating point, not ${x.dtype}; convert with .to('f32')`)
    const { x: all, single } = batched(op, x, rank)
    const input = all.shape.slice(2)
    const wanted = sizesOf(op, input, size)
    if (input.every((n, i) => n % wanted[i] === 0)) {
      const kernel = input.map((n, i) => n / wanted[i])
      const parts = all.reshape([...all.shape.slice(0, 2), ...input.flatMap((_, i) => [wanted[i], kernel[i]])])
      return unbatch(parts.mean(range(rank).map(i => 3 + 2 * i)), single)
    }
    const out = input.reduce(
      (y, n, i) => (n === wanted[i] ? y : resample(y, 2 + i, axisMap(meanTaps(n, wanted[i]), n))),
      all,
    )
    return unbatch(out, single)
  }

/** The first largest of the parts [floor(i n / size), ceil((i + 1) n / size)) of each axis. */
function adaptiveIndices(x: Tensor, wanted: Shape): Tensor {
  const input = x.shape.slice(2)
  const rank = input.length
  // positions along each axis, parts of unequal length filled up with their last element: a maximum does not mind
  const parts = input.map((n, i) => {
    const first = range(wanted[i]).map(o => Math.floor((o * n) / wanted[i]))
    const last = range(wanted[i]).map(o => Math.ceil(((o + 1) * n) / wanted[i]))
    const width = Math.max(...first.map((f, o) => last[o] - f))
    const places = first.flatMap((f, o) => range(width).map(j => Math.min(f + j, last[o] - 1)))
    const shape = [...wanted.map((_, d) => (d === i ? wanted[i] : 1)), ...wanted.map((_, d) => (d === i ? width : 1))]
    return hostTensor(places, shape, 'i32', x)
  })
  const places = parts.reduce((flat, p, i) => flat.mul(input[i]).add(p))
  const rows = x.shape.slice(0, 2)
  const flat = x.reshape([...rows, sizeOf(input)])
  const windows = flat.indexSelect(2, places)
  const axes = range(rank, 2 + rank)
  const best = windows.max(axes, { keepDim: true })
  const hit = isFloat(x.dtype) ? windows.eq(best).or(windows.isnan()) : windows.eq(best)
  return places.where(hit, sizeOf(input)).min(axes)
}

function adaptive(
  op: string,
  rank: number,
  x: Tensor,
  size: OutputSize,
): { all: Tensor; single: boolean; wanted: number[] } {
  const { x: all, single } = batched(op, x, rank)
  return { all, single, wanted: sizesOf(op, all.shape.slice(2), size) }
}

const adaptiveMaxPoolWithIndices =
  (rank: 1 | 2 | 3) =>
  (x: Tensor, size: OutputSize): [values: Tensor, indices: Tensor] => {
    const { all, single, wanted } = adaptive(`adaptiveMaxPool${rank}dWithIndices`, rank, x, size)
    const indices = adaptiveIndices(all.detach(), wanted)
    const values = all.flatten(2).gather(2, indices.flatten(2)).reshape(indices.shape)
    return [unbatch(values, single), unbatch(indices, single)]
  }

const adaptiveMaxPool =
  (rank: 1 | 2 | 3) =>
  (x: Tensor, size: OutputSize): Tensor => {
    const { all, single, wanted } = adaptive(`adaptiveMaxPool${rank}d`, rank, x, size)
    const input = all.shape.slice(2)
    if (input.some((n, i) => n % wanted[i] !== 0)) return adaptiveMaxPoolWithIndices(rank)(x, size)[0]
    const kernel = input.map((n, i) => n / wanted[i])
    return unbatch(largest(all, geometryOf('adaptiveMaxPool', input, kernel, {})), single)
  }

/**
 * torch.nn.functional.adaptive_avg_pool1d: means over parts of nearly equal length, overlapping where they do not divide.
 * @param size of the result; null keeps the axis
 */
export const adaptiveAvgPool1d = adaptiveAvgPool(1)
export const adaptiveAvgPool2d = adaptiveAvgPool(2)
export const adaptiveAvgPool3d = adaptiveAvgPool(3)
/** torch.nn.functional.adaptive_max_pool1d. */
export const adaptiveMaxPool1d = adaptiveMaxPool(1)
export const adaptiveMaxPool2d = adaptiveMaxPool(2)
export const adaptiveMaxPool3d = adaptiveMaxPool(3)
/** Also the flat position (i32) of each maximum. */
export const adaptiveMaxPool1dWithIndices = adaptiveMaxPoolWithIndices(1)
export const adaptiveMaxPool2dWithIndices = adaptiveMaxPoolWithIndices(2)
export const adaptiveMaxPool3dWithIndices = adaptiveMaxPoolWithIndices(3)

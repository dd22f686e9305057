// Movement: the same elements at other indices. Nothing is copied on a compiled device. How an index of the result becomes an index of the
// source is in graph/views.ts for kernels, and in values/movement.ts for the plain evaluator.

import { listed, ShapeError } from '../errors.ts'
import type { Attributes } from '../graph/node.ts'
import { type Shape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import type { Primitive } from './types.ts'

const inverse = (order: readonly number[]): number[] => {
  const back = new Array<number>(order.length)
  order.forEach((from, to) => {
    back[from] = to
  })
  return back
}

/** The value of the first source, in kernels that run after the second is computed: nodes behind it are not those before it. */
const barrier: Primitive = {
  family: 'movement',
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  vjp: g => [g, null],
}

const reshape: Primitive = {
  family: 'movement',
  infer([x], _, shape) {
    if (sizeOf(x.shape) !== sizeOf(shape!))
      throw new ShapeError(
        'reshape',
        `${listed(x.shape)} has ${sizeOf(x.shape)} elements, ${listed(shape!)} has ${sizeOf(shape!)}`,
      )
    return { shape: shape!, dtype: x.dtype }
  },
  vjp: (g, [x]) => [g.reshape(x.shape)],
}

/** Result axis i is source axis `axes[i]`. */
const permute: Primitive = {
  family: 'movement',
  infer: ([x], { axes }) => ({ shape: axes!.map(a => x.shape[a]), dtype: x.dtype }),
  vjp: (g, _, __, { axes }) => [g.permute(inverse(axes!))],
}

/** Axes of size 1 repeat to the wanted size, and the whole along leading axes that it does not have. */
const expand: Primitive = {
  family: 'movement',
  infer([x], _, shape) {
    const missing = shape!.length - x.shape.length
    if (missing < 0 || x.shape.some((n, i) => n !== 1 && n !== shape![missing + i]))
      throw new ShapeError(
        'expand',
        `${listed(x.shape)} does not expand to ${listed(shape!)}; only axes of size 1 repeat`,
      )
    return { shape: shape!, dtype: x.dtype }
  },
  vjp(g, [x], out) {
    const missing = out.ndim - x.ndim
    const axes = out.shape.flatMap((n, i) => (i >= missing && n !== x.shape[i - missing] ? [i] : []))
    const whole = missing === 0 ? g : g.sum(Array.from({ length: missing }, (_, i) => i))
    const own = axes.map(axis => axis - missing)
    return [own.length ? whole.sum(own, { keepDim: true }) : whole]
  },
}

/** Result index i reads source index `sizes[d] + i * steps[d]`; a step of -1 flips. */
const slice: Primitive = {
  family: 'movement',
  infer: ([x], _, shape) => ({ shape: shape!, dtype: x.dtype }),
  vjp: (g, [x], _, attributes) => [unslice(g, x.shape, attributes)],
}

/** The transpose of a slice: steps become flips and dilation, bounds become padding. */
function unslice(g: Tensor, shape: Shape, { sizes, steps }: Attributes) {
  let back = g.flip(steps!.flatMap((s, d) => (s < 0 ? [d] : [])))
  const size = steps!.map((s, d) => (g.shape[d] === 0 ? 0 : (g.shape[d] - 1) * Math.abs(s) + 1))
  for (let d = 0; d < shape.length; d++) {
    const step = Math.abs(steps![d])
    if (step > 1 && back.shape[d] > 1) back = back.dilate(d, step)
  }
  const before = shape.map((_, d) =>
    g.shape[d] === 0 ? 0 : steps![d] < 0 ? sizes![d] + (g.shape[d] - 1) * steps![d] : sizes![d],
  )
  return back.pad(shape.map((n, d) => [before[d], n - before[d] - size[d]] as const))
}

/** Zeros around: `sizes` holds before and after for each axis. */
const pad: Primitive = {
  family: 'movement',
  infer: ([x], { sizes }) => ({ shape: x.shape.map((n, d) => n + sizes![2 * d] + sizes![2 * d + 1]), dtype: x.dtype }),
  vjp: (g, [x], _, { sizes }) => [g.slice(...x.shape.map((n, d) => [sizes![2 * d], sizes![2 * d] + n] as const))],
}

/** `sizes[0]` elements of `axis` from a start that is data: sources are x and a 0-d i32, clamped so that the window fits. */
const narrowAt: Primitive = {
  family: 'movement',
  infer([x], { axis, sizes }) {
    if (sizes![0] > x.shape[axis!])
      throw new ShapeError('narrow', `length ${sizes![0]} is more than the axis has`, { axis, size: x.shape[axis!] })
    return { shape: x.shape.with(axis!, sizes![0]), dtype: x.dtype }
  },
  vjp: (g, [x, start], _, { axis }) => [x.zerosLike().setNarrow(axis!, start, g), null],
}

/**
 * Windows along `axis`: result index o of the axis and j of a new last axis read source index o * steps[0] + j * steps[1]. Convolutions, pooling and
 * framing are this; made of reshapes and slices, each index would cost a quotient and a remainder.
 */
const window: Primitive = {
  family: 'movement',
  infer: ([x], _, shape) => ({ shape: shape!, dtype: x.dtype }),
  vjp: (g, [x], _, { axis, steps }) => [
    unwindow(g, [{ axis: axis!, from: 0, size: x.shape[axis!], step: steps![0], dilation: steps![1] }]),
  ],
}

/** Windows along one axis that are to be added up where they overlap. */
export interface Overlap {
  readonly axis: number
  /** elements [from, from + size) of what the windows were taken from */
  readonly from: number
  readonly size: number
  readonly step: number
  readonly dilation: number
}

/**
 * The transpose of windows, without writing to one place twice: each source element sums what the windows that hold it have for it. The last axes of g
 * are those of the windows, one for each overlap in order. All of it is views of g and one sum, over axes `also` as well, which come before.
 */
export function unwindow(g: Tensor, overlaps: readonly Overlap[], also: readonly number[] = []): Tensor {
  const shape: number[] = g.shape.slice(0, g.ndim - overlaps.length)
  let out = g
  for (let i = overlaps.length - 1; i >= 0; i--) {
    const { axis, from, size, step, dilation } = overlaps[i]
    const last = out.ndim - 1
    const own = last - (overlaps.length - 1 - i)
    shape[axis] = size
    out = moved(out, own, last)
    if (step === 1 || dilation > 1) out = diagonals(out.dilate(axis, step), axis, from, size, dilation)
    else {
      // element q * step + r is in windows q, q - 1, ... at their places r, r + step, ...: a sum of its own for each r
      const ahead = (step - (from % step)) % step
      const count = Math.ceil((g.shape[g.ndim - overlaps.length + i] + ahead) / step)
      const padded = zeroed(out, last, -ahead, count * step - ahead)
      const phases = moved(padded.reshape([...padded.shape.slice(0, last), count, step]), last + 1, axis + 1)
      const rows = Math.ceil(size / step)
      out = diagonals(phases, axis, Math.ceil(from / step), rows, 1)
      shape[axis] = rows * step
    }
    out = moved(out, out.ndim - 1, out.ndim - 1 - (last - own))
  }
  const summed = out.sum([...also, ...overlaps.map((_, i) => out.ndim - 1 - i)])
  const whole = summed.reshape(shape.filter((_, d) => !also.includes(d)))
  return overlaps.reduce((x, { axis, size }) => {
    const d = axis - also.filter(a => a < axis).length
    return zeroed(x, d, 0, size)
  }, whole)
}

/** With h[p, j] at `axis` and the last axis: h[p - j * dilation, j] for p in [from, from + size), a diagonal of its windows. */
function diagonals(h: Tensor, axis: number, from: number, size: number, dilation: number): Tensor {
  const last = h.ndim - 1
  const count = h.shape[last]
  const reach = (count - 1) * dilation
  const padded = zeroed(h, axis, from - reach, from + size)
  if (count === 1) return padded
  const windows = padded.windows(axis, count, 1, dilation).flip(last + 1)
  return windows.flatten(last).slice(...windows.shape.slice(0, last).map(() => null), [null, null, count + 1])
}

/** Elements [low, high) of an axis, zeros where it has none. */
function zeroed(x: Tensor, axis: number, low: number, high: number): Tensor {
  const n = x.shape[axis]
  const [begin, end] = low >= n || high <= 0 ? [0, 0] : [Math.max(0, low), Math.min(n, high)]
  const cut =
    begin === 0 && end === n ? x : x.slice(...x.shape.map((_, d) => (d === axis ? ([begin, end] as const) : null)))
  const [before, after] = begin === end ? [0, high - low] : [begin - low, high - end]
  if (before === 0 && after === 0) return cut
  return cut.pad(x.shape.map((_, d) => (d === axis ? ([before, after] as const) : ([0, 0] as const))))
}

/** One axis elsewhere, the others in their order. */
function moved(x: Tensor, from: number, to: number): Tensor {
  if (from === to) return x
  const order = x.shape.map((_, d) => d)
  order.splice(to, 0, ...order.splice(from, 1))
  return x.permute(order)
}

/** Sources one after the other along `axis`. */
const cat: Primitive = {
  family: 'movement',
  infer(sources, { axis }) {
    const [first] = sources
    for (const s of sources)
      if (s.shape.length !== first.shape.length || s.shape.some((n, d) => d !== axis && n !== first.shape[d]))
        throw new ShapeError(
          'cat',
          `sizes differ outside of axis ${axis}: ${sources.map(t => listed(t.shape)).join(' and ')}`,
        )
    return {
      shape: first.shape.with(
        axis!,
        sources.reduce((sum, s) => sum + s.shape[axis!], 0),
      ),
      dtype: first.dtype,
    }
  },
  vjp(g, sources, _, { axis }) {
    let at = 0
    return sources.map(s => {
      const length = s.shape[axis!]
      at += length
      return g.narrow(axis!, at - length, length)
    })
  },
}

export const movement = { barrier, reshape, permute, expand, slice, pad, narrowAt, window, cat }

// Movement: the same elements at other indices. Nothing is copied on a compiled device; each row says how an index of the
// result becomes an index of the source, here for the plain evaluator and in graph/views.ts for kernels.

import { ShapeError } from '../errors.ts'
import type { Attributes } from '../graph/node.ts'
import { positions } from '../ops/build.ts'
import { type Shape, sizeOf, stridesOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { everyExample, exampleShape, shiftAxes, shiftAxis } from './batching.ts'
import type { Primitive, Value } from './types.ts'

/** Fills `out` from the source position that `from` gives for each result index; negative means 0. */
function move(x: Value, out: Value, from: (index: readonly number[]) => number): void {
  const index = new Array<number>(out.shape.length).fill(0)
  for (let i = 0; i < out.data.length; i++) {
    const at = from(index)
    if (at >= 0) out.data[i] = x.data[at]
    for (let d = out.shape.length - 1; d >= 0; d--) {
      if (++index[d] < out.shape[d]) break
      index[d] = 0
    }
  }
}

const dot = (index: readonly number[], strides: readonly number[], offset = 0): number =>
  index.reduce((sum, n, d) => sum + n * strides[d], offset)

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
  batch: ({ size, sources: [x, after], again }) => again([everyExample(x, size), after.value]),
  evaluate: ([x], out) => out.data.set(x.data),
}

const reshape: Primitive = {
  family: 'movement',
  infer([x], _, shape) {
    if (sizeOf(x.shape) !== sizeOf(shape!))
      throw new ShapeError(
        'reshape',
        `[${x.shape.join(', ')}] has ${sizeOf(x.shape)} elements, [${shape!.join(', ')}] has ${sizeOf(shape!)}`,
      )
    return { shape: shape!, dtype: x.dtype }
  },
  vjp: (g, [x]) => [g.reshape(x.shape)],
  batch: shiftAxes(attributes => attributes),
  evaluate: ([x], out) => out.data.set(x.data),
}

/** Result axis i is source axis `axes[i]`. */
const permute: Primitive = {
  family: 'movement',
  infer: ([x], { axes }) => ({ shape: axes!.map(a => x.shape[a]), dtype: x.dtype }),
  vjp: (g, _, __, { axes }) => [g.permute(inverse(axes!))],
  batch: shiftAxes(({ axes }) => ({ axes: [0, ...axes!.map(a => a + 1)] })),
  evaluate([x], out, { axes }) {
    const strides = stridesOf(x.shape)
    const step = axes!.map(a => strides[a])
    move(x, out, index => dot(index, step))
  },
}

const repeated = shiftAxes(attributes => attributes)

/** Axes of size 1 repeat to the wanted size; ranks are equal, or the source is 0-d and fills any shape. */
const expand: Primitive = {
  family: 'movement',
  infer([x], _, shape) {
    const rank = x.shape.length
    const fits = rank === 0 || (rank === shape!.length && x.shape.every((n, i) => n === shape![i] || n === 1))
    if (!fits)
      throw new ShapeError(
        'expand',
        `[${x.shape.join(', ')}] does not expand to [${shape!.join(', ')}]; only axes of size 1 repeat`,
      )
    return { shape: shape!, dtype: x.dtype }
  },
  vjp(g, [x], out) {
    if (x.ndim === 0) return [g.sum()]
    const axes = out.shape.flatMap((n, i) => (n !== x.shape[i] ? [i] : []))
    return [axes.length ? g.sum(axes, { keepDim: true }) : g]
  },
  batch(batch) {
    const { size, sources, shape, again } = batch
    const [x] = sources
    if (exampleShape(x).length > 0) return repeated(batch)
    return again([x.batched ? x.value.reshape([size, ...shape.map(() => 1)]) : x.value], undefined, [size, ...shape])
  },
  evaluate([x], out) {
    const strides = stridesOf(x.shape)
    const step = out.shape.map((_, i) => (x.shape.length === 0 || x.shape[i] === 1 ? 0 : strides[i]))
    move(x, out, index => dot(index, step))
  },
}

/** Result index i reads source index `sizes[d] + i * steps[d]`; a step of -1 flips. */
const slice: Primitive = {
  family: 'movement',
  infer: ([x], _, shape) => ({ shape: shape!, dtype: x.dtype }),
  vjp: (g, [x], _, attributes) => [unslice(g, x.shape, attributes)],
  batch: shiftAxes(({ sizes, steps }) => ({ sizes: [0, ...sizes!], steps: [1, ...steps!] })),
  evaluate([x], out, { sizes, steps }) {
    const strides = stridesOf(x.shape)
    const step = strides.map((s, d) => s * steps![d])
    const start = dot(sizes!, strides)
    move(x, out, index => dot(index, step, start))
  },
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
  batch: shiftAxes(({ sizes }) => ({ sizes: [0, 0, ...sizes!] })),
  evaluate([x], out, { sizes }) {
    const strides = stridesOf(x.shape)
    move(x, out, index => {
      let at = 0
      for (let d = 0; d < index.length; d++) {
        const i = index[d] - sizes![2 * d]
        if (i < 0 || i >= x.shape[d]) return -1
        at += i * strides[d]
      }
      return at
    })
  },
}

/** `sizes[0]` elements of `axis` from a start that is data: sources are x and a 0-d i32, clamped so that the window fits. */
const narrowAt: Primitive = {
  family: 'movement',
  infer([x], { axis, sizes }) {
    if (sizes![0] > x.shape[axis!])
      throw new ShapeError('narrow', `length ${sizes![0]} is more than the axis has`, { axis, size: x.shape[axis!] })
    return { shape: x.shape.map((n, d) => (d === axis ? sizes![0] : n)), dtype: x.dtype }
  },
  vjp: (g, [x, start], _, { axis }) => [x.zerosLike().setNarrow(axis!, start, g), null],
  batch({ size, sources: [x, start], attributes, shape, again }) {
    const [whole, axis] = [everyExample(x, size), attributes.axis! + 1]
    if (!start.batched) return again([whole, start.value], { ...attributes, axis })
    // a window of its own for each example: its places as an index
    const all = [size, ...shape]
    const first = start.value.clamp(0, whole.shape[axis] - all[axis]).reshape(all.map((n, d) => (d === 0 ? n : 1)))
    return whole.gather(axis, first.expand(all).add(positions(all, axis, whole.engine)))
  },
  evaluate([x, start], out, { axis }) {
    const strides = stridesOf(x.shape)
    const first = Math.min(Math.max(0, start.data[0]), x.shape[axis!] - out.shape[axis!])
    move(x, out, index => dot(index, strides, first * strides[axis!]))
  },
}

/**
 * Windows along `axis`: result index o of the axis and j of a new last axis read source index o * steps[0] + j * steps[1]. Convolutions, pooling and
 * framing are this; made of reshapes and slices, each index would cost a quotient and a remainder.
 */
const window: Primitive = {
  family: 'movement',
  infer: ([x], _, shape) => ({ shape: shape!, dtype: x.dtype }),
  vjp: (g, [x], _, { axis, steps }) => [unwindow(g, axis!, x.shape[axis!], steps![0], steps![1])],
  batch: shiftAxes(attributes => ({ ...attributes, axis: attributes.axis! + 1 })),
  evaluate([x], out, { axis, steps }) {
    const strides = stridesOf(x.shape)
    const step = [...strides.map((s, d) => (d === axis ? s * steps![0] : s)), strides[axis!] * steps![1]]
    move(x, out, index => dot(index, step))
  },
}

/**
 * The transpose of windows, without writing to one place twice: each source element sums what the windows that hold it have for it. With
 * h[p, j'] the windows of g (spread out by `step`, zeros around), it is the sum over j of h[p - j * dilation, j], a diagonal of h.
 */
export function unwindow(g: Tensor, axis: number, size: number, step: number, dilation: number): Tensor {
  const last = g.ndim - 1
  const count = g.shape[last]
  const along = (from: number, to: number) =>
    g.shape.map((_, d): [number, number] => (d === axis ? [from, to] : [0, 0]))
  if (dilation === 1 && step >= count) {
    // windows that do not overlap lie side by side
    const order = g.shape.flatMap((_, d) => (d === last ? [] : d === axis ? [d, last] : [d]))
    const wide = g.pad(g.shape.map((_, d) => [0, d === last ? step - count : 0] as const)).permute(order)
    const merged = wide.reshape(g.shape.slice(0, last).map((n, d) => (d === axis ? n * step : n)))
    const missing = size - merged.shape[axis]
    return merged.pad(merged.shape.map((_, d) => [0, d === axis ? missing : 0] as const))
  }
  const spread = g.dilate(axis, step)
  const reach = (count - 1) * dilation
  const padded = spread.pad(along(reach, size - spread.shape[axis]))
  const windows = padded.windows(axis, count, 1, dilation).flip(last + 1)
  const diagonal = windows.flatten(last).slice(...windows.shape.slice(0, last).map(() => null), [null, null, count + 1])
  return diagonal.sum(last)
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
          `sizes differ outside of axis ${axis}: ${sources.map(t => `[${t.shape.join(', ')}]`).join(' and ')}`,
        )
    return {
      shape: first.shape.map((n, d) => (d === axis ? sources.reduce((sum, s) => sum + s.shape[d], 0) : n)),
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
  batch: shiftAxis,
  evaluate(sources, out, { axis }) {
    const inner = sizeOf(out.shape.slice(axis! + 1))
    const row = out.shape[axis!] * inner
    let at = 0
    for (const s of sources) {
      const part = s.shape[axis!] * inner
      for (let i = 0; i * part < s.data.length && part > 0; i++)
        out.data.set(s.data.subarray(i * part, (i + 1) * part), i * row + at)
      at += part
    }
  },
}

export const movement = { barrier, reshape, permute, expand, slice, pad, narrowAt, window, cat }

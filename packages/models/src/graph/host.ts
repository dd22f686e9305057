// Integers and booleans of a graph, on the host: sizes, axes, positions. They decide shapes and indices, so they must be known while
// the graph is walked; numbers to compute with are tensors.

import { FormatError } from '@cairn/tensor'

export class HostArray {
  readonly shape: readonly number[]
  /** Row-major; booleans are 0 and 1. */
  readonly values: Int32Array

  constructor(shape: readonly number[], values: ArrayLike<number>) {
    this.shape = shape
    this.values = values instanceof Int32Array ? values : Int32Array.from(values)
    if (this.values.length !== sizeOf(shape))
      throw new FormatError('graph', `${this.values.length} values for an array of shape [${shape.join(', ')}]`)
  }
}

export const list = (values: ArrayLike<number>): HostArray => new HostArray([values.length], values)

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** An axis from the front. */
export function axisOf(axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis
  if (!(front >= 0 && front < rank)) throw new FormatError('graph', `axis ${axis} of an array with ${rank}`)
  return front
}

/** f of each pair, sizes of 1 repeated. */
export function pairwise(f: (a: number, b: number) => number, a: HostArray, b: HostArray): HostArray {
  const rank = Math.max(a.shape.length, b.shape.length)
  const padded = (x: HostArray) => [...Array(rank - x.shape.length).fill(1), ...x.shape] as number[]
  const [left, right] = [padded(a), padded(b)]
  const shape = left.map((n, d) => {
    const m = right[d]
    if (n !== m && n !== 1 && m !== 1)
      throw new FormatError('graph', `shapes [${a.shape.join(', ')}] and [${b.shape.join(', ')}] do not fit`)
    return n === 1 ? m : n
  })
  const values = new Int32Array(sizeOf(shape))
  for (let i = 0; i < values.length; i++) {
    let [at, x, y, stepX, stepY] = [i, 0, 0, 1, 1]
    for (let d = rank - 1; d >= 0; d--) {
      const place = at % shape[d]
      at = (at - place) / shape[d]
      if (left[d] > 1) x += place * stepX
      if (right[d] > 1) y += place * stepY
      stepX *= left[d]
      stepY *= right[d]
    }
    values[i] = f(a.values[x], b.values[y])
  }
  return new HostArray(shape, values)
}

/** Folds axes away, or to 1. */
export function fold(
  f: (a: number, b: number) => number,
  start: number,
  x: HostArray,
  axes: ArrayLike<number>,
  keep: boolean,
): HostArray {
  const folded = new Set(Array.from(axes, axis => axisOf(axis, x.shape.length)))
  const shape = x.shape.map((n, d) => (folded.has(d) ? 1 : n))
  const values = new Int32Array(sizeOf(shape)).fill(start)
  for (let i = 0; i < x.values.length; i++) {
    let [at, to, step] = [i, 0, 1]
    for (let d = x.shape.length - 1; d >= 0; d--) {
      const place = at % x.shape[d]
      at = (at - place) / x.shape[d]
      if (!folded.has(d)) to += place * step
      step *= shape[d]
    }
    values[to] = f(values[to], x.values[i])
  }
  return new HostArray(keep ? shape : x.shape.filter((_, d) => !folded.has(d)), values)
}

/** Blocks of `count` along an axis from `start`, every `step`. */
export function slice(x: HostArray, axis: number, start: number, count: number, step = 1): HostArray {
  const inner = sizeOf(x.shape.slice(axis + 1))
  const outer = sizeOf(x.shape.slice(0, axis))
  const values = new Int32Array(outer * count * inner)
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < count; i++) {
      const from = (o * x.shape[axis] + start + i * step) * inner
      values.set(x.values.subarray(from, from + inner), (o * count + i) * inner)
    }
  return new HostArray(x.shape.with(axis, count), values)
}

export function concat(parts: readonly HostArray[], axis: number): HostArray {
  const shape = parts[0].shape.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis], 0),
  )
  const outer = sizeOf(shape.slice(0, axis))
  const values = new Int32Array(sizeOf(shape))
  let at = 0
  for (let o = 0; o < outer; o++)
    for (const { values: from } of parts) {
      const run = from.length / outer
      values.set(from.subarray(o * run, (o + 1) * run), at)
      at += run
    }
  return new HostArray(shape, values)
}

/** Places of what is not 0, a row of coordinates for each. */
export function where(x: HostArray): HostArray {
  const rank = x.shape.length
  const rows: number[] = []
  x.values.forEach((value, i) => {
    if (value === 0) return
    const row = new Array<number>(rank)
    let at = i
    for (let d = rank - 1; d >= 0; d--) {
      row[d] = at % x.shape[d]
      at = (at - row[d]) / x.shape[d]
    }
    rows.push(...row)
  })
  return new HostArray([rows.length / rank, rank], rows)
}

/** Where rows of coordinates lie in an array whose first axes they number. */
export function offsets(rows: HostArray, shape: readonly number[]): Int32Array {
  const depth = rows.shape.at(-1)!
  const count = rows.values.length / depth
  const at = new Int32Array(count)
  for (let i = 0; i < count; i++)
    for (let d = 0; d < depth; d++) {
      const place = rows.values[i * depth + d]
      if (!(place >= 0 && place < shape[d]))
        throw new FormatError('graph', `index ${place} along axis ${d} of [${shape.join(', ')}]`)
      at[i] = at[i] * shape[d] + place
    }
  return at
}

// What movement gives: how an index of the result becomes an index of the source (graph/views.ts says the same for kernels).

import { sizeOf, stridesOf } from '../../shape.ts'
import type { Evaluate, Value } from '../types.ts'

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

const copy: Evaluate = ([x], out) => out.data.set(x.data)

const permute: Evaluate = ([x], out, { axes }) => {
  const strides = stridesOf(x.shape)
  const step = axes!.map(a => strides[a])
  move(x, out, index => dot(index, step))
}

const expand: Evaluate = ([x], out) => {
  const missing = out.shape.length - x.shape.length
  const strides = stridesOf(x.shape)
  const step = out.shape.map((_, i) => (i < missing || x.shape[i - missing] === 1 ? 0 : strides[i - missing]))
  move(x, out, index => dot(index, step))
}

const slice: Evaluate = ([x], out, { sizes, steps }) => {
  const strides = stridesOf(x.shape)
  const step = strides.map((s, d) => s * steps![d])
  const start = dot(sizes!, strides)
  move(x, out, index => dot(index, step, start))
}

const pad: Evaluate = ([x], out, { sizes }) => {
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
}

const narrowAt: Evaluate = ([x, start], out, { axis }) => {
  const strides = stridesOf(x.shape)
  const first = Math.min(Math.max(0, start.data[0]), x.shape[axis!] - out.shape[axis!])
  move(x, out, index => dot(index, strides, first * strides[axis!]))
}

const window: Evaluate = ([x], out, { axis, steps }) => {
  const strides = stridesOf(x.shape)
  const step = [...strides.map((s, d) => (d === axis ? s * steps![0] : s)), strides[axis!] * steps![1]]
  move(x, out, index => dot(index, step))
}

const cat: Evaluate = (sources, out, { axis }) => {
  const inner = sizeOf(out.shape.slice(axis! + 1))
  const row = out.shape[axis!] * inner
  let at = 0
  for (const s of sources) {
    const part = s.shape[axis!] * inner
    for (let i = 0; i * part < s.data.length && part > 0; i++)
      out.data.set(s.data.subarray(i * part, (i + 1) * part), i * row + at)
    at += part
  }
}

export const movement = { barrier: copy, reshape: copy, permute, expand, slice, pad, narrowAt, window, cat }

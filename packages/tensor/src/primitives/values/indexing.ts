// What reading and writing at indices gives; an index outside of its axis is an error.

import { outsideAxis } from '../../errors.ts'
import { sizeOf, stridesOf } from '../../shape.ts'
import type { Evaluate, Value } from '../types.ts'

/** Calls `at` with the flat position in the index and the flat position it points to in a tensor of `shape`. */
function eachIndex(
  op: string,
  index: Value,
  shape: readonly number[],
  axis: number,
  at: (i: number, to: number) => void,
): void {
  const strides = stridesOf(shape)
  const place = new Array<number>(index.shape.length).fill(0)
  const total = sizeOf(index.shape)
  for (let i = 0; i < total; i++) {
    const pick = index.data[i]
    if (pick < 0 || pick >= shape[axis]) throw outsideAxis(op, axis, pick, shape[axis], { position: [...place] })
    let to = pick * strides[axis]
    for (let d = 0; d < place.length; d++) if (d !== axis) to += place[d] * strides[d]
    at(i, to)
    for (let d = place.length - 1; d >= 0; d--) {
      if (++place[d] < index.shape[d]) break
      place[d] = 0
    }
  }
}

const gather: Evaluate = ([x, index], out, { axis }) => {
  eachIndex('gather', index, x.shape, axis!, (i, to) => {
    out.data[i] = x.data[to]
  })
}

const scatter: Evaluate = ([x, index, updates], out, { axis, mode }) => {
  out.data.set(x.data)
  eachIndex('scatter', index, x.shape, axis!, (i, to) => {
    const old = out.data[to]
    const v = updates.data[i]
    out.data[to] = mode === 'set' ? v : mode === 'add' ? old + v : mode === 'max' ? Math.max(old, v) : Math.min(old, v)
  })
}

export const indexing = { gather, scatter }

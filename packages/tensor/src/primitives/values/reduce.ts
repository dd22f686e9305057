// What reductions give.

import { startOf } from '../../dtype.ts'
import type { ReduceOp } from '../../kernel/ir.ts'
import type { Evaluate } from '../types.ts'

const reduction =
  (op: ReduceOp, combine: (a: number, b: number) => number): Evaluate =>
  ([x], out, { axes }) => {
    out.data.fill(startOf(op, x.dtype))
    const step = outputStrides(x.shape, axes!)
    const index = new Array<number>(x.shape.length).fill(0)
    let at = 0
    for (let i = 0; i < x.data.length; i++) {
      out.data[at] = combine(out.data[at], x.data[i])
      for (let d = x.shape.length - 1; d >= 0; d--) {
        at += step[d]
        if (++index[d] < x.shape[d]) break
        at -= step[d] * x.shape[d]
        index[d] = 0
      }
    }
  }

/** For each source axis, how far the result moves: 0 along reduced axes. */
function outputStrides(shape: readonly number[], axes: readonly number[]): number[] {
  const step = new Array<number>(shape.length).fill(0)
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--)
    if (!axes.includes(d)) {
      step[d] = stride
      stride *= shape[d]
    }
  return step
}

export const reduce = {
  sum: reduction('add', (a, b) => a + b),
  prod: reduction('mul', (a, b) => a * b),
  amax: reduction('max', Math.max),
  amin: reduction('min', Math.min),
}

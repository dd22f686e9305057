// Running results along an axis, by doubling: after step s every element holds the result of the last 2^s (Hillis and Steele 1986).

import { normalizeAxis } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { cast } from './build.ts'
import { add } from './elementwise.ts'
import { narrow, pad } from './movement.ts'

/** Sums of everything up to each element of an axis, itself included; bools and small integers sum in i32. */
export function cumsum(x: Tensor, axis: number): Tensor {
  const d = normalizeAxis('cumsum', axis, x.ndim)
  let sums = ['bool', 'u8', 'i8'].includes(x.dtype) ? cast(x, 'i32') : x
  for (let step = 1; step < x.shape[d]; step *= 2) {
    const before = pad(
      narrow(sums, d, 0, x.shape[d] - step),
      x.shape.map((_, i) => [i === d ? step : 0, 0] as const),
    )
    sums = add(sums, before)
  }
  return sums
}

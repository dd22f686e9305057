// Terms of entropies.

import { toFloat } from '../ops/build.ts'
import { k, type Operand } from '../ops/operand.ts'
import { select, timesLog } from '../ops/pieces.ts'
import { xlogy } from '../ops/transcendental.ts'
import type { Tensor } from '../tensor.ts'

/** x log(1 + y), 0 where x is 0 (unless y is NaN). */
export function xlog1py(a: Tensor, b: Operand): Tensor {
  return timesLog(
    'xlog1py',
    a,
    b,
    y => y.log1p(),
    y => y.add(k(1)),
  )
}
/** -x log(x), 0 at 0, -Infinity below. */
export function entr(x: Tensor): Tensor {
  const float = toFloat(x)
  return select(float.lt(k(0)), k(-Infinity), xlogy(float, float).neg())
}

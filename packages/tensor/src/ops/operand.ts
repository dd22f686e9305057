// What an op takes beside tensors. A JavaScript number is data: it goes to the plan's table of scalars and may change from
// call to call for free. A Constant is a number that the library itself wrote, part of the structure, which the compiler may fold.

import type { Live } from '../graph/live.ts'
import type { Tensor } from '../tensor.ts'

export interface Constant {
  readonly constant: number
}

/** A tensor, or a number that takes the dtype of the tensor it meets; `live(...)` numbers may move between the calls of a jitted function. */
export type Operand = Tensor | number | Live

export const k = (constant: number): Constant => ({ constant })

// Divisors of integers, elementwise: Euclid's algorithm written out as often as the widest numbers of a dtype need it, so that it is one kernel.

import { type DType, isInteger, promote } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { Tensor } from '../tensor.ts'
import { pair } from './build.ts'
import { where } from './elementwise.ts'
import { k, type Operand } from './operand.ts'

/** Remainders after which the smaller number of any pair is 0: two neighbours of Fibonacci's sequence take the most (Lame). */
const remainders: Partial<Record<DType, number>> = { i8: 12, u8: 13, i32: 46, u32: 47, i64: 92 }

function operands(op: string, a: Tensor, b: Operand): [Tensor, Tensor, number] {
  const dtype = b instanceof Tensor ? promote(a.dtype, b.dtype) : a.dtype
  if (!isInteger(dtype)) throw new DTypeError(op, `needs integers, not ${dtype}; convert with .to('i32')`)
  const [x, y] = pair(op, a, b)
  return [x.abs(), y.abs(), remainders[x.dtype]!]
}

/** Greatest common divisor of integers, never negative; gcd(0, 0) is 0. */
export function gcd(a: Tensor, b: Operand): Tensor {
  let [x, y, times] = operands('gcd', a, b)
  for (; times > 0; times--) [x, y] = [where(y.eq(k(0)), x, y), x.fmod(y)]
  return x
}

/** Least common multiple of integers, never negative; 0 where one of them is. It wraps around like a product. */
export function lcm(a: Tensor, b: Operand): Tensor {
  const [x, y] = operands('lcm', a, b)
  const divisor = gcd(x, y)
  // 0 / 0 is 0 for integers
  return x.truncDivide(divisor).mul(y).abs()
}

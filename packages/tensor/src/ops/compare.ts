// Tests of values, whole-tensor comparisons, and arithmetic that depends on signs, remainders and bits. Infinities and NaN are told by their bits: a
// GPU's compiler may assume that neither occurs.

import { isFloat, isInteger } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { apply, Tensor } from '../tensor.ts'
import { cast, operand, pair, toFloat } from './build.ts'
import { where } from './elementwise.ts'
import { k, type Operand } from './operand.ts'

/** Ops without history may use the bits of a float as i32; f16 and bf16 widen first. */
const isBitcastable = (x: Tensor): boolean => ['f32', 'f16', 'bf16'].includes(x.dtype)
/** i32 bits of x, which is f32 after widening. */
const bitsOf = (x: Tensor): Tensor => apply('bitcast', [x.dtype === 'f32' ? x : x.to('f32')], { mode: 'i32' })

const never = (x: Tensor): Tensor => cast(x.zerosLike(), 'bool')

/** Which elements are infinite, as bool. */
export function isinf(x: Tensor): Tensor {
  if (!isFloat(x.dtype)) return never(x)
  return isBitcastable(x) ? bitsOf(x).and(k(0x7fffffff)).eq(k(0x7f800000)) : x.abs().eq(k(Infinity))
}
/** Which elements are neither infinite nor NaN. */
export function isfinite(x: Tensor): Tensor {
  if (!isFloat(x.dtype)) return never(x).not()
  return isBitcastable(x) ? bitsOf(x).and(k(0x7fffffff)).lt(k(0x7f800000)) : x.abs().lt(k(Infinity))
}
export const isposinf = (x: Tensor): Tensor => isinf(x).and(signbit(x).not())
export const isneginf = (x: Tensor): Tensor => isinf(x).and(signbit(x))
/** Whether the sign is set: also of -0. */
export function signbit(x: Tensor): Tensor {
  if (isBitcastable(x)) return bitsOf(x).lt(k(0))
  if (!isFloat(x.dtype)) return x.dtype === 'bool' ? never(x) : x.lt(k(0))
  return x.lt(k(0)).or(x.eq(k(0)).and(x.reciprocal().lt(k(0))))
}
/** The size of a with the sign of b. */
export function copysign(a: Tensor, b: Operand): Tensor {
  const [x, y] = pair('copysign', toFloat(a), b instanceof Tensor ? toFloat(b) : b)
  const size = x.abs()
  return where(signbit(y), size.neg(), size)
}
/** 0 below 0, 1 above, `values` at 0. */
export function heaviside(x: Tensor, values: Operand): Tensor {
  const [a, b] = pair('heaviside', x, values)
  const side = where(a.lt(k(0)), k(0), where(a.gt(k(0)), k(1), b))
  return isFloat(a.dtype) ? where(a.isnan(), a, side) : side
}
/** NaN and infinities as numbers: by default 0 and the largest finite ones of the dtype. */
export function nanToNum(x: Tensor, options: { nan?: number; posinf?: number; neginf?: number } = {}): Tensor {
  if (!isFloat(x.dtype)) return x
  const largest = { f32: 3.4028234663852886e38, f16: 65504, bf16: 3.3895313892515355e38, f64: Number.MAX_VALUE }[
    x.dtype as 'f32' | 'f16' | 'bf16' | 'f64'
  ]
  const high = where(isposinf(x), operand('nanToNum', options.posinf ?? largest, x), x)
  const low = where(isneginf(x), operand('nanToNum', options.neginf ?? -largest, x), high)
  return where(x.isnan(), operand('nanToNum', options.nan ?? 0, x), low)
}
/** The next number from a towards b. f32 only. */
export function nextafter(a: Tensor, b: Operand): Tensor {
  const [x, y] = pair('nextafter', a, b)
  if (x.dtype !== 'f32' || y.dtype !== 'f32') throw new DTypeError('nextafter', `takes f32, not ${x.dtype}`)
  const from = bitsOf(x)
  const away = y.gt(x).eq(x.gt(k(0)))
  const moved = where(away, from.add(k(1)), from.sub(k(1)))
  // from 0 to the smallest subnormal of the side
  const first = where(y.gt(k(0)), moved.zerosLike().add(k(1)), k(-(2 ** 31) + 1))
  const next = apply('bitcast', [where(x.eq(k(0)), first, moved)], { mode: 'f32' })
  return where(x.isnan().or(y.isnan()), x.add(y), where(x.eq(y), y, next))
}

/** The remainder with the sign of the divisor, as Python's %. Integers by 0 give 0. */
export function remainder(a: Tensor, b: Operand): Tensor {
  const [x, y] = pair('remainder', a, b)
  const rest = apply('mod', [x, y])
  const turned = rest.ne(k(0)).and(rest.lt(k(0)).ne(y.lt(k(0))))
  return where(turned, rest.add(y), rest)
}
/** a / b rounded down. Integers stay integers; by 0 they give 0. */
export function floorDivide(a: Tensor, b: Operand): Tensor {
  const [x, y] = pair('floorDivide', a, b)
  const rest = apply('mod', [x, y])
  const turned = rest.ne(k(0)).and(rest.lt(k(0)).ne(y.lt(k(0))))
  if (!isFloat(x.dtype)) {
    const whole = apply('div', [x, y])
    return where(turned, whole.sub(k(1)), whole)
  }
  const exact = apply('div', [x.sub(rest), y])
  const whole = where(turned, exact.sub(k(1)), exact).round()
  // by 0 and beyond whole numbers it is the quotient
  return where(y.eq(k(0)).or(isfinite(whole).not()), apply('div', [x, y]), whole)
}
/** a / b rounded towards zero. */
export function truncDivide(a: Tensor, b: Operand): Tensor {
  const [x, y] = pair('truncDivide', a, b)
  const quotient = apply('div', [x, y])
  return isFloat(x.dtype) ? quotient.trunc() : quotient
}
/** What is after the point, with the sign of x. */
export const frac = (x: Tensor): Tensor => x.sub(x.trunc())

/** a + weight * (b - a), exact at both ends. */
export function lerp(a: Tensor, b: Tensor, weight: Operand): Tensor {
  const [x, y] = pair('lerp', a, b)
  const w = operand('lerp', weight, x)
  const apart = y.sub(x)
  return where(w.lt(k(0.5)), x.add(apart.mul(w)), y.sub(apart.mul(w.neg().add(k(1)))))
}
/** Elementwise maximum that prefers numbers to NaN. */
export const fmax = (a: Tensor, b: Operand): Tensor => preferNumbers('fmax', a, b, (x, y) => x.maximum(y))
/** Elementwise minimum that prefers numbers to NaN. */
export const fmin = (a: Tensor, b: Operand): Tensor => preferNumbers('fmin', a, b, (x, y) => x.minimum(y))
function preferNumbers(op: string, a: Tensor, b: Operand, f: (x: Tensor, y: Tensor) => Tensor): Tensor {
  const [x, y] = pair(op, a, b)
  if (!isFloat(x.dtype)) return f(x, y)
  return where(x.isnan(), y, where(y.isnan(), x, f(x, y)))
}
/** x + value * a * b */
export const addcmul = (x: Tensor, a: Tensor, b: Tensor, value: Operand = 1): Tensor => x.add(a.mul(b).mul(value))
/** x + value * a / b */
export const addcdiv = (x: Tensor, a: Tensor, b: Tensor, value: Operand = 1): Tensor => x.add(a.div(b).mul(value))
export const deg2rad = (x: Tensor): Tensor => toFloat(x).mul(k(Math.PI / 180))
export const rad2deg = (x: Tensor): Tensor => toFloat(x).mul(k(180 / Math.PI))
export const clampMin = (x: Tensor, low: Operand): Tensor => x.clamp(low)
export const clampMax = (x: Tensor, high: Operand): Tensor => x.clamp(undefined, high)

const logical =
  (name: 'and' | 'or' | 'xor') =>
  (a: Tensor, b: Tensor): Tensor =>
    apply(name, pair(`logical ${name}`, cast(a, 'bool'), cast(b, 'bool')))
/** Both non-zero. */
export const logicalAnd = logical('and')
export const logicalOr = logical('or')
export const logicalXor = logical('xor')
export const logicalNot = (x: Tensor): Tensor => cast(x, 'bool').not()

const bitwise =
  (op: string, name: 'and' | 'or' | 'xor' | 'shl' | 'shr') =>
  (a: Tensor, b: Operand): Tensor => {
    if (isFloat(a.dtype) || (b instanceof Tensor && isFloat(b.dtype)))
      throw new DTypeError(op, "takes integers and bools; convert with .to('i32')")
    return apply(name, pair(op, a, b))
  }
export const bitwiseAnd = bitwise('bitwiseAnd', 'and')
export const bitwiseOr = bitwise('bitwiseOr', 'or')
export const bitwiseXor = bitwise('bitwiseXor', 'xor')
export const bitwiseNot = (x: Tensor): Tensor => x.not()
export const bitwiseLeftShift = bitwise('bitwiseLeftShift', 'shl')
export const bitwiseRightShift = bitwise('bitwiseRightShift', 'shr')

export interface Closeness {
  /** relative to |b|; default 1e-5 */
  readonly rtol?: number
  /** default 1e-8 */
  readonly atol?: number
  readonly equalNan?: boolean
}
/** |a - b| <= atol + rtol |b|; equal infinities are close. */
export function isclose(a: Tensor, b: Operand, options: Closeness = {}): Tensor {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options
  const [x, y] = pair('isclose', a, b)
  const same = x.eq(y)
  if (!isFloat(x.dtype)) return same.or(toFloat(x).sub(toFloat(y)).abs().le(toFloat(y).abs().mul(rtol).add(atol)))
  const near = x.sub(y).abs().le(y.abs().mul(rtol).add(atol)).and(isfinite(y)).and(isfinite(x))
  const close = same.or(near)
  return equalNan ? close.or(x.isnan().and(y.isnan())) : close
}
/** Whether all elements are close: reads one element. */
export async function allclose(a: Tensor, b: Operand, options: Closeness = {}): Promise<boolean> {
  return (await isclose(a, b, options).all().item()) !== 0
}
/** Whether shapes and all elements are equal: reads one element. */
export async function equal(a: Tensor, b: Tensor): Promise<boolean> {
  if (a.ndim !== b.ndim || a.shape.some((n, d) => n !== b.shape[d])) return false
  return (await a.eq(b).all().item()) !== 0
}

/** Integer powers by squaring: exact, wrapping as products do; a negative exponent gives 0 except for bases 1 and -1. */
export function integerPower(a: Tensor, b: Tensor): Tensor {
  if (!isInteger(a.dtype)) throw new DTypeError('pow', `takes integers here, not ${a.dtype}`)
  let result = a.onesLike()
  let square = a
  for (let bit = 0; bit < 31; bit++) {
    const set = b.shiftRight(k(bit)).and(k(1)).ne(k(0))
    result = where(set, result.mul(square), result)
    if (bit < 30) square = square.mul(square)
  }
  if (['u8', 'u32'].includes(a.dtype)) return result
  const odd = b.and(k(1)).ne(k(0))
  const inverse = where(a.eq(k(1)), k(1), where(a.eq(k(-1)), where(odd, a, k(1)), k(0)), a)
  return where(b.lt(k(0)), inverse, result)
}

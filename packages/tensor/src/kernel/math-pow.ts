// x to the power y in f32. The logarithm is carried in two parts (about 2^-31), because an error in it is multiplied by
// y log2(x), up to 128. Products are split by masking mantissas (Dekker), so nothing depends on a fused multiply-add.

import { binary, bitcast, f32, fma, u32, unary, where } from './build.ts'
import type { Expr } from './ir.ts'
import {
  abs,
  add,
  equal,
  less,
  mul,
  nearestMultiple,
  negate,
  polynomial,
  scaleByPower,
  splitExponent,
  sub,
} from './math.ts'

const or = (a: Expr, b: Expr): Expr => binary('or', a, b)
const and = (a: Expr, b: Expr): Expr => binary('and', a, b)
const not = (a: Expr): Expr => unary('not', a)

/** The upper 12 bits of the mantissa, and the rest. */
function halves(x: Expr): { readonly high: Expr; readonly low: Expr } {
  const high = bitcast('f32', and(bitcast('u32', x), u32(0xfffff000)))
  return { high, low: sub(x, high) }
}

/** a * b = product + error, exactly up to the last bits. */
function exactProduct(a: Expr, b: Expr): { readonly product: Expr; readonly error: Expr } {
  const product = mul(a, b)
  const [x, y] = [halves(a), halves(b)]
  const cross = add(add(sub(mul(x.high, y.high), product), mul(x.high, y.low)), mul(x.low, y.high))
  return { product, error: add(cross, mul(x.low, y.low)) }
}

/** (atanh(s) - s) / s^3 as a polynomial of s^2, |s| <= 0.1716, error 2^-36 */
const atanhPolynomial = [0.3333333282, 0.2000016869, 0.1426857929, 0.1179258806]

/** 2 / ln 2 in two parts */
const scaleHigh = Math.fround(2 / Math.LN2)
const scaleLow = 2 / Math.LN2 - scaleHigh

/** log2 of a positive finite number in two parts. */
function log2(x: Expr): { readonly high: Expr; readonly low: Expr } {
  const { m, e } = splitExponent(x)
  // s = (m - 1) / (m + 1) with the remainder of the division; m + 1 may lose its last bit
  const f = sub(m, f32(1))
  const g = add(m, f32(1))
  const inverse = binary('div', f32(1), g)
  const s = mul(f, inverse)
  const [sPart, gPart] = [halves(s), halves(g)]
  const gLow = add(gPart.low, sub(m, sub(g, f32(1))))
  const remainder = sub(
    sub(sub(sub(f, mul(sPart.high, gPart.high)), mul(sPart.high, gLow)), mul(sPart.low, gPart.high)),
    mul(sPart.low, gLow),
  )
  const square = mul(s, s)
  const rest = fma(mul(s, square), polynomial(square, atanhPolynomial), mul(remainder, inverse))
  const { product, error } = exactProduct(s, f32(scaleHigh))
  const small = add(error, fma(s, f32(scaleLow), mul(rest, f32(scaleHigh))))
  const sum = add(e, product)
  const rounding = add(sub(product, sub(sum, e)), small)
  const high = add(sum, rounding)
  return { high, low: sub(rounding, sub(high, sum)) }
}

/** (2^r - 1) / r on [-1/2, 1/2], error 2^-30 */
const exp2Polynomial = [
  Math.LN2,
  0.2402265054,
  0.05550409624,
  0.009618151991,
  0.001333626761,
  0.0001543007627,
  1.439314793e-5,
]

/** 2^(high + low); results beyond the range become 0 or infinity. */
function exp2(high: Expr, low: Expr): Expr {
  const limit = 160
  const beyond = less(f32(limit), abs(high))
  const z = where(beyond, where(less(high, f32(0)), f32(-limit), f32(limit)), high)
  const { n, bits } = nearestMultiple(z, null)
  const r = add(sub(z, n), where(beyond, f32(0), low))
  return scaleByPower(fma(r, polynomial(r, exp2Polynomial), f32(1)), bits)
}

/**
 * 1.5 ULP where |y log2 x| <= 16, 5 ULP at the ends of the range; signs and special cases of IEEE 754: 1 to any power and any power 0 give 1, a negative base takes integral
 * exponents only. A square is x * x exactly rounded.
 */
export function pow(x: Expr, y: Expr): Expr {
  if (y.op === 'const' && y.value === 2) return mul(x, x)
  if (y.op === 'const' && y.value === 1) return x
  const size = abs(x)
  const { high, low } = log2(size)
  // past 2^34 every base but 1 has left the range; the bound keeps the products below finite
  const bound = 2 ** 34
  const exponent = where(less(f32(bound), y), f32(bound), where(less(y, f32(-bound)), f32(-bound), y))
  const { product, error } = exactProduct(exponent, high)
  const power = exp2(product, add(error, mul(exponent, low)))

  const zero = f32(0)
  const infinity = f32(Number.POSITIVE_INFINITY)
  const atEnds = where(
    or(equal(size, zero), equal(size, infinity)),
    where(equal(less(zero, y), equal(size, zero)), zero, infinity),
    power,
  )
  const whole = equal(unary('floor', y), y)
  const halfY = mul(y, f32(0.5))
  const odd = and(whole, not(equal(unary('floor', halfY), halfY)))
  const negative = not(equal(and(bitcast('u32', x), u32(0x80000000)), u32(0)))
  const signed = where(and(negative, odd), negate(atEnds), atEnds)
  const undefinedHere = or(
    and(and(less(x, zero), less(size, infinity)), not(whole)),
    or(unary('isNaN', x), unary('isNaN', y)),
  )
  const value = where(undefinedHere, f32(Number.NaN), where(equal(y, f32(2)), mul(x, x), signed))
  return where(or(equal(y, zero), equal(x, f32(1))), f32(1), value)
}

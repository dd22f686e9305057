// Transcendental f32 functions as expressions of adds, multiplies, selects and bit operations, without branches, so
// that every printer gets them in scalar and in vector form. Methods: argument reduction and minimax polynomials (Muller,
// "Elementary Functions"); coefficients come from our own Remez exchange. Errors in ULP of f32 measured over dense
// samples stand with each function, the worse of with and without a fused instruction; math.test.ts holds them.

import { Later } from '../load-later.ts'
import { binary, bitcast, cast, f32, fma, i32, u32, unary, where } from './build.ts'
import type { Expr, UnaryOp } from './ir.ts'

export const add = (a: Expr, b: Expr): Expr => binary('add', a, b)
export const sub = (a: Expr, b: Expr): Expr => binary('sub', a, b)
export const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)
export const less = (a: Expr, b: Expr): Expr => binary('lt', a, b)
export const equal = (a: Expr, b: Expr): Expr => binary('eq', a, b)
export const abs = (x: Expr): Expr => unary('abs', x)
export const negate = (x: Expr): Expr => unary('neg', x)

/** coefficients[0] + coefficients[1] x + ..., by Horner's rule. */
export function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  let sum = f32(coefficients.at(-1)!)
  for (let i = coefficients.length - 2; i >= 0; i--) sum = fma(sum, x, f32(coefficients[i]))
  return sum
}

const signBit = 0x80000000
export const signOf = (x: Expr): Expr => binary('and', bitcast('u32', x), u32(signBit))
export const withSign = (magnitude: Expr, sign: Expr): Expr =>
  bitcast('f32', binary('or', bitcast('u32', magnitude), sign))

/** x kept within [low, high]; NaN stays NaN. Written so that printers find the one-instruction minimum and maximum. */
export function clamp(x: Expr, low: number, high: number): Expr {
  const [bottom, top] = [f32(low), f32(high)]
  const raised = where(less(x, bottom), bottom, x)
  return where(less(top, raised), top, raised)
}

export function atMost(x: Expr, high: number): Expr {
  const top = f32(high)
  return where(less(top, x), top, x)
}

/** Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum. */
export const magic = 12582912
export const magicBits = 0x4b400000

/** The integer nearest to x * by: as a float, and as bits whose low part is that integer (two's complement). */
export function nearestMultiple(x: Expr, by: Expr | null): { readonly n: Expr; readonly bits: Expr } {
  const shifted = by ? fma(x, by, f32(magic)) : add(x, f32(magic))
  return { n: sub(shifted, f32(magic)), bits: bitcast('i32', shifted) }
}

/** y * 2^n in two steps, so that subnormal results and 2^128 come out right. `bits` from `nearestMultiple`, |n| <= 252. */
export function scaleByPower(y: Expr, bits: Expr): Expr {
  const biased = sub(bits, i32(magicBits - 254))
  const half = binary('shr', biased, i32(1))
  const factor = (exponent: Expr): Expr => bitcast('f32', binary('shl', exponent, i32(23)))
  return mul(mul(y, factor(half)), factor(sub(biased, half)))
}

/** ln 2 in two parts; the first has 16 bits, so that its multiples by small integers are exact */
export const ln2High = 0.693145751953125
export const ln2Low = 1.4286068203094173e-6

export function reduceByLn2(x: Expr): { r: Expr; n: Expr; bits: Expr } {
  const { n, bits } = nearestMultiple(x, f32(Math.LOG2E))
  const r = fma(n, f32(-ln2Low), fma(n, f32(-ln2High), x))
  return { r, n, bits }
}

/** exp(r) = 1 + r + r^2 p(r) on [-ln2/2, ln2/2], relative error 2^-28.3 */
export const expPolynomial = [0.4999999341, 0.1666652011, 0.04166839427, 0.008368780331, 0.001381446298]

/** exp(x) with the bits of its power of two: exp(x) = y * 2^n. Straight down to the 1: one operation fewer than r^2 p(r) + r, and 0.87 ULP instead of 0.99. */
function expParts(x: Expr): { readonly y: Expr; readonly bits: Expr } {
  const { r, bits } = reduceByLn2(x)
  return { y: polynomial(r, [1, 1, ...expPolynomial]), bits }
}

/**
 * exp(x) for |x| <= 87, where results are normal numbers: n goes straight into the exponent of y, for the low 9 bits of the shifted sum are n and no more.
 * Nothing meaningful for NaN, which callers keep out. 0.87 ULP.
 */
export function expWithin(x: Expr): Expr {
  const { y, bits } = expParts(x)
  return bitcast('f32', add(bitcast('i32', y), binary('shl', bits, i32(23))))
}

/** exp(x) for |x| <= 87, one step of scaling; NaN stays. 0.87 ULP. */
export function expNear(x: Expr): Expr {
  const { y, bits } = expParts(x)
  return mul(y, bitcast('f32', binary('shl', sub(bits, i32(magicBits - 127)), i32(23))))
}

/**
 * 0.87 ULP, subnormal results included. Where the result is 0 (a masked score, say) nothing is computed from x: a product that underflows costs a
 * hundred times a normal one on x86, and made a masked softmax four times slower.
 */
function exp(x: Expr): Expr {
  const vanishes = less(x, f32(-104))
  const { y, bits } = expParts(clamp(where(vanishes, f32(0), x), -104, 89))
  return where(vanishes, f32(0), scaleByPower(y, bits))
}

/** tanh(x) = x + x^3 p(x^2) on [-0.625, 0.625], relative error 2^-27.8 */
const tanhPolynomial = [-0.3333328392, 0.1333149127, -0.05374349729, 0.02065058533, -0.005717043314]

/** 1.3 ULP. Far from 0 it is 1 - 2 / (exp(2 |x|) + 1). */
function tanh(x: Expr): Expr {
  const size = abs(x)
  const square = mul(x, x)
  const near = fma(mul(x, square), polynomial(square, tanhPolynomial), x)
  const e = expNear(mul(atMost(size, 20), f32(2)))
  const far = sub(f32(1), binary('div', f32(2), add(e, f32(1))))
  return where(less(size, f32(2 ** -13)), x, where(less(size, f32(0.625)), near, withSign(far, signOf(x))))
}

/** The bits of sqrt(1/2): splitting there puts the mantissa in [sqrt(1/2), sqrt(2)). */
const sqrtHalfBits = 0x3f3504f3

/** x = m * 2^e for positive finite x, subnormals included; m in [sqrt(1/2), sqrt(2)), e as a float. */
export function splitExponent(x: Expr): { readonly m: Expr; readonly e: Expr } {
  const small = less(x, f32(2 ** -126))
  const bits = sub(bitcast('i32', where(small, mul(x, f32(2 ** 24)), x)), i32(sqrtHalfBits))
  const m = bitcast('f32', add(binary('and', bits, i32(0x7fffff)), i32(sqrtHalfBits)))
  const e = sub(cast('f32', binary('shr', bits, i32(23))), where(small, f32(24), f32(0)))
  return { m, e }
}

/** log(1 + f) = f - f^2/2 + f^3 p(f) on [sqrt(1/2) - 1, sqrt(2) - 1], relative error 2^-30.3 */
const logPolynomial = [
  0.3333331261, -0.2500000961, 0.2000211853, -0.1666799528, 0.1421955428, -0.1240559983, 0.1188816036, -0.1167558841,
  0.06746567044,
]

/** log of a positive finite number, plus a small correction. */
export function logCore(x: Expr, correction: Expr | null): Expr {
  const { m, e } = splitExponent(x)
  const f = sub(m, f32(1))
  const square = mul(f, f)
  let low = fma(e, f32(ln2Low), mul(mul(square, f), polynomial(f, logPolynomial)))
  if (correction) low = add(low, correction)
  return fma(e, f32(ln2High), add(fma(square, f32(-0.5), low), f))
}

const infinity = f32(Number.POSITIVE_INFINITY)

/** What log and log1p share: `x` stands for the number whose logarithm `y` is. */
export const logEnds = (x: Expr, y: Expr): Expr =>
  where(
    less(x, f32(0)),
    f32(Number.NaN),
    where(equal(x, f32(0)), f32(Number.NEGATIVE_INFINITY), where(less(x, infinity), y, x)),
  )

/** 0.8 ULP. */
const log = (x: Expr): Expr => logEnds(x, logCore(x, null))

/** pi/2 in parts of 8 bits, the last of 24: multiples by integers below 2^16 are exact, so |x| <= 1e5 loses nothing. */
const halfPi = [201 / 2 ** 7, 253 / 2 ** 19, 170 / 2 ** 27, 136 / 2 ** 37, 2.563344151594519e-12]

const sinPolynomial = [-0.1666666664, 0.008333329056, -0.0001983923266, 2.717366671e-6]
const cosPolynomial = [0.04166666662, -0.001388888316, 2.479937273e-5, -2.719862832e-7]

/** The sine and cosine of x less the nearest multiple of pi/2, and the number of quarter turns. */
export function quarterTurns(x: Expr): { readonly sin: Expr; readonly cos: Expr; readonly turns: Expr } {
  const { n, bits } = nearestMultiple(x, f32(2 / Math.PI))
  const multiple = (part: number): Expr => mul(n, f32(halfPi[part]))
  // exact: what is left has at most 24 bits; from the third part on the rounding errors are kept in `low`
  const coarse = sub(sub(x, multiple(0)), multiple(1))
  const third = multiple(2)
  const fine = sub(coarse, third)
  const last = fma(n, f32(halfPi[4]), multiple(3))
  const r = sub(fine, last)
  const low = add(sub(sub(fine, r), last), sub(sub(coarse, fine), third))
  const square = mul(r, r)
  const sin = add(r, fma(mul(r, square), polynomial(square, sinPolynomial), low))
  const rest = fma(mul(square, square), polynomial(square, cosPolynomial), mul(negate(r), low))
  const cos = add(fma(square, f32(-0.5), f32(1)), rest)
  return { sin, cos, turns: bits }
}

/** sin of x + offset quarter turns. */
function sinOfTurns(x: Expr, offset: number): Expr {
  const { sin, cos, turns } = quarterTurns(x)
  const quadrant = offset ? add(turns, i32(offset)) : turns
  const odd = equal(binary('and', quadrant, i32(1)), i32(1))
  const sign = bitcast('u32', binary('shl', binary('and', quadrant, i32(2)), i32(30)))
  return bitcast('f32', binary('xor', bitcast('u32', where(odd, cos, sin)), sign))
}

/** 1.2 ULP for |x| <= 1e5 (2.3 next to the zeros of large multiples of pi); meaningless from 4e6 on, where printers must
 * do something else. */
const sin = (x: Expr): Expr => where(less(abs(x), f32(2 ** -13)), x, sinOfTurns(x, 0))
/** As sin. */
const cos = (x: Expr): Expr => sinOfTurns(x, 1)

/** The f32 functions that printers need not know, and those that few programs call. */
export const unaryExpansions = { exp, log, sin, cos, tanh } satisfies Partial<Record<UnaryOp, (x: Expr) => Expr>>
export const rareMath = new Later(() => import('./math-rare.ts'))

const rare: ReadonlySet<Expr['op']> = new Set(['expm1', 'log1p', 'tan', 'erf', 'pow', 'atan2'])
/** bits of an f16 (in a u32) to its value; exact. */
export function f16Value(bits: Expr): Expr {
  const shifted = binary('shl', binary('and', bits, u32(0x7fff)), u32(13))
  const scaled = mul(bitcast('f32', shifted), f32(2 ** 112))
  const special = less(u32(0x0f7fffff), shifted)
  const exponent = where(special, u32(0x7f800000), u32(0))
  const sign = binary('shl', binary('and', bits, u32(0x8000)), u32(16))
  return bitcast('f32', binary('or', binary('or', bitcast('u32', scaled), exponent), sign))
}

/** The bits of the nearest f16 (in a u32), halves to even; NaN gives 0x7e00. */
export function f16Bits(x: Expr): Expr {
  const bits = bitcast('u32', x)
  const sign = binary('and', bits, u32(signBit))
  const size = binary('xor', bits, sign)
  const odd = binary('and', binary('shr', size, u32(13)), u32(1))
  const normal = binary('shr', add(add(size, u32((0xfff - 0x38000000) >>> 0)), odd), u32(13))
  // below 2^-14 the addition of 0.5 rounds to the spacing of subnormals
  const tiny = sub(bitcast('u32', add(bitcast('f32', size), f32(0.5))), u32(0x3f000000))
  const finite = where(less(size, u32(0x38800000)), tiny, normal)
  const large = where(less(u32(0x7f800000), size), u32(0x7e00), u32(0x7c00))
  const magnitude = where(less(size, u32(0x477ff000)), finite, large)
  const signed = binary('or', magnitude, binary('shr', sign, u32(16)))
  return where(less(u32(0x7f800000), size), u32(0x7e00), signed)
}

export const bf16Value = (bits: Expr): Expr => bitcast('f32', binary('shl', bits, u32(16)))

/** The bits of the nearest bf16 (in a u32), halves to even; NaN gives 0x7fc0. */
export function bf16Bits(x: Expr): Expr {
  const bits = bitcast('u32', x)
  const odd = binary('and', binary('shr', bits, u32(16)), u32(1))
  const rounded = binary('shr', add(add(bits, u32(0x7fff)), odd), u32(16))
  return where(unary('isNaN', x), u32(0x7fc0), rounded)
}

export const halfValue = { f16: f16Value, bf16: bf16Value } as const
export const halfBits = { f16: f16Bits, bf16: bf16Bits } as const

/** One expression (its operands as they are) without transcendental f32 functions and `roundTo`. */
export function expand(e: Expr): Expr {
  if (e.op === 'roundTo') return halfValue[e.to](halfBits[e.to](e.args[0]))
  if (e.dtype !== 'f32' || !('args' in e)) return e
  const rules: Partial<Record<string, (a: Expr, b: Expr) => Expr>> = rare.has(e.op)
    ? rareMath.module.rareExpansions
    : unaryExpansions
  const [a, b] = e.args as readonly Expr[]
  return rules[e.op]?.(a, b) ?? e
}

// The functions of math.ts that few programs call, loaded with the first kernel that does.

import { binary, bitcast, f32, fma, i32, unary, where } from './build.ts'
import type { Expr } from './ir.ts'
import {
  abs,
  add,
  atMost,
  clamp,
  equal,
  expNear,
  less,
  logCore,
  logEnds,
  magicBits,
  mul,
  negate,
  polynomial,
  quarterTurns,
  reduceByLn2,
  signOf,
  sub,
  withSign,
} from './math.ts'
import { pow } from './math-pow.ts'

/** expm1(r) = r + r^2 p(r) on [-ln2/2, ln2/2], relative error 2^-31.8 */
const expm1Polynomial = [0.5000000053, 0.166666669, 0.04166632573, 0.008333219589, 0.001394330923, 0.0001996239136]

/** exp(x) - 1 for x in [-20, 88.8]: the half scale keeps 2^128 finite. */
function expm1Core(x: Expr): Expr {
  const { r, bits } = reduceByLn2(x)
  const q = fma(mul(r, r), polynomial(r, expm1Polynomial), r)
  const halfScale = bitcast('f32', binary('shl', sub(bits, i32(magicBits - 126)), i32(23)))
  const half = fma(halfScale, q, sub(halfScale, f32(0.5)))
  return add(half, half)
}

/** 1.5 ULP. */
function expm1(x: Expr): Expr {
  return where(less(abs(x), f32(2 ** -24)), x, expm1Core(clamp(x, -20, 89)))
}

/** 0.8 ULP. The rounding error of 1 + x comes back as a correction (Kahan). */
function log1p(x: Expr): Expr {
  const u = add(x, f32(1))
  // the lost part of the smaller of the two terms
  const lost = where(less(u, f32(2)), sub(x, sub(u, f32(1))), sub(f32(1), sub(u, x)))
  const y = logEnds(u, logCore(u, binary('div', lost, u)))
  return where(less(abs(x), f32(2 ** -24)), x, y)
}

/** 3 ULP for |x| <= 1e5, then as sin. */
function tan(x: Expr): Expr {
  const { sin, cos, turns } = quarterTurns(x)
  const odd = equal(binary('and', turns, i32(1)), i32(1))
  const y = where(odd, negate(binary('div', cos, sin)), binary('div', sin, cos))
  return where(less(abs(x), f32(2 ** -13)), x, y)
}

/** (erf(x) - x) / x as a polynomial of x^2 up to 0.93, error 2^-25.8 */
const erfNear = [0.1283791486, -0.3761249098, 0.112817811, -0.02676499289, 0.004990315133, -0.0005974092708]
/** -log(1 - erf(x)) / x on [0.92, 4] */
const erfFar = [
  1.128648491, 0.6351513127, 0.1062368845, -0.02376206946, 0.003642462401, -0.0003228047526, 1.123140176e-5,
]

/** 1.2 ULP. */
function erf(x: Expr): Expr {
  const size = abs(x)
  const square = mul(x, x)
  const near = fma(x, polynomial(square, erfNear), x)
  const t = atMost(size, 4)
  const far = sub(f32(1), expNear(negate(mul(t, polynomial(t, erfFar)))))
  return where(less(size, f32(0.925)), near, withSign(far, signOf(x)))
}

/** atan(t) = t + t^3 p(t^2) on [-tan(pi/8), tan(pi/8)], relative error 2^-30.5 */
const atanPolynomial = [-0.3333331542, 0.19998484, -0.142437388, 0.1059513997, -0.06081156585]

/** 2.8 ULP, with the signs and quadrants of IEEE 754 (infinities and zeros included). */
function atan2(y: Expr, x: Expr): Expr {
  const [rise, run] = [abs(y), abs(x)]
  const steep = less(run, rise)
  const low = where(steep, run, rise)
  const high = where(steep, rise, run)
  // 0/0 means angle 0, inf/inf an eighth of a turn
  const ratio = where(equal(low, high), where(equal(high, f32(0)), f32(0), f32(1)), binary('div', low, high))
  const far = less(f32(Math.SQRT2 - 1), ratio)
  const t = where(far, binary('div', sub(ratio, f32(1)), add(ratio, f32(1))), ratio)
  const square = mul(t, t)
  const near = fma(mul(t, square), polynomial(square, atanPolynomial), t)
  const first = where(far, add(near, f32(Math.PI / 4)), near)
  const up = where(steep, sub(f32(Math.PI / 2), first), first)
  const left = less(bitcast('i32', x), i32(0))
  const whole = where(left, sub(f32(Math.PI), up), up)
  const angle = withSign(whole, signOf(y))
  const broken = binary('or', unary('isNaN', x), unary('isNaN', y))
  return where(broken, f32(Number.NaN), angle)
}

export const rareExpansions = { expm1, log1p, tan, erf, pow, atan2 }

// The error function's family. Sources: Abramowitz and Stegun 1964, chapter 7; Giles 2010 for the inverse; polynomials fitted to 1e-9 or
// better by Chebyshev interpolation.

import { k } from '../ops/operand.ts'
import { odd, polynomial, select, special } from '../ops/pieces.ts'
import type { Tensor } from '../tensor.ts'

const erfcPolynomial = [
  -0.67179408416, 0.672643220546, 0.0473433203674, -0.046895482161, -0.00987298045942, 0.00882355817741,
  0.00176133936545, -0.00233927772306, -0.000156134275943, 0.000657953845756, -7.11973080858e-5, -0.000154633788934,
  4.17958926692e-5, 2.07230702932e-5, -8.12125392613e-6,
]
/** exp(-x^2 / scale) times exp(-the rest): the square of an x in two parts, since one that is rounded loses the last digits of its exponential. */
function gaussian(x: Tensor, factor: number): { readonly peak: Tensor; readonly rest: Tensor } {
  const high = x
    .mul(k(64))
    .round()
    .mul(k(1 / 64))
  const low = x.sub(high).mul(x.add(high))
  return { peak: high.mul(high).mul(k(-factor)).exp(), rest: low.mul(k(factor)) }
}
/** erfc of z >= 0, which is x sqrt(factor): t exp(-z^2 + P(2 t - 1)) with t = 1 / (1 + z / 2), relative error 3e-10. */
function upperTail(z: Tensor, x = z, factor = 1): Tensor {
  const t = z.mul(k(0.5)).add(k(1)).reciprocal()
  const { peak, rest } = gaussian(x, factor)
  const tail = t.mul(peak).mul(
    polynomial(t.mul(k(2)).sub(k(1)), erfcPolynomial)
      .sub(rest)
      .exp(),
  )
  return select(z.gt(k(30)), k(0), tail)
}
/** Below this, 1 - erf loses nothing. */
const small = 0.6
const twoOverSqrtPi = 2 / Math.sqrt(Math.PI)
/** 1 - erf(x), without the cancellation. */
export const erfc = special(
  x => {
    const a = x.abs()
    const tail = upperTail(a)
    const far = select(x.lt(k(0)), tail.neg().add(k(2)), tail)
    return select(x.isnan(), x, select(a.lt(k(small)), x.erf().neg().add(k(1)), far))
  },
  x => x.mul(x).neg().exp().mul(k(-twoOverSqrtPi)),
)

const inverseCentre = [
  1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6, 3.43273939e-7,
  2.81022636e-8,
]
const inverseTail = [
  2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558,
  -0.000200214257,
]
/** of sqrt(w) from 4 to 10.2: relative error 3e-8 */
const inverseFarTail = [
  6.969874148, 1.008493295, -0.0005106921015, 8.588561489e-6, 5.503960656e-6, -1.471696387e-6, 2.212035936e-7,
  -3.93232326e-8, 1.352948277e-8, -1.994878089e-9,
]
/**
 * The z >= 0 with erf(z) = a, from a and 1 - a, each exact where it is small: Giles' approximations in w = -log(1 - a^2) and a step of Newton's;
 * from w = 16 on, where 1 - a is no number of f32 next to 1, a polynomial for the tail alone.
 */
function inverseErf(a: Tensor, rest: Tensor): Tensor {
  const w = rest
    .mul(rest.neg().add(k(2)))
    .log()
    .neg()
  const root = w.sqrt()
  const near = select(
    w.lt(k(5)),
    polynomial(w.sub(k(2.5)), inverseCentre),
    polynomial(root.minimum(k(4)).sub(k(3)), inverseTail),
  ).mul(a)
  const off = select(a.lt(k(0.5)), near.erf().sub(a), rest.sub(erfc(near)))
  const better = near.sub(off.mul(near.mul(near).exp()).mul(k(1 / twoOverSqrtPi)))
  const far = polynomial(root.minimum(k(10.3)).sub(k(7.1)), inverseFarTail)
  return select(rest.eq(k(0)), k(Infinity), select(w.gt(k(16)), far, better))
}
/** The x with erf(x) = y; infinite at -1 and 1, NaN outside. */
export const erfinv: (x: Tensor) => Tensor = special(
  x => odd(x, a => inverseErf(a, a.neg().add(k(1)))),
  (_, y) =>
    y
      .mul(y)
      .exp()
      .mul(k(1 / twoOverSqrtPi)),
)

/** The distribution function of the standard normal: the area below x. */
export const ndtr = special(
  x => {
    const a = x.abs()
    const z = a.mul(k(Math.SQRT1_2))
    const tail = upperTail(z, a, 0.5).mul(k(0.5))
    const far = select(x.lt(k(0)), tail, tail.neg().add(k(1)))
    const near = x.mul(k(Math.SQRT1_2)).erf().mul(k(0.5)).add(k(0.5))
    return select(x.isnan(), x, select(z.lt(k(small)), near, far))
  },
  x =>
    x
      .mul(x)
      .mul(k(-0.5))
      .exp()
      .mul(k(1 / Math.sqrt(2 * Math.PI))),
)
/** The x below which the standard normal has the area p; infinite at 0 and 1, NaN outside. */
export const ndtri: (p: Tensor) => Tensor = special(
  p => {
    // 2 p - 1 would be -1 for a small p: the smaller of p and 1 - p is exact
    const rest = p.minimum(p.neg().add(k(1))).mul(k(2))
    const z = inverseErf(rest.neg().add(k(1)), rest).mul(k(Math.SQRT2))
    return select(p.lt(k(0.5)), z.neg(), z)
  },
  (_, x) =>
    x
      .mul(x)
      .mul(k(0.5))
      .exp()
      .mul(k(Math.sqrt(2 * Math.PI))),
)

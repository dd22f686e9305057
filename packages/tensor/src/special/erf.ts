// The error function's family. Sources: Abramowitz and Stegun 1964, chapter 7; Giles 2010 for the inverse; polynomials fitted to 1e-9 or
// better by Chebyshev interpolation.

import { toFloat } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { odd, polynomial, select, special } from '../ops/pieces.ts'
import type { Tensor } from '../tensor.ts'

const erfcPolynomial = [
  -0.67179408416, 0.672643220546, 0.0473433203674, -0.046895482161, -0.00987298045942, 0.00882355817741,
  0.00176133936545, -0.00233927772306, -0.000156134275943, 0.000657953845756, -7.11973080858e-5, -0.000154633788934,
  4.17958926692e-5, 2.07230702932e-5, -8.12125392613e-6,
]
/** t exp(-z^2 + P(2 t - 1)) with t = 1 / (1 + z / 2), z >= 0: relative error 3e-10. */
const upperTail = (z: Tensor): Tensor => {
  const t = z.mul(k(0.5)).add(k(1)).reciprocal()
  // exp(-z^2) of a z whose square is rounded loses its last digits: the square in two parts
  const high = z
    .mul(k(64))
    .round()
    .mul(k(1 / 64))
  const low = z.sub(high).mul(z.add(high))
  const cut = z.gt(k(30))
  const tail = t.mul(high.mul(high).neg().exp()).mul(
    polynomial(t.mul(k(2)).sub(k(1)), erfcPolynomial)
      .sub(low)
      .exp(),
  )
  return select(cut, k(0), tail)
}
const twoOverSqrtPi = 2 / Math.sqrt(Math.PI)
/** 1 - erf(x), without the cancellation. */
export const erfc = special(
  x => {
    const tail = upperTail(x.abs())
    const near = x.abs().lt(k(0.5))
    const far = select(x.lt(k(0)), tail.neg().add(k(2)), tail)
    return select(x.isnan(), x, select(near, x.erf().neg().add(k(1)), far))
  },
  x => x.mul(x).neg().exp().mul(k(-twoOverSqrtPi)),
)
const erfinvCentre = [
  1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6, 3.43273939e-7,
  2.81022636e-8,
]
const erfinvTail = [
  2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558,
  -0.000200214257,
]
/** The x with erf(x) = y; infinite at -1 and 1, NaN outside. Giles' approximation and a step of Newton's. */
export const erfinv: (x: Tensor) => Tensor = special(
  x =>
    odd(x, a => {
      const w = a
        .neg()
        .add(k(1))
        .mul(a.add(k(1)))
        .log()
        .neg()
      const centre = polynomial(w.sub(k(2.5)), erfinvCentre)
      const tail = polynomial(w.sqrt().sub(k(3)), erfinvTail)
      const first = select(w.lt(k(5)), centre, tail).mul(a)
      const off = select(a.lt(k(0.5)), first.erf().sub(a), a.neg().add(k(1)).sub(erfc(first)))
      const better = first.sub(off.mul(first.mul(first).exp()).mul(k(1 / twoOverSqrtPi)))
      return select(a.eq(k(1)), k(Infinity), better)
    }),
  (_, y) =>
    y
      .mul(y)
      .exp()
      .mul(k(1 / twoOverSqrtPi)),
)
/** The distribution function of the standard normal: the area below x. */
export const ndtr = (x: Tensor): Tensor => erfc(toFloat(x).mul(k(-Math.SQRT1_2))).mul(k(0.5))
/** The x below which the standard normal has the area p. */
export const ndtri = (p: Tensor): Tensor => erfinv(toFloat(p).mul(k(2)).sub(k(1))).mul(k(Math.SQRT2))

// The gamma function's family. Source: Abramowitz and Stegun 1964, chapter 6; polynomials fitted to 1e-9 or better by Chebyshev interpolation.

import { CairnError } from '../errors.ts'
import { toFloat } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { polynomial, select, special } from '../ops/pieces.ts'
import type { Tensor } from '../tensor.ts'

/** lgamma(x) = (x - 1) (x - 2) R(x - 2) on [1, 3]: relative error 6e-12. */
const lgammaPolynomial = [
  0.422784335101, -0.100317301685, 0.0329650002534, -0.0123841915459, 0.00499865080343, -0.00210814204278,
  0.000915280124424, -0.000405619641523, 0.000183036157574, -8.34645431671e-5, 3.68272373207e-5, -1.67587588424e-5,
  1.0367231428e-5, -5.15463614841e-6, -1.15342973037e-7, 2.27817892047e-7, 1.24602253527e-6, -6.32274159955e-7,
]
/** f(x), pushed up to z >= 8 by its recurrence: what each step adds, and z. */
function pushUp(x: Tensor, start: Tensor, step: (sum: Tensor, z: Tensor) => Tensor): { z: Tensor; sum: Tensor } {
  let z = x
  let sum = start
  for (let i = 0; i < 8; i++) {
    const small = z.lt(k(8))
    sum = select(small, step(sum, z), sum)
    z = select(small, z.add(k(1)), z)
  }
  return { z, sum }
}
/** sum of c_i / z^(2 i) */
const inverseSquares = (z: Tensor, coefficients: readonly number[]): Tensor =>
  polynomial(z.mul(z).reciprocal(), coefficients)
/** pi times what x is beyond the nearest whole number, for the sine's size and the tangent: exact near the poles. */
const angleOf = (x: Tensor): Tensor => x.sub(x.round()).mul(k(Math.PI))

/** z brought down to at most `most` by whole steps, five of them at the most, and what was gathered on the way. */
function bringDown(x: Tensor, most: number, start: Tensor, step: (sum: Tensor, z: Tensor) => Tensor) {
  let z = x
  let sum = start
  for (let i = 0; i < 5; i++) {
    const large = z.gt(k(most))
    z = select(large, z.sub(k(1)), z)
    sum = select(large, step(sum, z), sum)
  }
  return { z, sum }
}

function lgammaAbove0(x: Tensor): Tensor {
  // below 1: lgamma(x) = lgamma(x + 1) - log(x); from 3 to 8 the logarithms of the factors on the way down are added, so that nothing cancels
  const low = x.lt(k(1))
  const high = x.gt(k(8))
  const { z, sum } = bringDown(select(high, k(2), x), 3, x.onesLike(), (product, z) => product.mul(z))
  const u = select(low, z.add(k(1)), z).sub(k(2))
  const near = u.add(k(1)).mul(u).mul(polynomial(u, lgammaPolynomial))
  const large = select(high, x, k(8))
  const far = large
    .sub(k(0.5))
    .mul(large.log().sub(k(1)))
    .add(k(0.5 * Math.log(2 * Math.PI) - 0.5))
    .add(inverseSquares(large, [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188]).div(large))
  return select(high, far, select(low, near.sub(x.log()), near.add(sum.log())))
}
/** log |gamma(x)|; infinite at 0 and the negative integers. */
export const lgamma = special(
  x => {
    const below = x.lt(k(0.5)).and(x.le(k(0)))
    const up = lgammaAbove0(select(below, x.neg().add(k(1)), x))
    // reflection: gamma(x) gamma(1 - x) = pi / sin(pi x)
    const mirrored = angleOf(x)
      .sin()
      .abs()
      .log()
      .neg()
      .add(k(Math.log(Math.PI)))
      .sub(up)
    const infinite = x.abs().eq(k(Infinity))
    return select(infinite, k(Infinity), select(below, mirrored, up))
  },
  x => digamma(x),
)
/** digamma(x) = (x - root) R(x - 1.5) on [1, 2]: relative error 7e-10. */
const digammaPolynomial = [
  0.951055875438, -0.423627420886, 0.240542655037, -0.148405036889, 0.094980817549, -0.06191686333, 0.0408935606645,
  -0.0270642588007, 0.016915223738, -0.0112470373339, 0.0112231563764, -0.00747684309904,
]
/** digamma's zero above 0, in two parts */
const digammaRoot = [1.4616321325302124, 1.24381499389e-8] as const

function digammaAbove0(x: Tensor): Tensor {
  // below 1: digamma(x) = digamma(x + 1) - 1 / x; from 2 to 7 the reciprocals on the way down are added
  const low = x.lt(k(1))
  const high = x.gt(k(7))
  const { z, sum } = bringDown(select(high, k(2), x), 2, x.zerosLike(), (sum, z) => sum.add(z.reciprocal()))
  const middle = select(low, z.add(k(1)), z)
  const fromRoot = middle.sub(k(digammaRoot[0])).sub(k(digammaRoot[1]))
  const near = fromRoot.mul(polynomial(middle.sub(k(1.5)), digammaPolynomial))
  const large = select(high, x, k(7))
  const series = inverseSquares(large, [-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132]).div(large.mul(large))
  const far = large
    .log()
    .sub(large.mul(k(2)).reciprocal())
    .add(series)
  return select(high, far, select(low, near.sub(x.reciprocal()), near.add(sum)))
}

/** The derivative of lgamma; -Infinity at 0, NaN at the negative integers. */
export const digamma: (x: Tensor) => Tensor = special(
  x => {
    const below = x.lt(k(0))
    const up = digammaAbove0(select(below, x.neg().add(k(1)), x))
    const angle = angleOf(x)
    const pole = below.and(x.eq(x.floor()))
    return select(pole, k(Number.NaN), select(below, up.sub(angle.tan().reciprocal().mul(k(Math.PI))), up))
  },
  x => polygamma(x, 1),
)
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6]
const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1))
/**
 * The n-th derivative of digamma, n >= 0 (torch.polygamma with the arguments the other way round). From n = 2 on, x must be positive: NaN elsewhere.
 */
export function polygamma(x: Tensor, n: number): Tensor {
  if (!Number.isInteger(n) || n < 0)
    throw new CairnError('polygamma', `n must be a whole number of at least 0, not ${n}`)
  if (n === 0) return digamma(x)
  const sign = n % 2 === 1 ? 1 : -1
  const power = (z: Tensor, p: number): Tensor => Array.from({ length: p }, () => z).reduce((a, b) => a.mul(b))
  return special(
    x => {
      const below = n === 1 ? x.lt(k(0)) : x.le(k(0))
      const { z, sum } = pushUp(select(below, x.neg().add(k(1)), x), x.zerosLike(), (sum, z) =>
        sum.add(power(z, n + 1).reciprocal()),
      )
      const coefficients = bernoulli.map((b, i) => (b * factorial(2 * i + 1 + n)) / factorial(2 * i + 2))
      const series = inverseSquares(z, coefficients).div(power(z, n + 2))
      const up = power(z, n)
        .reciprocal()
        .mul(k(factorial(n - 1)))
        .add(
          power(z, n + 1)
            .reciprocal()
            .mul(k(factorial(n) / 2)),
        )
        .add(series)
        .add(sum.mul(k(factorial(n))))
      if (n > 1) return select(below, k(Number.NaN), up.mul(k(sign)))
      // trigamma(x) + trigamma(1 - x) = (pi / sin(pi x))^2
      const mirror = angleOf(x).sin().reciprocal().mul(k(Math.PI))
      return select(below, mirror.mul(mirror).sub(up), up)
    },
    x => polygamma(x, n + 1),
  )(x)
}
/** The logarithm of the multivariate gamma function of dimension p. */
export const mvlgamma = (x: Tensor, p: number): Tensor =>
  Array.from({ length: p }, (_, i) => lgamma(toFloat(x).sub(k(i / 2))))
    .reduce((a, b) => a.add(b))
    .add(k(((p * (p - 1)) / 4) * Math.log(Math.PI)))

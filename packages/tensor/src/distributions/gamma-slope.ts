// The derivative of a draw z of the gamma distribution with respect to its concentration a, where the draw stands for a fixed quantile (M. Figurnov, S.
// Mohamed and A. Mnih, "Implicit reparameterization gradients", 2018): dz/da = -(dP(z; a)/da) / p(z; a), P the distribution function, p the density.
//
// P is the integral of p up to z, and 1 - P the one from z on, with t = z e^-s or t = z e^s:
//   below a:  dz/da = z * integral over s > 0 of (digamma(a) - log z + s) exp(-a s + z (1 - e^-s)) ds
//   above a:  dz/da = z * integral over s > 0 of (log z + s - digamma(a)) exp(a s - z (e^s - 1)) ds
// Both integrands begin at s = 0 with a weight of 1 that only falls, so nothing cancels in either tail. They are summed at the points of the
// double exponential rule u = exp(x - e^-x) (H. Takahasi and M. Mori, 1974), in units of the width over which the weight falls.

import { hostTensor } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { digamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'

const step = 0.16
const points = Array.from({ length: 46 }, (_, i) => {
  const x = -3.2 + step * i
  const u = Math.exp(x - Math.exp(-x))
  return { u, weight: step * u * (1 + Math.exp(-x)) }
})

/** @param a concentrations   @param z draws, of the same shape   @returns dz/da, to a relative error of some 1e-6 */
export function gammaSlope(a: Tensor, z: Tensor): Tensor {
  const along = (values: readonly number[]) => hostTensor(values, [values.length, ...z.shape.map(() => 1)], z.dtype, z)
  const u = along(points.map(p => p.u))
  const weight = along(points.map(p => p.weight))
  // e-folding: |a - z| per unit of s in the tails, sqrt(a) about the middle, a where a is small and the other term is bounded
  const width = a.sub(z).abs().add(a.minimum(a.sqrt())).reciprocal()
  const s = u.mul(width)
  const above = z.gt(a)
  const side = z.onesLike().where(above, k(-1))
  // e^(+-s) - 1 beyond the reach of f32 meets an exponent that has vanished long before
  const grown = s.mul(side).clamp(undefined, 80).expm1()
  const exponent = a.mul(s).mul(side).sub(z.mul(grown))
  const slope = s.add(side.mul(z.log().sub(digamma(a)))).mul(exponent.exp())
  return slope.mul(weight).sum(0).mul(width).mul(z)
}

// torch.distributions.kl_divergence: one row for each kind that has a closed form.

import { CairnError } from '../errors.ts'
import { k } from '../ops/operand.ts'
import { digamma, lgamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'
import { Dirichlet, Exponential, Gamma, logBeta } from './continuous.ts'
import { Bernoulli, Categorical, Poisson } from './discrete.ts'
import type { Distribution } from './distribution.ts'
import { Laplace, LogNormal, Normal } from './location-scale.ts'

type Kind<D> = abstract new (...parameters: never[]) => D
type Row = (p: Distribution, q: Distribution) => Tensor | undefined

/** The divergence of two distributions that are both of the kind. */
const both =
  <D extends Distribution>(kind: Kind<D>, divergence: (p: D, q: D) => Tensor): Row =>
  (p, q) =>
    p instanceof kind && q instanceof kind ? divergence(p, q) : undefined

const normals = (p: Normal, q: Normal): Tensor => {
  const ratio = p.scale.div(q.scale).square()
  const shift = p.location.sub(q.location).div(q.scale).square()
  return ratio.add(shift).sub(k(1)).sub(ratio.log()).mul(k(0.5))
}

const rows = (): readonly Row[] => [
  both(Normal, normals),
  both(LogNormal, (p, q) => normals(p.base, q.base)),
  both(Exponential, (p, q) => {
    const ratio = q.rate.div(p.rate)
    return ratio.sub(k(1)).sub(ratio.log())
  }),
  both(Laplace, (p, q) => {
    const [ratio, gap] = [p.scale.div(q.scale), p.location.sub(q.location).abs()]
    return ratio.mul(gap.div(p.scale).neg().exp()).add(gap.div(q.scale)).sub(ratio.log()).sub(k(1))
  }),
  both(Bernoulli, ({ probability: a }, { probability: b }) => {
    const [c, d] = [a.neg().add(k(1)), b.neg().add(k(1))]
    return a.xlogy(a.div(b)).add(c.xlogy(c.div(d)))
  }),
  both(Poisson, (p, q) => p.rate.xlogy(p.rate.div(q.rate)).sub(p.rate.sub(q.rate))),
  both(Categorical, (p, q) => {
    const weight = p.logits.exp()
    return weight.mul(p.logits.sub(q.logits).where(weight.gt(k(0)), k(0))).sum(-1)
  }),
  both(Gamma, (p, q) => {
    const [a, b] = [p.concentration, q.concentration]
    return a
      .sub(b)
      .mul(digamma(a))
      .sub(lgamma(a))
      .add(lgamma(b))
      .add(b.mul(p.rate.div(q.rate).log()))
      .add(a.mul(q.rate.div(p.rate).sub(k(1))))
  }),
  both(Dirichlet, ({ concentration: a }, { concentration: b }) => {
    const slope = digamma(a).sub(digamma(a.sum(-1, { keepDim: true })))
    return logBeta(b).sub(logBeta(a)).add(a.sub(b).mul(slope).sum(-1))
  }),
]

/**
 * torch.distributions.kl_divergence of two distributions of one kind.
 * @throws CairnError for kinds without a closed form
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  for (const row of rows()) {
    const divergence = row(p, q)
    if (divergence) return divergence
  }
  throw new CairnError(
    'klDivergence',
    `has no closed form here for ${p.name} and ${q.name}; estimate it from sample() and logProb()`,
  )
}

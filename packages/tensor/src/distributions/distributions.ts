// Distributions as torch.distributions has them: parameters are tensors that broadcast, `sample` draws without and `rsample` with a gradient for the parameters.

import { CairnError, GradientError } from '../errors.ts'
import { cast } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import type { Shape } from '../shape.ts'
import { digamma, lgamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'
import {
  checkFloats,
  type DrawOptions,
  drawCategorical,
  drawCauchy,
  drawExponential,
  drawGamma,
  drawGumbel,
  drawLaplace,
  drawPoisson,
  normals,
  open,
  sampleShape,
} from './draws.ts'

const log2Pi = Math.log(2 * Math.PI)
const eulerGamma = 0.5772156649015329

/** What every distribution has. Where torch raises NotImplementedError, `rsample` and `entropy` throw. */
export abstract class Distribution {
  readonly #name: string
  protected readonly parameters: readonly Tensor[]
  constructor(name: string, ...parameters: Tensor[]) {
    checkFloats(name, ...parameters)
    this.#name = name
    this.parameters = parameters
  }
  get name(): string {
    return this.#name
  }
  protected shaped(shape: Shape): number[] {
    return sampleShape(this.#name, shape, ...this.parameters)
  }
  /** Draws of [...shape, ...parameters], without gradient. */
  sample(shape: Shape = [], options: DrawOptions = {}): Tensor {
    return this.draw(shape, options).detach()
  }
  /** Draws that are functions of the parameters. @throws GradientError where there is no such function */
  rsample(shape: Shape = [], options: DrawOptions = {}): Tensor {
    if (!this.reparametrized)
      throw new GradientError('rsample', `${this.#name} has no draws with a gradient; use sample() and logProb()`)
    return this.draw(shape, options)
  }
  protected get reparametrized(): boolean {
    return true
  }
  protected abstract draw(shape: Shape, options: DrawOptions): Tensor
  /** The logarithm of the density, or of the probability. */
  abstract logProb(x: Tensor): Tensor
  abstract get mean(): Tensor
  abstract get variance(): Tensor
  entropy(): Tensor {
    throw new CairnError('entropy', `that of ${this.#name} has no closed form`)
  }
}

export class Normal extends Distribution {
  readonly location: Tensor
  readonly scale: Tensor
  constructor(location: Tensor, scale: Tensor) {
    super('Normal', location, scale)
    this.location = location
    this.scale = scale
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return this.location.add(this.scale.mul(normals(this.shaped(shape), this.location, o)))
  }
  logProb(x: Tensor): Tensor {
    const z = x.sub(this.location).div(this.scale)
    return z
      .square()
      .mul(k(-0.5))
      .sub(this.scale.log())
      .sub(k(0.5 * log2Pi))
  }
  get mean(): Tensor {
    return this.location
  }
  get variance(): Tensor {
    return this.scale.square()
  }
  override entropy(): Tensor {
    return this.scale.log().add(k(0.5 + 0.5 * log2Pi))
  }
}

/** exp of a Normal. */
export class LogNormal extends Distribution {
  readonly base: Normal
  constructor(location: Tensor, scale: Tensor) {
    super('LogNormal', location, scale)
    this.base = new Normal(location, scale)
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return this.base.rsample(shape, o).exp()
  }
  logProb(x: Tensor): Tensor {
    return this.base.logProb(x.log()).sub(x.log())
  }
  get mean(): Tensor {
    return this.base.location.add(this.base.variance.mul(k(0.5))).exp()
  }
  get variance(): Tensor {
    const s = this.base.variance
    return s.expm1().mul(this.base.location.mul(k(2)).add(s).exp())
  }
  override entropy(): Tensor {
    return this.base.entropy().add(this.base.location)
  }
}

export class Uniform extends Distribution {
  readonly low: Tensor
  readonly high: Tensor
  constructor(low: Tensor, high: Tensor) {
    super('Uniform', low, high)
    this.low = low
    this.high = high
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return this.low.add(this.high.sub(this.low).mul(open(this.shaped(shape), this.low, o)))
  }
  logProb(x: Tensor): Tensor {
    const inside = x.ge(this.low).and(x.lt(this.high))
    return this.high.sub(this.low).log().neg().where(inside, k(-Infinity))
  }
  get mean(): Tensor {
    return this.low.add(this.high).mul(k(0.5))
  }
  get variance(): Tensor {
    return this.high.sub(this.low).square().div(k(12))
  }
  override entropy(): Tensor {
    return this.high.sub(this.low).log()
  }
}

export class Exponential extends Distribution {
  readonly rate: Tensor
  constructor(rate: Tensor) {
    super('Exponential', rate)
    this.rate = rate
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawExponential(this.rate, this.shaped(shape), o)
  }
  logProb(x: Tensor): Tensor {
    return this.rate
      .log()
      .sub(this.rate.mul(x))
      .where(x.ge(k(0)), k(-Infinity))
  }
  get mean(): Tensor {
    return this.rate.reciprocal()
  }
  get variance(): Tensor {
    return this.rate.square().reciprocal()
  }
  override entropy(): Tensor {
    return this.rate.log().neg().add(k(1))
  }
}

export class Laplace extends Distribution {
  readonly location: Tensor
  readonly scale: Tensor
  constructor(location: Tensor, scale: Tensor) {
    super('Laplace', location, scale)
    this.location = location
    this.scale = scale
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawLaplace(this.location, this.scale, this.shaped(shape), o)
  }
  logProb(x: Tensor): Tensor {
    return x
      .sub(this.location)
      .abs()
      .div(this.scale)
      .neg()
      .sub(this.scale.mul(k(2)).log())
  }
  get mean(): Tensor {
    return this.location
  }
  get variance(): Tensor {
    return this.scale.square().mul(k(2))
  }
  override entropy(): Tensor {
    return this.scale.mul(k(2)).log().add(k(1))
  }
}

export class Gumbel extends Distribution {
  readonly location: Tensor
  readonly scale: Tensor
  constructor(location: Tensor, scale: Tensor) {
    super('Gumbel', location, scale)
    this.location = location
    this.scale = scale
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawGumbel(this.location, this.scale, this.shaped(shape), o)
  }
  logProb(x: Tensor): Tensor {
    const z = x.sub(this.location).div(this.scale)
    return z.neg().sub(z.neg().exp()).sub(this.scale.log())
  }
  get mean(): Tensor {
    return this.location.add(this.scale.mul(k(eulerGamma)))
  }
  get variance(): Tensor {
    return this.scale.square().mul(k(Math.PI ** 2 / 6))
  }
  override entropy(): Tensor {
    return this.scale.log().add(k(1 + eulerGamma))
  }
}

export class Cauchy extends Distribution {
  readonly location: Tensor
  readonly scale: Tensor
  constructor(location: Tensor, scale: Tensor) {
    super('Cauchy', location, scale)
    this.location = location
    this.scale = scale
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawCauchy(this.location, this.scale, this.shaped(shape), o)
  }
  logProb(x: Tensor): Tensor {
    const z = x.sub(this.location).div(this.scale)
    return z
      .square()
      .log1p()
      .neg()
      .sub(this.scale.mul(k(Math.PI)).log())
  }
  /** NaN: there is none. */
  get mean(): Tensor {
    return this.location.add(this.scale).fullLike(Number.NaN)
  }
  get variance(): Tensor {
    return this.location.add(this.scale).fullLike(Number.POSITIVE_INFINITY)
  }
  override entropy(): Tensor {
    return this.scale.mul(k(4 * Math.PI)).log()
  }
}

export class Gamma extends Distribution {
  readonly concentration: Tensor
  readonly rate: Tensor
  constructor(concentration: Tensor, rate: Tensor) {
    super('Gamma', concentration, rate)
    this.concentration = concentration
    this.rate = rate
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawGamma(this.concentration, this.shaped(shape), o).div(this.rate)
  }
  logProb(x: Tensor): Tensor {
    const a = this.concentration
    return a
      .mul(this.rate.log())
      .add(a.sub(k(1)).mul(x.log()))
      .sub(this.rate.mul(x))
      .sub(lgamma(a))
  }
  get mean(): Tensor {
    return this.concentration.div(this.rate)
  }
  get variance(): Tensor {
    return this.concentration.div(this.rate.square())
  }
  override entropy(): Tensor {
    const a = this.concentration
    return a
      .sub(this.rate.log())
      .add(lgamma(a))
      .sub(a.sub(k(1)).mul(digamma(a)))
  }
}

/** log of the beta function of the last axis. */
const logBeta = (a: Tensor): Tensor =>
  lgamma(a)
    .sum(-1)
    .sub(lgamma(a.sum(-1)))

export class Dirichlet extends Distribution {
  /** [..., n] */
  readonly concentration: Tensor
  constructor(concentration: Tensor) {
    super('Dirichlet', concentration)
    this.concentration = concentration
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    const parts = drawGamma(this.concentration, this.shaped(shape), o)
    return parts.div(parts.sum(-1, { keepDim: true }))
  }
  logProb(x: Tensor): Tensor {
    return this.concentration.sub(k(1)).mul(x.log()).sum(-1).sub(logBeta(this.concentration))
  }
  get mean(): Tensor {
    return this.concentration.div(this.concentration.sum(-1, { keepDim: true }))
  }
  get variance(): Tensor {
    const m = this.mean
    return m.mul(m.neg().add(k(1))).div(this.concentration.sum(-1, { keepDim: true }).add(k(1)))
  }
  override entropy(): Tensor {
    const a = this.concentration
    const total = a.sum(-1)
    const n = a.shape[a.ndim - 1]
    return logBeta(a)
      .add(total.sub(k(n)).mul(digamma(total)))
      .sub(a.sub(k(1)).mul(digamma(a)).sum(-1))
  }
}

export class Beta extends Distribution {
  readonly alpha: Tensor
  readonly beta: Tensor
  constructor(alpha: Tensor, beta: Tensor) {
    super('Beta', alpha, beta)
    this.alpha = alpha
    this.beta = beta
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    const all = this.shaped(shape)
    const [a, b] = [drawGamma(this.alpha, all, o), drawGamma(this.beta, all, o)]
    return a.div(a.add(b))
  }
  #logBeta(): Tensor {
    return lgamma(this.alpha)
      .add(lgamma(this.beta))
      .sub(lgamma(this.alpha.add(this.beta)))
  }
  logProb(x: Tensor): Tensor {
    const [a, b] = [this.alpha.sub(k(1)), this.beta.sub(k(1))]
    return a.mul(x.log()).add(b.mul(x.neg().log1p())).sub(this.#logBeta())
  }
  get mean(): Tensor {
    return this.alpha.div(this.alpha.add(this.beta))
  }
  get variance(): Tensor {
    const total = this.alpha.add(this.beta)
    return this.alpha.mul(this.beta).div(total.square().mul(total.add(k(1))))
  }
  override entropy(): Tensor {
    const [a, b] = [this.alpha, this.beta]
    const total = a.add(b)
    return this.#logBeta()
      .sub(a.sub(k(1)).mul(digamma(a)))
      .sub(b.sub(k(1)).mul(digamma(b)))
      .add(total.sub(k(2)).mul(digamma(total)))
  }
}

export class StudentT extends Distribution {
  readonly freedom: Tensor
  readonly location: Tensor
  readonly scale: Tensor
  /** @param freedom degrees of freedom */
  constructor(freedom: Tensor, location: Tensor, scale: Tensor) {
    super('StudentT', freedom, location, scale)
    this.freedom = freedom
    this.location = location
    this.scale = scale
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    const all = this.shaped(shape)
    const chi = drawGamma(this.freedom.mul(k(0.5)), all, o).mul(k(2))
    return this.location.add(this.scale.mul(normals(all, this.scale, o)).mul(this.freedom.div(chi).sqrt()))
  }
  logProb(x: Tensor): Tensor {
    const v = this.freedom
    const z = x.sub(this.location).div(this.scale)
    const half = v.add(k(1)).mul(k(0.5))
    return lgamma(half)
      .sub(lgamma(v.mul(k(0.5))))
      .sub(v.mul(k(Math.PI)).log().mul(k(0.5)))
      .sub(this.scale.log())
      .sub(half.mul(z.square().div(v).log1p()))
  }
  /** NaN with one degree of freedom or less. */
  get mean(): Tensor {
    return this.location.where(this.freedom.gt(k(1)), k(NaN))
  }
  /** Infinite with two degrees of freedom or less. */
  get variance(): Tensor {
    const v = this.freedom
    return this.scale
      .square()
      .mul(v.div(v.sub(k(2))))
      .where(v.gt(k(2)), k(Infinity))
  }
}

export class Bernoulli extends Distribution {
  readonly probability: Tensor
  constructor(probability: Tensor) {
    super('Bernoulli', probability)
    this.probability = probability
  }
  protected override get reparametrized(): boolean {
    return false
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return cast(open(this.shaped(shape), this.probability, o).lt(this.probability), this.probability.dtype)
  }
  logProb(x: Tensor): Tensor {
    const p = this.probability
    return x.xlogy(p).add(
      x
        .neg()
        .add(k(1))
        .xlogy(p.neg().add(k(1))),
    )
  }
  get mean(): Tensor {
    return this.probability
  }
  get variance(): Tensor {
    return this.probability.mul(this.probability.neg().add(k(1)))
  }
  override entropy(): Tensor {
    const p = this.probability
    const q = p.neg().add(k(1))
    return p.xlogy(p).add(q.xlogy(q)).neg()
  }
}

export class Poisson extends Distribution {
  readonly rate: Tensor
  constructor(rate: Tensor) {
    super('Poisson', rate)
    this.rate = rate
  }
  protected override get reparametrized(): boolean {
    return false
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawPoisson(this.rate, this.shaped(shape), o)
  }
  logProb(x: Tensor): Tensor {
    return x
      .xlogy(this.rate)
      .sub(this.rate)
      .sub(lgamma(x.add(k(1))))
  }
  get mean(): Tensor {
    return this.rate
  }
  get variance(): Tensor {
    return this.rate
  }
}

/** Classes 0 .. n-1 by unnormalized logits [..., n]. */
export class Categorical extends Distribution {
  /** normalized */
  readonly logits: Tensor
  constructor(logits: Tensor) {
    super('Categorical', logits)
    this.logits = logits.logSoftmax(-1)
  }
  protected override get reparametrized(): boolean {
    return false
  }
  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return drawCategorical(this.logits.detach(), [...shape, ...this.logits.shape.slice(0, -1)], o)
  }
  /** @param x integers [...] */
  logProb(x: Tensor): Tensor {
    const n = this.logits.shape[this.logits.ndim - 1]
    const rank = Math.max(x.ndim, this.logits.ndim - 1)
    const lead = Array.from({ length: rank }, (_, i) => {
      const [a, b] = [x.shape[i - rank + x.ndim] ?? 1, this.logits.shape[i - rank + this.logits.ndim - 1] ?? 1]
      return a === 1 ? b : a
    })
    const at = x.expand(lead).unsqueeze(-1)
    return this.logits
      .expand([...lead, n])
      .gather(-1, at)
      .squeeze(-1)
  }
  /** NaN: classes have none. */
  get mean(): Tensor {
    return this.logits.select(-1, 0).fullLike(Number.NaN)
  }
  get variance(): Tensor {
    return this.mean
  }
  override entropy(): Tensor {
    const p = this.logits.exp()
    return p
      .mul(this.logits.where(p.gt(k(0)), k(0)))
      .sum(-1)
      .neg()
  }
}

/**
 * torch.distributions.kl_divergence of two distributions of one kind.
 * @throws CairnError for kinds without a closed form
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  if (p instanceof Normal && q instanceof Normal) {
    const ratio = p.scale.div(q.scale).square()
    const shift = p.location.sub(q.location).div(q.scale).square()
    return ratio.add(shift).sub(k(1)).sub(ratio.log()).mul(k(0.5))
  }
  if (p instanceof LogNormal && q instanceof LogNormal) return klDivergence(p.base, q.base)
  if (p instanceof Exponential && q instanceof Exponential) {
    const ratio = q.rate.div(p.rate)
    return ratio.sub(k(1)).sub(ratio.log())
  }
  if (p instanceof Laplace && q instanceof Laplace) {
    const [ratio, gap] = [p.scale.div(q.scale), p.location.sub(q.location).abs()]
    return ratio.mul(gap.div(p.scale).neg().exp()).add(gap.div(q.scale)).sub(ratio.log()).sub(k(1))
  }
  if (p instanceof Bernoulli && q instanceof Bernoulli) {
    const [a, b] = [p.probability, q.probability]
    const [c, d] = [a.neg().add(k(1)), b.neg().add(k(1))]
    return a.xlogy(a.div(b)).add(c.xlogy(c.div(d)))
  }
  if (p instanceof Poisson && q instanceof Poisson) return p.rate.xlogy(p.rate.div(q.rate)).sub(p.rate.sub(q.rate))
  if (p instanceof Categorical && q instanceof Categorical) {
    const weight = p.logits.exp()
    return weight.mul(p.logits.sub(q.logits).where(weight.gt(k(0)), k(0))).sum(-1)
  }
  if (p instanceof Gamma && q instanceof Gamma) {
    const [a, b] = [p.concentration, q.concentration]
    return a
      .sub(b)
      .mul(digamma(a))
      .sub(lgamma(a))
      .add(lgamma(b))
      .add(b.mul(p.rate.div(q.rate).log()))
      .add(a.mul(q.rate.div(p.rate).sub(k(1))))
  }
  if (p instanceof Dirichlet && q instanceof Dirichlet) {
    const [a, b] = [p.concentration, q.concentration]
    const slope = digamma(a).sub(digamma(a.sum(-1, { keepDim: true })))
    return logBeta(b).sub(logBeta(a)).add(a.sub(b).mul(slope).sum(-1))
  }
  throw new CairnError(
    'klDivergence',
    `has no closed form here for ${p.name} and ${q.name}; estimate it from sample() and logProb()`,
  )
}

// Distributions over an interval or, Dirichlet, the simplex.

import { k } from '../ops/operand.ts'
import type { Shape } from '../shape.ts'
import { digamma, lgamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'
import { Distribution } from './distribution.ts'
import { type DrawOptions, drawExponential, drawGamma, open } from './draws.ts'

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

/** log of the beta function of the last axis. */
export const logBeta = (a: Tensor): Tensor =>
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

// Distributions over integers. Their draws have no gradient.

import { cast } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import type { Shape } from '../shape.ts'
import { lgamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'
import { Distribution } from './distribution.ts'
import { type DrawOptions, drawCategorical, drawPoisson, open } from './draws.ts'

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

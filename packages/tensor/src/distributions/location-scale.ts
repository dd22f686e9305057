// Distributions of location + scale * z: what tells them apart is how z is drawn, its density and its moments.

import { k } from '../ops/operand.ts'
import { broadcastShapes, type Shape } from '../shape.ts'
import { lgamma } from '../special/gamma.ts'
import type { Tensor } from '../tensor.ts'
import { Distribution } from './distribution.ts'
import { type DrawOptions, drawGamma, normals, standardCauchy, standardGumbel, standardLaplace } from './draws.ts'

const log2Pi = Math.log(2 * Math.PI)
const eulerGamma = 0.5772156649015329

export abstract class LocationScale extends Distribution {
  readonly location: Tensor
  readonly scale: Tensor

  constructor(name: string, location: Tensor, scale: Tensor, ...others: Tensor[]) {
    super(name, location, scale, ...others)
    const shape = broadcastShapes(name, location.shape, scale.shape)
    this.location = location.expand(shape)
    this.scale = scale.expand(shape)
  }
  /** Draws of z. */
  protected abstract standard(shape: Shape, o: DrawOptions): Tensor
  /** The logarithm of z's density. */
  protected abstract logDensity(z: Tensor): Tensor

  protected draw(shape: Shape, o: DrawOptions): Tensor {
    return this.location.add(this.scale.mul(this.standard(this.shaped(shape), o)))
  }
  logProb(x: Tensor): Tensor {
    return this.logDensity(x.sub(this.location).div(this.scale)).sub(this.scale.log())
  }
  get mean(): Tensor {
    return this.location
  }
}

export class Normal extends LocationScale {
  constructor(location: Tensor, scale: Tensor) {
    super('Normal', location, scale)
  }
  protected standard(shape: Shape, o: DrawOptions): Tensor {
    return normals(shape, this.scale, o)
  }
  protected logDensity(z: Tensor): Tensor {
    return z.square().add(k(log2Pi)).mul(k(-0.5))
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

export class Laplace extends LocationScale {
  constructor(location: Tensor, scale: Tensor) {
    super('Laplace', location, scale)
  }
  protected standard(shape: Shape, o: DrawOptions): Tensor {
    return standardLaplace(shape, this.scale, o)
  }
  protected logDensity(z: Tensor): Tensor {
    return z.abs().add(k(Math.LN2)).neg()
  }
  get variance(): Tensor {
    return this.scale.square().mul(k(2))
  }
  override entropy(): Tensor {
    return this.scale.log().add(k(1 + Math.LN2))
  }
}

export class Gumbel extends LocationScale {
  constructor(location: Tensor, scale: Tensor) {
    super('Gumbel', location, scale)
  }
  protected standard(shape: Shape, o: DrawOptions): Tensor {
    return standardGumbel(shape, this.scale, o)
  }
  protected logDensity(z: Tensor): Tensor {
    return z.add(z.neg().exp()).neg()
  }
  override get mean(): Tensor {
    return this.location.add(this.scale.mul(k(eulerGamma)))
  }
  get variance(): Tensor {
    return this.scale.square().mul(k(Math.PI ** 2 / 6))
  }
  override entropy(): Tensor {
    return this.scale.log().add(k(1 + eulerGamma))
  }
}

export class Cauchy extends LocationScale {
  constructor(location: Tensor, scale: Tensor) {
    super('Cauchy', location, scale)
  }
  protected standard(shape: Shape, o: DrawOptions): Tensor {
    return standardCauchy(shape, this.scale, o)
  }
  protected logDensity(z: Tensor): Tensor {
    return z
      .square()
      .log1p()
      .add(k(Math.log(Math.PI)))
      .neg()
  }
  /** NaN: there is none. */
  override get mean(): Tensor {
    return this.location.fullLike(Number.NaN)
  }
  get variance(): Tensor {
    return this.scale.fullLike(Number.POSITIVE_INFINITY)
  }
  override entropy(): Tensor {
    return this.scale.log().add(k(Math.log(4 * Math.PI)))
  }
}

export class StudentT extends LocationScale {
  readonly freedom: Tensor
  /** @param freedom degrees of freedom */
  constructor(freedom: Tensor, location: Tensor, scale: Tensor) {
    super('StudentT', location, scale, freedom)
    this.freedom = freedom
  }
  protected standard(shape: Shape, o: DrawOptions): Tensor {
    const chi = drawGamma(this.freedom.mul(k(0.5)), shape, o).mul(k(2))
    return normals(shape, this.scale, o).mul(this.freedom.div(chi).sqrt())
  }
  protected logDensity(z: Tensor): Tensor {
    const v = this.freedom
    const half = v.add(k(1)).mul(k(0.5))
    return lgamma(half)
      .sub(lgamma(v.mul(k(0.5))))
      .sub(v.mul(k(Math.PI)).log().mul(k(0.5)))
      .sub(half.mul(z.square().div(v).log1p()))
  }
  /** NaN with one degree of freedom or less. */
  override get mean(): Tensor {
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

import { CairnError, dropout, type Generator, ones, ShapeError, type Tensor } from '@cairn/tensor'
import { Module } from '../module.ts'

abstract class Drop extends Module {
  readonly p: number
  protected readonly generator: Generator | undefined

  /** @param options.generator draws from it instead of from the global one */
  constructor(p = 0.5, options: { generator?: Generator } = {}) {
    super()
    if (!(p >= 0 && p <= 1)) throw new CairnError(new.target.name, `p must be in [0, 1], not ${p}`)
    this.p = p
    this.generator = options.generator
  }
  protected get active(): boolean {
    return this.training && this.p > 0
  }
}

/** In training, zeroes elements with probability p and scales the rest by 1 / (1 - p) (Srivastava et al. 2014). */
export class Dropout extends Drop {
  forward(x: Tensor): Tensor {
    return this.active ? dropout(x, this.p, { generator: this.generator }) : x
  }
}

/** Whole channels at once (Tompson et al. 2015): one draw for each of [batch, channels]. */
abstract class ChannelDropout extends Drop {
  protected drop(x: Tensor, spatial: number): Tensor {
    if (x.ndim !== spatial + 1 && x.ndim !== spatial + 2)
      throw new ShapeError(this.constructor.name, `needs [batch, channels, ...] with ${spatial} axes after them`, {
        shape: [...x.shape],
      })
    if (!this.active) return x
    const shape = x.shape.map((n, d) => (d >= x.ndim - spatial ? 1 : n))
    const whole = ones(shape, { dtype: x.dtype, device: x.device as 'wasm' })
    return x.mul(dropout(whole, this.p, { generator: this.generator }))
  }
}
/** In training, zeroes channels of [batch, channels, length]. */
export class Dropout1d extends ChannelDropout {
  forward(x: Tensor): Tensor {
    return this.drop(x, 1)
  }
}
/** In training, zeroes channels of [batch, channels, height, width]. */
export class Dropout2d extends ChannelDropout {
  forward(x: Tensor): Tensor {
    return this.drop(x, 2)
  }
}
/** In training, zeroes channels of [batch, channels, depth, height, width]. */
export class Dropout3d extends ChannelDropout {
  forward(x: Tensor): Tensor {
    return this.drop(x, 3)
  }
}

/** Dropout that keeps mean and variance behind SELU (Klambauer et al. 2017): what is dropped gets SELU's lower bound. */
export class AlphaDropout extends Drop {
  forward(x: Tensor): Tensor {
    if (!this.active) return x
    const { p } = this
    const low = -1.7580993408473766
    const scale = 1 / Math.sqrt((1 - p) * (1 + p * low * low))
    const whole = ones(this.drawn(x.shape), { dtype: x.dtype, device: x.device as 'wasm' })
    const kept = dropout(whole, p, { generator: this.generator }).gt(0)
    return x
      .where(kept, low)
      .mul(scale)
      .sub(scale * p * low)
  }
  /** The shape of what is drawn, which broadcasts to the input's. */
  protected drawn(shape: readonly number[]): readonly number[] {
    return shape
  }
}
/** The same for whole channels of [batch, channels, ...]. */
export class FeatureAlphaDropout extends AlphaDropout {
  protected override drawn(shape: readonly number[]): readonly number[] {
    return shape.map((n, d) => (d < 2 ? n : 1))
  }
}

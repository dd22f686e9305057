// Pooling as modules; the functions are in @cairn/tensor.

import { CairnError, type Tensor } from '@cairn/tensor'
import {
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool,
  type PerAxis,
} from '@cairn/tensor/functional'
import { Module } from '../module.ts'

abstract class Pool<O> extends Module {
  readonly kernelSize: PerAxis
  readonly options: O
  /** @param options.stride default: the kernel size */
  constructor(kernelSize: PerAxis, options: O = {} as O) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }
}

/** The largest element of each window of [batch, channels, length]. */
export class MaxPool1d extends Pool<MaxPoolOptions> {
  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options)
  }
}
/** The largest element of each window of [batch, channels, height, width]. */
export class MaxPool2d extends Pool<MaxPoolOptions> {
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options)
  }
}
/** The largest element of each window of [batch, channels, depth, height, width]. */
export class MaxPool3d extends Pool<MaxPoolOptions> {
  forward(x: Tensor): Tensor {
    return maxPool3d(x, this.kernelSize, this.options)
  }
}
/** The mean of each window of [batch, channels, length]. */
export class AvgPool1d extends Pool<AvgPoolOptions> {
  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options)
  }
}
/** The mean of each window of [batch, channels, height, width]. */
export class AvgPool2d extends Pool<AvgPoolOptions> {
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options)
  }
}
/** The mean of each window of [batch, channels, depth, height, width]. */
export class AvgPool3d extends Pool<AvgPoolOptions> {
  forward(x: Tensor): Tensor {
    return avgPool3d(x, this.kernelSize, this.options)
  }
}

type OutputSize = number | readonly (number | null)[]

abstract class AdaptivePool extends Module {
  readonly outputSize: OutputSize
  /** @param outputSize of the spatial axes; null keeps an axis */
  constructor(outputSize: OutputSize) {
    super()
    this.outputSize = outputSize
  }
}

export class AdaptiveAvgPool1d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize)
  }
}
export class AdaptiveAvgPool2d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize)
  }
}
export class AdaptiveAvgPool3d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool3d(x, this.outputSize)
  }
}
export class AdaptiveMaxPool1d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, this.outputSize)
  }
}
export class AdaptiveMaxPool2d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize)
  }
}
export class AdaptiveMaxPool3d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool3d(x, this.outputSize)
  }
}

export interface MaxUnpoolOptions {
  /** default: the kernel size */
  readonly stride?: PerAxis
  readonly padding?: PerAxis
}

abstract class MaxUnpool extends Pool<MaxUnpoolOptions> {
  /**
   * @param x [..., pooled sizes]   @param indices of maxPool*WithIndices
   * @param outputSize the spatial sizes before pooling; default (pooled - 1) * stride - 2 * padding + kernel
   */
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    const rank = this.rank()
    const along = (given: PerAxis, i: number) => (typeof given === 'number' ? given : given[i])
    const { stride = this.kernelSize, padding = 0 } = this.options
    const sizes = x.shape
      .slice(-rank)
      .map((n, i) => (n - 1) * along(stride, i) - 2 * along(padding, i) + along(this.kernelSize, i))
    return maxUnpool(x, indices, outputSize ?? sizes)
  }
  protected abstract rank(): number
}
export class MaxUnpool1d extends MaxUnpool {
  protected override rank(): number {
    return 1
  }
}
export class MaxUnpool2d extends MaxUnpool {
  protected override rank(): number {
    return 2
  }
}
export class MaxUnpool3d extends MaxUnpool {
  protected override rank(): number {
    return 3
  }
}

export interface LPPoolOptions {
  /** default: the kernel size */
  readonly stride?: PerAxis
  readonly ceilMode?: boolean
}

abstract class LPPool extends Module {
  readonly normType: number
  readonly kernelSize: PerAxis
  readonly options: LPPoolOptions
  /** @param normType p of (sum x^p)^(1/p) */
  constructor(normType: number, kernelSize: PerAxis, options: LPPoolOptions = {}) {
    super()
    if (!(normType > 0)) throw new CairnError('LPPool', `the norm must be positive, not ${normType}`)
    this.normType = normType
    this.kernelSize = kernelSize
    this.options = options
  }
  /** Sums of powers from means: torch's own way, so the sign of what is under the root is torch's too. */
  protected pooled(x: Tensor, mean: typeof avgPool1d, rank: number): Tensor {
    const p = this.normType
    const size = this.kernelSize
    const count = typeof size === 'number' ? size ** rank : size.reduce((a, b) => a * b, 1)
    const average = mean(p === 2 ? x.mul(x) : x.pow(p), size, { ...this.options })
    const root = average.sign().mul(average.abs().relu()).mul(count)
    return p === 2 ? root.sqrt() : p === 1 ? root : root.pow(1 / p)
  }
}
/** torch.nn.LPPool1d: the p-norm of each window. */
export class LPPool1d extends LPPool {
  forward(x: Tensor): Tensor {
    return this.pooled(x, avgPool1d, 1)
  }
}
/** torch.nn.LPPool2d: the p-norm of each window. */
export class LPPool2d extends LPPool {
  forward(x: Tensor): Tensor {
    return this.pooled(x, avgPool2d, 2)
  }
}
/** torch.nn.LPPool3d: the p-norm of each window. */
export class LPPool3d extends LPPool {
  forward(x: Tensor): Tensor {
    return this.pooled(x, avgPool3d, 3)
  }
}

// Pooling as modules; the functions are in @cairn/tensor.

import { CairnError, type Tensor } from '@cairn/tensor'
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool,
  type PerAxis,
} from '@cairn/tensor/functional'
import { type Layer, Module } from '../module.ts'

/** Windows and what else there is to say of them. */
class Pool<O> extends Module {
  readonly kernelSize: PerAxis
  readonly options: O
  constructor(kernelSize: PerAxis, options: O = {} as O) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }
}

type PoolLayer<O> = new (kernelSize: PerAxis, options?: O) => Pool<O> & Layer

/** The layer of a function over windows. */
function pool<O>(run: (x: Tensor, kernelSize: PerAxis, options?: O) => Tensor): PoolLayer<O> {
  return class extends Pool<O> {
    forward(x: Tensor): Tensor {
      return run(x, this.kernelSize, this.options)
    }
  }
}

/** The largest element of each window of [batch, channels, length]. */
export class MaxPool1d extends /* @__PURE__ */ pool(maxPool1d) {}
/** The largest element of each window of [batch, channels, height, width]. */
export class MaxPool2d extends /* @__PURE__ */ pool(maxPool2d) {}
/** The largest element of each window of [batch, channels, depth, height, width]. */
export class MaxPool3d extends /* @__PURE__ */ pool(maxPool3d) {}
/** The mean of each window of [batch, channels, length]. */
export class AvgPool1d extends /* @__PURE__ */ pool(avgPool1d) {}
/** The mean of each window of [batch, channels, height, width]. */
export class AvgPool2d extends /* @__PURE__ */ pool(avgPool2d) {}
/** The mean of each window of [batch, channels, depth, height, width]. */
export class AvgPool3d extends /* @__PURE__ */ pool(avgPool3d) {}

/** Sizes of the spatial axes; null keeps an axis. */
type OutputSize = number | readonly (number | null)[]
type AdaptiveLayer = new (outputSize: OutputSize) => Layer & { readonly outputSize: OutputSize }

/** The layer of a function that makes as many windows as the result has elements. */
function adaptive(run: (x: Tensor, size: OutputSize) => Tensor): AdaptiveLayer {
  return class extends Module {
    readonly outputSize: OutputSize
    constructor(outputSize: OutputSize) {
      super()
      this.outputSize = outputSize
    }
    forward(x: Tensor): Tensor {
      return run(x, this.outputSize)
    }
  }
}

export class AdaptiveAvgPool1d extends /* @__PURE__ */ adaptive(adaptiveAvgPool1d) {}
export class AdaptiveAvgPool2d extends /* @__PURE__ */ adaptive(adaptiveAvgPool2d) {}
export class AdaptiveAvgPool3d extends /* @__PURE__ */ adaptive(adaptiveAvgPool3d) {}
export class AdaptiveMaxPool1d extends /* @__PURE__ */ adaptive(adaptiveMaxPool1d) {}
export class AdaptiveMaxPool2d extends /* @__PURE__ */ adaptive(adaptiveMaxPool2d) {}
export class AdaptiveMaxPool3d extends /* @__PURE__ */ adaptive(adaptiveMaxPool3d) {}

export interface MaxUnpoolOptions {
  /** default: the kernel size */
  readonly stride?: PerAxis
  readonly padding?: PerAxis
}

class MaxUnpool extends Pool<MaxUnpoolOptions> {
  readonly #rank: number
  constructor(rank: number, kernelSize: PerAxis, options?: MaxUnpoolOptions) {
    super(kernelSize, options)
    this.#rank = rank
  }
  /**
   * @param x [..., pooled sizes]   @param indices of maxPool*WithIndices
   * @param outputSize the spatial sizes before pooling; default (pooled - 1) * stride - 2 * padding + kernel
   */
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    const along = (given: PerAxis, i: number) => (typeof given === 'number' ? given : given[i])
    const { stride = this.kernelSize, padding = 0 } = this.options
    const sizes = x.shape
      .slice(-this.#rank)
      .map((n, i) => (n - 1) * along(stride, i) - 2 * along(padding, i) + along(this.kernelSize, i))
    return maxUnpool(x, indices, outputSize ?? sizes)
  }
}

/** Over the last `rank` axes. */
function unpool(rank: number): new (kernelSize: PerAxis, options?: MaxUnpoolOptions) => MaxUnpool {
  return class extends MaxUnpool {
    constructor(kernelSize: PerAxis, options?: MaxUnpoolOptions) {
      super(rank, kernelSize, options)
    }
  }
}

export class MaxUnpool1d extends /* @__PURE__ */ unpool(1) {}
export class MaxUnpool2d extends /* @__PURE__ */ unpool(2) {}
export class MaxUnpool3d extends /* @__PURE__ */ unpool(3) {}

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

// Modules that only move elements.

import { ShapeError, type Tensor } from '@cairn/tensor'
import {
  fold,
  type InterpolateMode,
  type InterpolateOptions,
  interpolate,
  type PerAxis,
  type UnfoldOptions,
  unfold,
} from '@cairn/tensor/functional'
import { Module } from '../module.ts'

/** The axes from `start` to `end` become one. */
export class Flatten extends Module {
  readonly start: number
  readonly end: number
  constructor(start = 1, end = -1) {
    super()
    this.start = start
    this.end = end
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.start, this.end)
  }
}
/** One axis becomes several; one of the sizes may be -1. */
export class Unflatten extends Module {
  readonly axis: number
  readonly sizes: readonly number[]
  constructor(axis: number, sizes: readonly number[]) {
    super()
    this.axis = axis
    this.sizes = sizes
  }
  forward(x: Tensor): Tensor {
    return x.unflatten(this.axis, this.sizes)
  }
}

/** torch.nn.Upsample: resizes the spatial axes; see `interpolate`. */
export class Upsample extends Module {
  readonly options: InterpolateOptions
  /** @param options `size` or `scaleFactor`, and `mode` (default nearest) */
  constructor(options: InterpolateOptions) {
    super()
    this.options = options
  }
  forward(x: Tensor): Tensor {
    return interpolate(x, this.options)
  }
}
const upsample2d = (mode: InterpolateMode, options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>) => ({
  ...options,
  mode,
  ...(mode === 'bilinear' && { alignCorners: true }),
})
export class UpsamplingNearest2d extends Upsample {
  constructor(options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>) {
    super(upsample2d('nearest', options))
  }
}
/** Corners keep their place, as in torch. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>) {
    super(upsample2d('bilinear', options))
  }
}

/** [..., channels * r^2, height, width] to [..., channels, height * r, width * r] (Shi et al. 2016). */
export function pixelShuffle(x: Tensor, r: number): Tensor {
  const [c, h, w] = x.shape.slice(-3)
  if (x.ndim < 3 || c % (r * r) !== 0)
    throw new ShapeError('pixelShuffle', `needs [..., channels * ${r * r}, height, width]`, { shape: [...x.shape] })
  const rows = x.shape.slice(0, -3)
  const n = rows.length
  return x
    .reshape([...rows, c / (r * r), r, r, h, w])
    .permute([...rows.map((_, d) => d), n, n + 3, n + 1, n + 4, n + 2])
    .reshape([...rows, c / (r * r), h * r, w * r])
}
/** The inverse of `pixelShuffle`. */
export function pixelUnshuffle(x: Tensor, r: number): Tensor {
  const [c, h, w] = x.shape.slice(-3)
  if (x.ndim < 3 || h % r !== 0 || w % r !== 0)
    throw new ShapeError('pixelUnshuffle', `needs [..., channels, height, width] with sizes that ${r} divides`, {
      shape: [...x.shape],
    })
  const rows = x.shape.slice(0, -3)
  const n = rows.length
  return x
    .reshape([...rows, c, h / r, r, w / r, r])
    .permute([...rows.map((_, d) => d), n, n + 2, n + 4, n + 1, n + 3])
    .reshape([...rows, c * r * r, h / r, w / r])
}
/** Channels of `groups` groups are interleaved (Zhang et al. 2018). @param x [batch, channels, ...] */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [n, c, ...spatial] = x.shape
  if (x.ndim < 3 || c % groups !== 0)
    throw new ShapeError('channelShuffle', `${groups} groups do not divide the channels`, { shape: [...x.shape] })
  return x
    .reshape([n, groups, c / groups, ...spatial])
    .transpose(1, 2)
    .reshape(x.shape)
}

export class PixelShuffle extends Module {
  readonly factor: number
  constructor(factor: number) {
    super()
    this.factor = factor
  }
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor)
  }
}
export class PixelUnshuffle extends Module {
  readonly factor: number
  constructor(factor: number) {
    super()
    this.factor = factor
  }
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.factor)
  }
}
export class ChannelShuffle extends Module {
  readonly groups: number
  constructor(groups: number) {
    super()
    this.groups = groups
  }
  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups)
  }
}

/** torch.nn.Unfold (im2col): [N, C, H, W] to [N, C * kernel, windows]. */
export class Unfold extends Module {
  readonly kernelSize: PerAxis
  readonly options: UnfoldOptions
  constructor(kernelSize: PerAxis, options: UnfoldOptions = {}) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }
  forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options)
  }
}
/** torch.nn.Fold (col2im): [N, C * kernel, windows] to [N, C, H, W]; what overlaps is added. */
export class Fold extends Module {
  readonly outputSize: readonly number[]
  readonly kernelSize: PerAxis
  readonly options: UnfoldOptions
  constructor(outputSize: readonly number[], kernelSize: PerAxis, options: UnfoldOptions = {}) {
    super()
    this.outputSize = outputSize
    this.kernelSize = kernelSize
    this.options = options
  }
  forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options)
  }
}

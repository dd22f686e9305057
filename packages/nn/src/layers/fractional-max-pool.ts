// Pooling by a ratio that is no whole number (Graham 2014): windows of one size begin at pseudo-random places, a sequence for each example and channel.

import { arange, CairnError, type DeviceName, rand, type Tensor } from '@cairn/tensor'
import type { PerAxis } from '@cairn/tensor/functional'
import { Module } from '../module.ts'

export interface FractionalPoolOptions {
  /** the spatial sizes of the result; or */
  readonly outputSize?: PerAxis
  /** their share of the input's, between 0 and 1 */
  readonly outputRatio?: PerAxis
}

const along = (given: PerAxis, i: number): number => (typeof given === 'number' ? given : given[i])

/**
 * @param x [batch, channels, ...spatial]
 * @param samples in [0, 1), [batch, channels, rank]: which sequence; drawn when left out. torch's order: for two axes the last one's comes first
 */
export function fractionalMaxPool(
  x: Tensor,
  kernelSize: PerAxis,
  options: FractionalPoolOptions,
  samples?: Tensor,
): Tensor {
  const rank = x.ndim - 2
  const [batch, channels, ...sizes] = x.shape
  const { outputSize, outputRatio } = options
  if ((outputSize === undefined) === (outputRatio === undefined))
    throw new CairnError('fractionalMaxPool', 'needs either outputSize or outputRatio')
  const device = x.device as DeviceName
  const draws = samples ?? rand([batch, channels, rank], { device, dtype: x.dtype as 'f32' })
  let windows = x
  sizes.forEach((size, i) => {
    const out = outputSize === undefined ? Math.floor(size * along(outputRatio!, i)) : along(outputSize, i)
    const kernel = along(kernelSize, i)
    if (!(out >= 1) || out + kernel - 1 > size)
      throw new CairnError('fractionalMaxPool', `${out} windows of ${kernel} do not fit ${size} elements`)
    const draw = draws.select(2, rank === 2 ? 1 - i : i).unsqueeze(-1)
    const step = out > 1 ? (size - kernel) / (out - 1) : 0
    const place = arange(0, out, 1, { device })
    // the last window ends with the axis
    const begins = place
      .to(x.dtype)
      .add(draw)
      .mul(step)
      .floor()
      .sub(draw.mul(step).floor())
      .to('i32')
      .where(place.lt(out - 1), size - kernel)
    // [batch, channels, out * kernel], beside the axes before and after this one
    const picks = begins
      .unsqueeze(-1)
      .add(arange(0, kernel, 1, { device }))
      .reshape([batch, channels, out * kernel])
    const axis = i + 2
    const shape = windows.shape.map((n, d) => (d === axis ? out * kernel : n))
    const beside = shape.map((n, d) => (d < 2 || d === axis ? n : 1))
    windows = windows.gather(axis, picks.reshape(beside).expand(shape))
  })
  const counts = windows.shape.slice(2)
  const split = counts.flatMap((n, i) => [n / along(kernelSize, i), along(kernelSize, i)])
  return windows.reshape([batch, channels, ...split]).amax(sizes.map((_, i) => 3 + 2 * i))
}

abstract class FractionalMaxPool extends Module {
  readonly kernelSize: PerAxis
  readonly options: FractionalPoolOptions
  constructor(kernelSize: PerAxis, options: FractionalPoolOptions) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }
  /** [batch, channels, ...spatial]; `samples` as in `fractionalMaxPool` */
  forward(x: Tensor, samples?: Tensor): Tensor {
    return fractionalMaxPool(x, this.kernelSize, this.options, samples)
  }
}
/** torch.nn.FractionalMaxPool2d */
export class FractionalMaxPool2d extends FractionalMaxPool {}
/** torch.nn.FractionalMaxPool3d */
export class FractionalMaxPool3d extends FractionalMaxPool {}

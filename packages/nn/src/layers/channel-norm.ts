// What batch and instance normalisation keep for each channel: a weight and a bias that learn, and running statistics.

import { checkOptions, ShapeError, type Tensor, zeros as zerosOf } from '@cairn/tensor'
import { checkSizes } from '../check.ts'
import { ones, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { buffer, parameter } from '../parameter.ts'

export interface ChannelNormOptions {
  readonly eps?: number
  readonly momentum?: number | null
  readonly affine?: boolean
  readonly trackRunningStats?: boolean
}

export abstract class ChannelNorm extends Module {
  /** [channels], null without `affine` */
  weight: Tensor | null = null
  bias: Tensor | null = null
  /** [channels], null without `trackRunningStats` */
  running_mean: Tensor | null = null
  running_var: Tensor | null = null
  /** batches seen, 0-d i32 */
  num_batches_tracked: Tensor | null = null
  readonly eps: number
  readonly #channels: number
  readonly #name: string

  constructor(
    name: string,
    channels: number,
    options: ChannelNormOptions,
    defaults: { readonly affine: boolean; readonly trackRunningStats: boolean },
  ) {
    super()
    checkSizes(name, { channels })
    checkOptions(name, options, { eps: 0, momentum: 0, affine: 0, trackRunningStats: 0 })
    this.#name = name
    this.#channels = channels
    this.eps = options.eps ?? 1e-5
    if (options.affine ?? defaults.affine) {
      this.weight = parameter(ones([channels]))
      this.bias = parameter(zeros([channels]))
    }
    if (options.trackRunningStats ?? defaults.trackRunningStats) {
      this.running_mean = buffer(zeros([channels]))
      this.running_var = buffer(ones([channels]))
      this.num_batches_tracked = buffer(zerosOf([], { dtype: 'i32' }))
    }
  }

  /** @throws ShapeError where axis 1 of x [batch, channels, ...] is not the channels */
  protected checkChannels(x: Tensor): void {
    if (x.shape[1] !== this.#channels)
      throw new ShapeError(this.#name, `needs ${this.#channels} channels in axis 1, got ${x.shape[1]}`, {
        shape: [...x.shape],
      })
  }
}

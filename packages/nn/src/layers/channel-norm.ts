// What batch and instance normalisation keep for each channel: a weight and a bias that learn, and running statistics.

import { type Tensor, zeros as zerosOf } from '@cairn/tensor'
import { ones, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { buffer, parameter } from '../parameter.ts'

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

  constructor(channels: number, eps: number, affine: boolean, trackRunningStats: boolean) {
    super()
    this.eps = eps
    if (affine) {
      this.weight = parameter(ones([channels]))
      this.bias = parameter(zeros([channels]))
    }
    if (trackRunningStats) {
      this.running_mean = buffer(zeros([channels]))
      this.running_var = buffer(ones([channels]))
      this.num_batches_tracked = buffer(zerosOf([], { dtype: 'i32' }))
    }
  }
}

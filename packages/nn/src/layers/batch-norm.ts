import { noGrad, type Tensor, zeros as zerosOf } from '@cairn/tensor'
import { batchAxes, batchNorm, batchNormWith } from '../functional/norm.ts'
import { ones, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { buffer, parameter } from '../parameter.ts'

export interface BatchNormOptions {
  readonly eps?: number
  /** share of the new batch in the running statistics, default 0.1 */
  readonly momentum?: number
}

/**
 * Batch normalisation of [batch, channels, ...] (Ioffe and Szegedy 2015). In training it uses the statistics of the batch and queues an
 * update of the running ones, which `eval()` uses.
 */
export class BatchNorm extends Module {
  /** [channels] */
  weight: Tensor
  bias: Tensor
  running_mean: Tensor
  running_var: Tensor
  /** batches seen, 0-d i32 */
  num_batches_tracked: Tensor
  readonly eps: number
  readonly momentum: number

  constructor(channels: number, options: BatchNormOptions = {}) {
    super()
    this.eps = options.eps ?? 1e-5
    this.momentum = options.momentum ?? 0.1
    this.weight = parameter(ones([channels]))
    this.bias = parameter(zeros([channels]))
    this.running_mean = buffer(zeros([channels]))
    this.running_var = buffer(ones([channels]))
    this.num_batches_tracked = buffer(zerosOf([], { dtype: 'i32' }))
  }

  forward(x: Tensor): Tensor {
    if (!this.training) return batchNormWith(x, this.running_mean, this.running_var, this)
    noGrad(() => {
      const axes = batchAxes(x)
      const keep = 1 - this.momentum
      this.running_mean.assign(this.running_mean.mul(keep).add(x.mean(axes).mul(this.momentum)))
      this.running_var.assign(this.running_var.mul(keep).add(x.variance(axes).mul(this.momentum)))
      this.num_batches_tracked.assign(this.num_batches_tracked.add(1))
    })
    return batchNorm(x, this)
  }
}

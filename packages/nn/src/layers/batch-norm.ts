import { noGrad, ShapeError, type Tensor } from '@cairn/tensor'
import { batchAxes, batchNorm, batchNormWith } from '../functional/norm.ts'
import { ChannelNorm } from './channel-norm.ts'

export interface BatchNormOptions {
  readonly eps?: number
  /** share of the new batch in the running statistics, default 0.1; null: the average of all batches so far */
  readonly momentum?: number | null
  /** false: no weight and no bias */
  readonly affine?: boolean
  /** false: always the statistics of the batch */
  readonly trackRunningStats?: boolean
}

/**
 * Batch normalisation of [batch, channels, ...] (Ioffe and Szegedy 2015). In training it uses the statistics of the batch and queues an
 * update of the running ones, which `eval()` uses.
 */
export class BatchNorm extends ChannelNorm {
  readonly momentum: number | null

  constructor(channels: number, options: BatchNormOptions = {}) {
    super('BatchNorm', channels, options, { affine: true, trackRunningStats: true })
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum
  }

  forward(x: Tensor): Tensor {
    this.checkChannels(x)
    const { running_mean, running_var } = this
    if (!running_mean || !running_var) return batchNorm(x, this)
    if (!this.training) return batchNormWith(x, running_mean, running_var, this)
    if (x.size === x.shape[1])
      throw new ShapeError(
        'BatchNorm',
        'one value of each channel has no variance; train with a larger batch, or eval()',
        {
          shape: [...x.shape],
        },
      )
    noGrad(() => this.#track(x, running_mean, running_var, this.num_batches_tracked!))
    return batchNorm(x, this)
  }

  #track(x: Tensor, mean: Tensor, variance: Tensor, batches: Tensor): void {
    const axes = batchAxes(x)
    const seen = batches.add(1)
    if (this.momentum === null) {
      const share = seen.to(mean.dtype).reciprocal()
      mean.assign(mean.add(x.mean(axes).sub(mean).mul(share)))
      variance.assign(variance.add(x.variance(axes).sub(variance).mul(share)))
    } else {
      const keep = 1 - this.momentum
      mean.assign(mean.mul(keep).add(x.mean(axes).mul(this.momentum)))
      variance.assign(variance.mul(keep).add(x.variance(axes).mul(this.momentum)))
    }
    batches.assign(seen)
  }
}

function checkRank(name: string, x: Tensor, ranks: readonly number[], axes: string): void {
  if (!ranks.includes(x.ndim)) throw new ShapeError(name, `needs ${axes}`, { shape: [...x.shape] })
}

/** torch.nn.BatchNorm1d over [batch, channels] or [batch, channels, length]. */
export class BatchNorm1d extends BatchNorm {
  override forward(x: Tensor): Tensor {
    checkRank('BatchNorm1d', x, [2, 3], '[batch, channels] or [batch, channels, length]')
    return super.forward(x)
  }
}
/** torch.nn.BatchNorm2d over [batch, channels, height, width]. */
export class BatchNorm2d extends BatchNorm {
  override forward(x: Tensor): Tensor {
    checkRank('BatchNorm2d', x, [4], '[batch, channels, height, width]')
    return super.forward(x)
  }
}
/** torch.nn.BatchNorm3d over [batch, channels, depth, height, width]. */
export class BatchNorm3d extends BatchNorm {
  override forward(x: Tensor): Tensor {
    checkRank('BatchNorm3d', x, [5], '[batch, channels, depth, height, width]')
    return super.forward(x)
  }
}

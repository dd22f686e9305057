import { noGrad, ShapeError, type Tensor } from '@cairn/tensor'
import { batchNormWith, instanceNorm } from '../functional/norm.ts'
import { ChannelNorm } from './channel-norm.ts'

export interface InstanceNormOptions {
  readonly eps?: number
  /** share of the new batch in the running statistics, default 0.1 */
  readonly momentum?: number
  /** true: a weight and a bias for each channel */
  readonly affine?: boolean
  /** true: keep running statistics, and use them in `eval()` */
  readonly trackRunningStats?: boolean
}

/** Each channel of each example for itself (Ulyanov et al. 2016), over [batch, channels, ...] or [channels, ...]. */
abstract class InstanceNorm extends ChannelNorm {
  readonly momentum: number
  readonly rank: number

  constructor(rank: number, channels: number, options: InstanceNormOptions) {
    super(`InstanceNorm${rank}d`, channels, options, { affine: false, trackRunningStats: false })
    this.rank = rank
    this.momentum = options.momentum ?? 0.1
  }

  forward(given: Tensor): Tensor {
    const { rank, running_mean, running_var } = this
    if (given.ndim !== rank + 1 && given.ndim !== rank + 2)
      throw new ShapeError(`InstanceNorm${rank}d`, `needs [batch, channels, ...] with ${rank} axes after them`, {
        shape: [...given.shape],
      })
    const x = given.ndim === rank + 1 ? given.unsqueeze(0) : given
    this.checkChannels(x)
    const out =
      running_mean && running_var && !this.training
        ? batchNormWith(x, running_mean, running_var, this)
        : instanceNorm(x, this)
    if (running_mean && running_var && this.training) noGrad(() => this.#track(x, running_mean, running_var))
    return given.ndim === rank + 1 ? out.squeeze(0) : out
  }

  /** Averages over the batch of each example's statistics. */
  #track(x: Tensor, mean: Tensor, variance: Tensor): void {
    const spatial = x.shape.map((_, d) => d).slice(2)
    const keep = 1 - this.momentum
    mean.assign(mean.mul(keep).add(x.mean(spatial).mean(0).mul(this.momentum)))
    variance.assign(variance.mul(keep).add(x.variance(spatial).mean(0).mul(this.momentum)))
    this.num_batches_tracked!.assign(this.num_batches_tracked!.add(1))
  }
}

/** torch.nn.InstanceNorm1d over [batch, channels, length]. */
export class InstanceNorm1d extends InstanceNorm {
  constructor(channels: number, options: InstanceNormOptions = {}) {
    super(1, channels, options)
  }
}
/** torch.nn.InstanceNorm2d over [batch, channels, height, width]. */
export class InstanceNorm2d extends InstanceNorm {
  constructor(channels: number, options: InstanceNormOptions = {}) {
    super(2, channels, options)
  }
}
/** torch.nn.InstanceNorm3d over [batch, channels, depth, height, width]. */
export class InstanceNorm3d extends InstanceNorm {
  constructor(channels: number, options: InstanceNormOptions = {}) {
    super(3, channels, options)
  }
}

import { average } from './adam.ts'
import { type GroupOptions, Optimizer, type Parameters, type Update, type Updated } from './optimizer.ts'

export interface RMSpropOptions extends GroupOptions {
  /** decay of the average square, default 0.99 */
  alpha?: number
  /** default 1e-8 */
  eps?: number
  weightDecay?: number
  momentum?: number
  /** subtract the square of the average gradient */
  centered?: boolean
}

/** Divides by a moving root mean square (Tieleman and Hinton 2012), in torch's form. */
export class RMSprop extends Optimizer<RMSpropOptions> {
  protected override readonly repeats = RMSprop.prototype.update
  constructor(params: Parameters<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, ...options })
  }

  protected override slots({ momentum, centered }: RMSpropOptions): Record<string, number> {
    return { square_avg: 0, ...(centered && { grad_avg: 0 }), ...(momentum && { momentum_buffer: 0 }) }
  }
  protected override update({ p, g, options, state, lr }: Update<RMSpropOptions>): Updated {
    const { alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered } = options
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    const square = average(state('square_avg'), slope.mul(slope), alpha)
    const mean = centered ? average(state('grad_avg'), slope, alpha) : null
    const scale = (mean ? square.sub(mean.mul(mean)) : square).sqrt().add(eps)
    const moved = slope.div(scale)
    const buffer = momentum ? state('momentum_buffer').mul(momentum).add(moved) : null
    return {
      p: p.sub((buffer ?? moved).mul(lr)),
      state: { square_avg: square, ...(mean && { grad_avg: mean }), ...(buffer && { momentum_buffer: buffer }) },
    }
  }
}

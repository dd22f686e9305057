import { average } from './adam.ts'
import { type GroupOptions, Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

export interface LionOptions extends GroupOptions {
  /** share of the momentum in the step, and its decay; default [0.9, 0.99] */
  betas?: readonly [number, number]
  /** decoupled, default 0 */
  weightDecay?: number
}

/** Steps of one size, by the sign of a mix of momentum and gradient (Chen et al. 2023). */
export class Lion extends Optimizer<LionOptions> {
  protected override readonly repeats = Lion.prototype.update
  constructor(params: Parameters<LionOptions>, options: Partial<LionOptions> = {}) {
    super(params, { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, ...options })
  }
  protected override slots(): Slots {
    return { exp_avg: 0 }
  }
  protected override update({ p, g, options, state, lr, live }: Update<LionOptions>): Updated {
    const { betas = [0.9, 0.99], weightDecay = 0 } = options
    const m = state('exp_avg')
    const kept = weightDecay ? p.mul(live(o => 1 - o.lr * weightDecay)) : p
    return { p: kept.sub(average(m, g, betas[0]).sign().mul(lr)), state: { exp_avg: average(m, g, betas[1]) } }
  }
}

// A clipped step by a diagonal estimate of the Hessian (Liu et al. 2023, "Sophia-G").

import { noGrad } from '@cairn/tensor'
import { average } from './adam.ts'
import { type GroupOptions, Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

export interface SophiaOptions extends GroupOptions {
  /** decay of the average gradient and of the Hessian's, default [0.965, 0.99] */
  betas?: readonly [number, number]
  /** how large a share of steps is clipped: the smaller, the more; default 0.04 */
  rho?: number
  /** decoupled, default 0.1 */
  weightDecay?: number
  /** examples (or tokens) of a batch, which the estimate is multiplied with; default 1 */
  batchSize?: number
}

export class Sophia extends Optimizer<SophiaOptions> {
  protected override readonly repeats = Sophia.prototype.update
  constructor(params: Parameters<SophiaOptions>, options: Partial<SophiaOptions> = {}) {
    super(params, { lr: 1e-4, betas: [0.965, 0.99], rho: 0.04, weightDecay: 0.1, batchSize: 1, ...options })
  }
  protected override slots(): Slots {
    return { exp_avg: 0, hessian: 0 }
  }

  /**
   * Takes the gradients that are there as those of a loss whose targets were drawn from the model's own predictions (Gauss, Newton and Bartlett):
   * their squares estimate the Hessian. Call it every 10 steps or so, after a backward pass of its own; then `zeroGrad()`.
   */
  updateHessian(): void {
    noGrad(() => {
      for (const { params, betas = [0.965, 0.99] } of this.groups)
        for (const p of params) {
          if (!p.grad) continue
          const { hessian } = this.stateOf(p)
          const g = p.grad.to(hessian.dtype)
          hessian.assign(average(hessian, g.mul(g), betas[1]))
        }
    })
  }

  protected override update({ p, g, options, state, lr, live }: Update<SophiaOptions>): Updated {
    const { betas = [0.965, 0.99], rho = 0.04, weightDecay = 0.1, batchSize = 1 } = options
    const m = average(state('exp_avg'), g, betas[0])
    const hessian = state('hessian')
    const ratio = m
      .abs()
      .div(hessian.mul(rho * batchSize).add(1e-15))
      .minimum(1)
    const kept = weightDecay ? p.mul(live(o => 1 - o.lr * weightDecay)) : p
    return { p: kept.sub(m.sign().mul(ratio).mul(lr)), state: { exp_avg: m } }
  }
}

// Adam for tables of which a step sees few rows ("lazy Adam", torch.optim.SparseAdam): the averages of a row move only when the row has a gradient.

import { average, biasCorrection } from './adam.ts'
import { type GroupOptions, Optimizer, type Parameters, type Update, type Updated } from './optimizer.ts'

export interface SparseAdamOptions extends GroupOptions {
  /** decay of the averages of the gradient and of its square, default [0.9, 0.999] */
  betas?: readonly [number, number]
  /** added to the root of the average square before it is corrected, default 1e-8 */
  eps?: number
}

/** Takes the gradients of sparse lookups only. Bias is corrected by the steps of the whole table. */
export class SparseAdam extends Optimizer<SparseAdamOptions> {
  protected override readonly repeats = SparseAdam.prototype.update
  constructor(params: Parameters<SparseAdamOptions>, options: Partial<SparseAdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, ...options })
  }
  protected override refusal(gradient: 'dense' | 'sparse'): string | null {
    return gradient === 'sparse' ? null : 'takes sparse gradients only; use Adam for a parameter with a dense one'
  }
  protected override slots(): Record<string, number> {
    return { exp_avg: 0, exp_avg_sq: 0 }
  }
  protected override update({ p, g, options, state, clock, lr, group }: Update<SparseAdamOptions>): Updated {
    const { betas = [0.9, 0.999], eps = 1e-8 } = options
    const [beta1, beta2] = betas
    const m = average(state('exp_avg'), g, beta1)
    const v = average(state('exp_avg_sq'), g.mul(g), beta2)
    const size = clock.derive(`lr ${group} sqrt(1 - ${beta2}^t) / (1 - ${beta1}^t)`, () =>
      biasCorrection(clock, beta2).sqrt().div(biasCorrection(clock, beta1)).mul(lr),
    )
    return { p: p.sub(m.div(v.sqrt().add(eps)).mul(size)), state: { exp_avg: m, exp_avg_sq: v } }
  }
}

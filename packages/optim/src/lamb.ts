import { type AdamOptions, average, biasCorrection } from './adam.ts'
import { Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

/** Adam with a rate for each tensor in proportion to its length (You et al. 2020), for large batches. */
export class LAMB extends Optimizer<Omit<AdamOptions, 'amsgrad'>> {
  protected override readonly repeats = LAMB.prototype.update
  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-6, weightDecay: 0, ...options })
  }
  protected override slots(): Slots {
    return { exp_avg: 0, exp_avg_sq: 0 }
  }
  protected override update({ p, g, options, state, clock, lr }: Update<AdamOptions>): Updated {
    const { betas = [0.9, 0.999], eps = 1e-6, weightDecay = 0 } = options
    const m = average(state('exp_avg'), g, betas[0])
    const v = average(state('exp_avg_sq'), g.mul(g), betas[1])
    const first = clock.derive(`1 / (1 - ${betas[0]}^t)`, () => biasCorrection(clock, betas[0]).reciprocal())
    const root = clock.derive(`1 / sqrt(1 - ${betas[1]}^t)`, () => biasCorrection(clock, betas[1]).rsqrt())
    const adam = m.mul(first).div(v.sqrt().mul(root).add(eps))
    const step = weightDecay ? adam.add(p.mul(weightDecay)) : adam
    const [own, wanted] = [p, step].map(x => x.mul(x).sum().sqrt())
    const trust = own.div(wanted).where(own.gt(0).and(wanted.gt(0)), 1)
    return { p: p.sub(step.mul(trust.mul(lr))), state: { exp_avg: m, exp_avg_sq: v } }
  }
}

import { type GroupOptions, Optimizer, type Parameters, type Update, type Updated } from './optimizer.ts'

export interface AdagradOptions extends GroupOptions {
  /** the rate of step t is lr / (1 + (t - 1) * lrDecay) */
  lrDecay?: number
  weightDecay?: number
  /** where the sum of squares starts */
  initialAccumulatorValue?: number
  /** default 1e-10 */
  eps?: number
}

/** Divides by the root of the sum of squares so far (Duchi et al. 2011), in torch's form. */
export class Adagrad extends Optimizer<AdagradOptions> {
  protected override readonly repeats = Adagrad.prototype.update
  constructor(params: Parameters<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, ...options })
  }

  protected override refusal(gradient: 'dense' | 'sparse', { weightDecay }: AdagradOptions): string | null {
    if (gradient === 'dense' || !weightDecay) return null
    return 'weightDecay moves all rows, also those without a sparse gradient; set it to 0 for this group, or make the embedding without { sparse: true }'
  }
  protected override slots({ initialAccumulatorValue = 0 }: AdagradOptions): Record<string, number> {
    return { sum: initialAccumulatorValue }
  }
  protected override update({ p, g, options, state, clock, lr, group }: Update<AdagradOptions>): Updated {
    const { lrDecay = 0, weightDecay = 0, eps = 1e-10 } = options
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    const sum = state('sum').add(slope.mul(slope))
    const rate = clock.derive(`lr ${group} ${lrDecay}`, t => t.sub(1).mul(lrDecay).add(1).reciprocal().mul(lr))
    return { p: p.sub(slope.div(sum.sqrt().add(eps)).mul(rate)), state: { sum } }
  }
}

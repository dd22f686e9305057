import { average } from './adam.ts'
import { type GroupOptions, Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

export interface AdadeltaOptions extends GroupOptions {
  /** decay of the averages of squares, default 0.9 */
  rho?: number
  /** default 1e-6 */
  eps?: number
  weightDecay?: number
}

/** Steps in units of the parameter (Zeiler 2012), in torch's form: lr is a factor, 1 by default. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  protected override readonly repeats = Adadelta.prototype.update
  constructor(params: Parameters<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, ...options })
  }
  protected override slots(): Slots {
    return { square_avg: 0, acc_delta: 0 }
  }
  protected override update({ p, g, options, state, lr }: Update<AdadeltaOptions>): Updated {
    const { rho = 0.9, eps = 1e-6, weightDecay = 0 } = options
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    const square = average(state('square_avg'), slope.mul(slope), rho)
    const before = state('acc_delta')
    const delta = before.add(eps).sqrt().div(square.add(eps).sqrt()).mul(slope)
    return { p: p.sub(delta.mul(lr)), state: { square_avg: square, acc_delta: average(before, delta.mul(delta), rho) } }
  }
}

import type { Tensor } from '@cairn/tensor'
import { type GroupOptions, Optimizer, type Parameters, type Update, type Updated } from './optimizer.ts'

export interface SGDOptions extends GroupOptions {
  /** share of the last step that goes on, default 0 */
  momentum?: number
  /** share of the gradient that does not enter the momentum, default 0 */
  dampening?: number
  /** look ahead along the momentum */
  nesterov?: boolean
  /** added to the gradient: weightDecay * p */
  weightDecay?: number
}

/** Stochastic gradient descent with momentum (Sutskever et al. 2013), in torch's form. */
export class SGD extends Optimizer<SGDOptions> {
  protected override readonly repeats = SGD.prototype.update
  constructor(params: Parameters<SGDOptions>, options: SGDOptions) {
    super(params, { momentum: 0, dampening: 0, nesterov: false, weightDecay: 0, ...options })
  }

  protected override refusal(gradient: 'dense' | 'sparse', { momentum, weightDecay }: SGDOptions): string | null {
    if (gradient === 'dense' || !(momentum || weightDecay)) return null
    return `${momentum ? 'momentum' : 'weightDecay'} moves all rows, also those without a sparse gradient; set it to 0 for this group, or make the embedding without { sparse: true }`
  }
  protected override slots({ momentum }: SGDOptions): Record<string, number> {
    return momentum ? { momentum_buffer: 0 } : {}
  }
  protected override update({ p, g, options, state, clock, lr }: Update<SGDOptions>): Updated {
    const { momentum = 0, dampening = 0, nesterov, weightDecay = 0 } = options
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    if (!momentum) return { p: p.sub(slope.mul(lr)) }
    // The first gradient enters whole; `first` is data, as the step count is.
    const fed: Tensor = dampening
      ? slope.mul(clock.derive(`dampening ${dampening}`, t => t.gt(1).to(t.dtype).mul(-dampening).add(1)))
      : slope
    const buffer = state('momentum_buffer').mul(momentum).add(fed)
    const direction = nesterov ? slope.add(buffer.mul(momentum)) : buffer
    return { p: p.sub(direction.mul(lr)), state: { momentum_buffer: buffer } }
  }
}

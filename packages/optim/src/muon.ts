// Momentum made orthogonal (Jordan et al. 2024), in torch's form, computed in f32.

import { CairnError, type Tensor } from '@cairn/tensor'
import { average } from './adam.ts'
import { type GroupOptions, Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

export interface MuonOptions extends GroupOptions {
  /** default 0.95 */
  momentum?: number
  /** default true */
  nesterov?: boolean
  /** decoupled, default 0.1 */
  weightDecay?: number
  /** iterations of Newton and Schulz, default 5 */
  steps?: number
  /** the least norm that is divided by, default 1e-7 */
  eps?: number
}

/** Coefficients of the quintic iteration: steepest at 0, so that few steps bring all singular values near 1. */
const [a, b, c] = [3.4445, -4.775, 2.0315]

/** About U V^T of a matrix U S V^T: singular values between about 0.7 and 1.2. */
export function newtonSchulz(x: Tensor, steps = 5, eps = 1e-7): Tensor {
  const tall = x.shape[0] > x.shape[1]
  let y = tall ? x.transpose(0, 1) : x
  y = y.div(y.mul(y).sum().sqrt().maximum(eps))
  for (let i = 0; i < steps; i++) {
    const gram = y.matmul(y.transpose(0, 1))
    y = y.mul(a).add(gram.mul(b).add(gram.matmul(gram).mul(c)).matmul(y))
  }
  return tall ? y.transpose(0, 1) : y
}

/** For the matrices of hidden layers; give embeddings, heads and vectors to AdamW. */
export class Muon extends Optimizer<MuonOptions> {
  protected override readonly repeats = Muon.prototype.update
  constructor(params: Parameters<MuonOptions>, options: Partial<MuonOptions> = {}) {
    super(params, { lr: 1e-3, momentum: 0.95, nesterov: true, weightDecay: 0.1, steps: 5, eps: 1e-7, ...options })
    for (const group of this.groups)
      for (const p of group.params)
        if (p.ndim !== 2)
          throw new CairnError('Muon', `takes matrices only; give [${p.shape.join(', ')}] to another optimizer`)
  }
  protected override slots(): Slots {
    return { momentum_buffer: 0 }
  }
  protected override update({ p, g, options, state, lr, live }: Update<MuonOptions>): Updated {
    const { momentum = 0.95, nesterov = true, weightDecay = 0.1, steps = 5, eps = 1e-7 } = options
    const buffer = average(state('momentum_buffer'), g, momentum)
    const direction = newtonSchulz(nesterov ? average(buffer, g, momentum) : buffer, steps, eps)
    const stretch = Math.sqrt(Math.max(1, p.shape[0] / p.shape[1]))
    const kept = weightDecay ? p.mul(live(o => 1 - o.lr * weightDecay)) : p
    return { p: kept.sub(direction.mul(stretch).mul(lr)), state: { momentum_buffer: buffer } }
  }
}

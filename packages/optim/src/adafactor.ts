// Adam's second moment from sums over rows and columns (Shazeer and Stern 2018), in torch's form: the state of a matrix is two vectors.

import type { Tensor } from '@cairn/tensor'
import { type GroupOptions, Optimizer, type Parameters, type Slots, type Update, type Updated } from './optimizer.ts'

export interface AdafactorOptions extends GroupOptions {
  /** the average forgets with 1 - t^beta2Decay, default -0.8 */
  beta2Decay?: number
  /** the least second moment (its root), default that of f32; and the least size of a parameter, default 1e-3 */
  eps?: readonly [number, number]
  /** the root mean square of a step is at most this, default 1 */
  d?: number
  /** decoupled, default 0 */
  weightDecay?: number
}

const machine = 2 ** -23
const meanSquare = (x: Tensor): Tensor => x.mul(x).mean()

export class Adafactor extends Optimizer<AdafactorOptions> {
  protected override readonly repeats = Adafactor.prototype.update
  constructor(params: Parameters<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    super(params, { lr: 1e-2, beta2Decay: -0.8, eps: [machine, 1e-3], d: 1, weightDecay: 0, ...options })
  }
  protected override slots(_: AdafactorOptions, { shape }: Tensor): Slots {
    if (shape.length < 2) return { variance: 0 }
    return {
      row_var: { initial: 0, shape: [...shape.slice(0, -1), 1] },
      col_var: { initial: 0, shape: [...shape.slice(0, -2), 1, shape[shape.length - 1]] },
    }
  }
  protected override update({
    p: given,
    g,
    options,
    state,
    clock,
    lr,
    live,
    group,
  }: Update<AdafactorOptions>): Updated {
    const { beta2Decay = -0.8, eps = [machine, 1e-3], d = 1, weightDecay = 0 } = options
    const fresh = clock.derive(`t^${beta2Decay}`, t => t.log().mul(beta2Decay).exp())
    const rate = clock.derive(`min(lr ${group}, 1 / sqrt t)`, t => t.rsqrt().minimum(lr))
    const p = weightDecay ? given.mul(live(o => 1 - o.lr * weightDecay)) : given
    const toward = (before: Tensor, now: Tensor): Tensor => before.add(now.sub(before).mul(fresh))
    const squares = g.mul(g)
    const next: Record<string, Tensor> = {}
    let variance: Tensor
    if (p.ndim < 2) variance = next.variance = toward(state('variance'), squares)
    else {
      const rows = (next.row_var = toward(state('row_var'), squares.mean(-1, { keepDim: true })))
      const columns = (next.col_var = toward(state('col_var'), squares.mean(-2, { keepDim: true })))
      variance = rows.mul(columns).div(rows.mean(-2, { keepDim: true }).maximum(eps[0]))
    }
    const step = variance
      .maximum(eps[0] ** 2)
      .rsqrt()
      .mul(g)
    const size = meanSquare(given).sqrt().maximum(eps[1]).mul(rate)
    const limit = meanSquare(step).sqrt().div(d).maximum(1)
    return { p: p.sub(step.mul(size.div(limit))), state: next }
  }
}

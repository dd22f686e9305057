// The Adam family (Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter 2019), in torch's form.

import type { Tensor } from '@cairn/tensor'
import { type Clock, type GroupOptions, Optimizer, type Parameters, type Update, type Updated } from './optimizer.ts'

export interface AdamOptions extends GroupOptions {
  /** decay of the averages of the gradient and of its square, default [0.9, 0.999] */
  betas?: readonly [number, number]
  /** default 1e-8 */
  eps?: number
  /** Adam: added to the gradient, default 0. AdamW: decoupled, default 0.01 */
  weightDecay?: number
  /** divide by the largest average so far (Reddi et al. 2018) */
  amsgrad?: boolean
}

/** 1 - beta^t from the step count, exact for beta near 1: -expm1(t ln beta), with the logarithm from double precision. */
export const biasCorrection = (clock: Clock, beta: number): Tensor =>
  clock.derive(`1 - ${beta}^t`, t => t.mul(Math.log(beta)).expm1().neg())

/** The moving average a * beta + x * (1 - beta). */
export const average = (a: Tensor, x: Tensor, beta: number): Tensor => a.mul(beta).add(x.mul(1 - beta))

const adamSlots = ({ amsgrad }: AdamOptions): Record<string, number> => ({
  exp_avg: 0,
  exp_avg_sq: 0,
  ...(amsgrad && { max_exp_avg_sq: 0 }),
})

/** Names of what is derived once a step; made again only for other numbers, since a rule is asked for each parameter. */
let named = { group: -1, beta1: 0, beta2: 0, root: '', size: '' }
function keysOf(group: number, beta1: number, beta2: number): typeof named {
  if (named.group !== group || named.beta1 !== beta1 || named.beta2 !== beta2)
    named = { group, beta1, beta2, root: `1 / sqrt(1 - ${beta2}^t)`, size: `lr ${group} / (1 - ${beta1}^t)` }
  return named
}

function adam(update: Update<AdamOptions>, decoupled: boolean): Updated {
  const { g, options, state, clock, lr, group } = update
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad } = options
  const [beta1, beta2] = betas
  const p = decoupled && weightDecay ? update.p.mul(update.live(o => 1 - o.lr * weightDecay)) : update.p
  const slope = !decoupled && weightDecay ? g.add(p.mul(weightDecay)) : g
  const m = average(state('exp_avg'), slope, beta1)
  const v = average(state('exp_avg_sq'), slope.mul(slope), beta2)
  const top = amsgrad ? state('max_exp_avg_sq').maximum(v) : null
  const keys = keysOf(group, beta1, beta2)
  const root = clock.derive(keys.root, () => biasCorrection(clock, beta2).rsqrt())
  const size = clock.derive(keys.size, () => biasCorrection(clock, beta1).reciprocal().mul(lr))
  const scale = (top ?? v).sqrt().mul(root).add(eps)
  return {
    p: p.sub(m.div(scale).mul(size)),
    state: { exp_avg: m, exp_avg_sq: v, ...(top && { max_exp_avg_sq: top }) },
  }
}

/** Adam; weight decay is part of the gradient. */
export class Adam extends Optimizer<AdamOptions> {
  protected override readonly repeats = Adam.prototype.update
  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options })
  }
  protected override slots(options: AdamOptions): Record<string, number> {
    return adamSlots(options)
  }
  protected override update(update: Update<AdamOptions>): Updated {
    return adam(update, false)
  }
}

/** AdamW; weight decay shrinks the parameter by lr * weightDecay beside the step. */
export class AdamW extends Optimizer<AdamOptions> {
  protected override readonly repeats = AdamW.prototype.update
  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, ...options })
  }
  protected override slots(options: AdamOptions): Record<string, number> {
    return adamSlots(options)
  }
  protected override update(update: Update<AdamOptions>): Updated {
    return adam(update, true)
  }
}

/** Adam with the infinity norm (the same paper, section 7). */
export class Adamax extends Optimizer<AdamOptions> {
  protected override readonly repeats = Adamax.prototype.update
  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options })
  }
  protected override slots(): Record<string, number> {
    return { exp_avg: 0, exp_inf: 0 }
  }
  protected override update({ p, g, options, state, clock, lr, group }: Update<AdamOptions>): Updated {
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    const m = average(state('exp_avg'), slope, betas[0])
    const norm = state('exp_inf').mul(betas[1]).maximum(slope.abs().add(eps))
    const size = clock.derive(`lr ${group} / (1 - ${betas[0]}^t)`, () =>
      biasCorrection(clock, betas[0]).reciprocal().mul(lr),
    )
    return { p: p.sub(m.div(norm).mul(size)), state: { exp_avg: m, exp_inf: norm } }
  }
}

/** Adam with rectified variance (Liu et al. 2020): plain momentum until the variance of the adaptive step is tractable. */
export class RAdam extends Optimizer<AdamOptions> {
  protected override readonly repeats = RAdam.prototype.update
  constructor(params: Parameters<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options })
  }
  protected override slots(): Record<string, number> {
    return { exp_avg: 0, exp_avg_sq: 0 }
  }
  protected override update({ p, g, options, state, clock, lr, group }: Update<AdamOptions>): Updated {
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
    const [beta1, beta2] = betas
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    const m = average(state('exp_avg'), slope, beta1)
    const v = average(state('exp_avg_sq'), slope.mul(slope), beta2)
    const c2 = biasCorrection(clock, beta2)
    const longest = 2 / (1 - beta2) - 1
    // rho = longest - 2 t beta2^t / (1 - beta2^t)
    const rho = clock.derive(`rho ${beta2}`, t => t.mul(c2.neg().add(1)).div(c2).mul(-2).add(longest))
    const rectify = clock.derive(`rectify ${beta2}`, () =>
      rho
        .sub(4)
        .mul(rho.sub(2))
        .div(rho)
        .mul(longest / ((longest - 4) * (longest - 2)))
        .maximum(0)
        .sqrt()
        .mul(c2.sqrt()),
    )
    const adaptive = v.sqrt().add(eps).reciprocal().mul(rectify)
    const rate = adaptive.where(rho.gt(5), 1)
    const size = clock.derive(`lr ${group} / (1 - ${beta1}^t)`, () => biasCorrection(clock, beta1).reciprocal().mul(lr))
    return { p: p.sub(m.mul(size).mul(rate)), state: { exp_avg: m, exp_avg_sq: v } }
  }
}

export interface NAdamOptions extends AdamOptions {
  /** how fast the momentum warms up, default 4e-3 */
  momentumDecay?: number
}

/**
 * Adam with Nesterov momentum (Dozat 2016), as torch 1.13 computes it: the correction of the momentum's share has mu_t twice, which fades with
 * the product itself after a few steps.
 */
export class NAdam extends Optimizer<NAdamOptions> {
  protected override readonly repeats = NAdam.prototype.update
  constructor(params: Parameters<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3, ...options })
  }
  protected override slots(): Record<string, number> {
    return { exp_avg: 0, exp_avg_sq: 0 }
  }
  protected override update({ p, g, options, state, clock, lr, group }: Update<NAdamOptions>): Updated {
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3 } = options
    const [beta1, beta2] = betas
    const slope = weightDecay ? g.add(p.mul(weightDecay)) : g
    const key = `${beta1} ${momentumDecay}`
    // mu_t = beta1 (1 - 0.96^(t * decay) / 2)
    const mu = (t: Tensor): Tensor =>
      t
        .mul(momentumDecay * Math.log(0.96))
        .exp()
        .mul(-0.5)
        .add(1)
        .mul(beta1)
    const now = clock.derive(`mu ${key}`, mu)
    const next = clock.derive(`next mu ${key}`, t => mu(t.add(1)))
    const product = clock.carry('mu_product', 1, before => before.mul(now))
    const m = average(state('exp_avg'), slope, beta1)
    const v = average(state('exp_avg_sq'), slope.mul(slope), beta2)
    const root = clock.derive(`1 / sqrt(1 - ${beta2}^t)`, () => biasCorrection(clock, beta2).rsqrt())
    const scale = v.sqrt().mul(root).add(eps)
    const ofGradient = clock.derive(`gradient ${group} ${key}`, () =>
      now.neg().add(1).div(product.neg().add(1)).mul(lr),
    )
    const ofMomentum = clock.derive(`momentum ${group} ${key}`, () =>
      next.div(product.mul(now).mul(next).neg().add(1)).mul(lr),
    )
    const moved = slope.mul(ofGradient).add(m.mul(ofMomentum)).div(scale)
    return { p: p.sub(moved), state: { exp_avg: m, exp_avg_sq: v } }
  }
}

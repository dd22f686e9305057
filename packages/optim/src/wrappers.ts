// Optimizers around an optimizer.

import { CairnError, noGrad, type Tensor, tensor, where } from '@cairn/tensor'
import { gradNorm } from './clip.ts'
import type { GroupOptions, Optimizer, StepOptions } from './optimizer.ts'

/** Every k steps the parameters go back towards where they were, and start again from there (Zhang et al. 2019). The count is data. */
export class Lookahead {
  readonly base: Optimizer<GroupOptions>
  readonly k: number
  readonly alpha: number
  /** the slow parameters, in the order of the base's */
  readonly slow: readonly Tensor[]
  /** steps so far, 0-d */
  readonly count: Tensor
  readonly #params: readonly Tensor[]

  /** @param options.k default 5   @param options.alpha share of the way that stays, default 0.5 */
  constructor(base: Optimizer<GroupOptions>, options: { k?: number; alpha?: number } = {}) {
    this.base = base
    this.k = options.k ?? 5
    this.alpha = options.alpha ?? 0.5
    if (!Number.isInteger(this.k) || this.k < 1)
      throw new CairnError('Lookahead', `k must be at least 1, not ${this.k}`)
    this.#params = base.groups.flatMap(g => g.params)
    this.slow = noGrad(() =>
      this.#params.map(p => {
        const copy = p.detach()
        copy.own()
        return copy
      }),
    )
    this.count = tensor(0, { device: this.#params[0].device as 'wasm' })
    this.count.own()
  }
  get lr(): number {
    return this.base.lr
  }
  set lr(value: number) {
    this.base.lr = value
  }
  zeroGrad(): void {
    this.base.zeroGrad()
  }
  step(options: StepOptions = {}): Promise<void> {
    const running = this.base.step(options)
    noGrad(() => {
      const count = this.count.add(options.when ? options.when.to('f32') : 1)
      const due = count.remainder(this.k).eq(0)
      const now = options.when ? due.and(options.when) : due
      this.#params.forEach((p, i) => {
        const slow = this.slow[i]
        const next = where(now, slow.add(p.sub(slow).mul(this.alpha)), slow)
        const fast = where(now, next, p)
        slow.assign(next)
        p.assign(fast)
      })
      this.count.assign(count)
    })
    return running
  }
}

/**
 * Sharpness-aware minimisation (Foret et al. 2021): the gradient is taken where the loss is highest nearby.
 * `loss().backward(); sam.ascend(); loss().backward(); await sam.step()`
 */
export class SAM {
  readonly base: Optimizer<GroupOptions>
  readonly rho: number
  readonly adaptive: boolean
  readonly #params: readonly Tensor[]
  #moves: { p: Tensor; before: Tensor }[] | null = null

  /** @param options.rho how far, default 0.05   @param options.adaptive in units of each parameter (Kwon et al. 2021) */
  constructor(base: Optimizer<GroupOptions>, options: { rho?: number; adaptive?: boolean } = {}) {
    this.base = base
    this.rho = options.rho ?? 0.05
    this.adaptive = options.adaptive ?? false
    this.#params = base.groups.flatMap(g => g.params)
  }
  zeroGrad(): void {
    this.base.zeroGrad()
  }
  /** Moves up the gradient by rho, and forgets the gradients. */
  ascend(): void {
    if (this.#moves) throw new CairnError('SAM', 'has ascended already; step() comes next')
    noGrad(() => {
      const moving = this.#params.filter(p => p.grad)
      const scaled = moving.map(p => (this.adaptive ? p.abs().mul(p.grad!) : p.grad!))
      const squares = scaled.map(g => g.mul(g).sum())
      const norm = this.adaptive ? squares.reduce((a, b) => a.add(b)).sqrt() : gradNorm(moving)
      const size = norm.add(1e-12).reciprocal().mul(this.rho)
      this.#moves = moving.map((p, i) => {
        const before = p.clone()
        const way = this.adaptive ? p.mul(p).mul(p.grad!) : scaled[i]
        p.assign(p.add(way.mul(size.to(p.dtype))))
        return { p, before }
      })
    })
    this.base.zeroGrad()
  }
  /** Goes back, and makes the base's step with the gradients from above. */
  step(options: StepOptions = {}): Promise<void> {
    const moves = this.#moves
    if (!moves) throw new CairnError('SAM', 'ascend() comes first')
    this.#moves = null
    noGrad(() => {
      for (const { p, before } of moves) p.assign(before)
    })
    return this.base.step(options)
  }
}

// Loss scaling for gradients in 16 bits (Micikevicius et al. 2018). Everything is data on the device: a step whose gradients overflow is skipped without
// the host knowing, and a jitted training step stays one.

import { noGrad, sparseRows, type Tensor, tensor, where } from '@cairn/tensor'
import { changeGrad } from './gradients.ts'
import type { GroupOptions, Optimizer } from './optimizer.ts'

export interface GradScalerOptions {
  /** the scale to begin with, default 2^16 */
  readonly initial?: number
  /** the scale grows by this factor (default 2) after `growthInterval` steps (default 2000) without overflow */
  readonly growth?: number
  readonly growthInterval?: number
  /** and shrinks by this one after a step with (default 0.5) */
  readonly backoff?: number
  readonly device?: 'wasm' | 'webgpu' | 'reference'
}

/** `scaler.scale(loss).backward(); await scaler.step(opt)` */
export class GradScaler {
  /** the factor of the next loss, 0-d */
  readonly scaleTensor: Tensor
  /** steps without overflow since the scale last changed, 0-d */
  readonly goodSteps: Tensor
  readonly #options: Required<Omit<GradScalerOptions, 'device'>>
  readonly #unscaled = new WeakSet<Tensor>()

  constructor(options: GradScalerOptions = {}) {
    const { initial = 2 ** 16, growth = 2, growthInterval = 2000, backoff = 0.5, device } = options
    this.#options = { initial, growth, growthInterval, backoff }
    this.scaleTensor = tensor(initial, { device })
    this.goodSteps = tensor(0, { device })
    this.scaleTensor.own()
    this.goodSteps.own()
  }

  /** The loss times the scale. */
  scale(loss: Tensor): Tensor {
    return loss.mul(this.scaleTensor.to(loss.dtype))
  }

  /** Divides the gradients by the scale, once, so that they can be clipped; `step` does it otherwise. */
  unscale(opt: Optimizer<GroupOptions>): void {
    noGrad(() => {
      const inverse = this.scaleTensor.reciprocal()
      for (const { params } of opt.groups)
        for (const p of params)
          if (p.grad && !this.#unscaled.has(p)) {
            changeGrad(p, g => g.mul(inverse.to(g.dtype)))
            this.#unscaled.add(p)
          }
    })
  }

  /** A step of the optimizer where all gradients are finite, and the next scale. */
  step(opt: Optimizer<GroupOptions>): Promise<void> {
    this.unscale(opt)
    const grads = opt.groups.flatMap(g => g.params).flatMap(p => (p.grad && (sparseRows(p.grad)?.rows ?? p.grad)) ?? [])
    const finite = noGrad(() => {
      const each = grads.map(g => g.isfinite().all())
      // by halves: the depth of the graph is the logarithm of their number
      let all = each
      while (all.length > 1)
        all = Array.from({ length: Math.ceil(all.length / 2) }, (_, i) =>
          2 * i + 1 < all.length ? all[2 * i].and(all[2 * i + 1]) : all[2 * i],
        )
      return all[0]
    })
    for (const { params } of opt.groups) for (const p of params) this.#unscaled.delete(p)
    if (!finite) return opt.step()
    noGrad(() => this.#next(finite))
    return opt.step({ when: finite })
  }

  #next(finite: Tensor): void {
    const { growth, growthInterval, backoff } = this.#options
    const steps = this.goodSteps.add(1)
    const grows = steps.ge(growthInterval)
    const scale = this.scaleTensor
    const grown = where(grows, scale.mul(growth), scale)
    // read before either is written
    const [nextScale, nextSteps] = [where(finite, grown, scale.mul(backoff)), steps.where(finite.and(grows.not()), 0)]
    scale.assign(nextScale)
    this.goodSteps.assign(nextSteps)
  }

  /** For a safetensors file. */
  stateDict(): Map<string, Tensor> {
    return new Map([
      ['scale', this.scaleTensor],
      ['good_steps', this.goodSteps],
    ])
  }
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    for (const [name, t] of this.stateDict()) {
      const value = state.get(name)
      if (value) t.assign(value.detach().to('f32'))
    }
  }
}

// Averages of parameters beside training: with exponentially fading weights (Polyak and Juditsky 1992), or of equal weights (Izmailov et al. 2018).

import { CairnError, noGrad, type Tensor, tensor } from '@cairn/tensor'

const copyOf = (p: Tensor): Tensor => {
  const copy = p.detach()
  copy.own()
  return copy
}

abstract class Averaged {
  readonly params: readonly Tensor[]
  /** the averages, in the order of the parameters */
  readonly averages: readonly Tensor[]
  #kept: Tensor[] | null = null

  constructor(params: Iterable<Tensor>) {
    this.params = [...params]
    this.averages = noGrad(() => this.params.map(copyOf))
  }

  /** Queues the next averages; call it after a step. */
  abstract update(): void

  /** Writes the averages into the parameters, whose own values are kept for `restore`. */
  apply(): void {
    if (this.#kept) throw new CairnError(this.constructor.name, 'the averages are in place already; restore() first')
    noGrad(() => {
      this.#kept = this.params.map(p => copyOf(p.clone()))
      this.params.forEach((p, i) => void p.assign(this.averages[i]))
    })
  }
  /** Writes back the values that the parameters had before `apply`. */
  restore(): void {
    const kept = this.#kept
    if (!kept) throw new CairnError(this.constructor.name, 'there is nothing to restore; apply() first')
    this.#kept = null
    noGrad(() => {
      this.params.forEach((p, i) => void p.assign(kept[i]))
    })
  }

  protected get own(): Record<string, Tensor> {
    return {}
  }
  /** For a safetensors file. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.averages.map((t, i) => [String(i), t] as const), ...Object.entries(this.own)])
  }
  /** @throws CairnError for a missing key */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    for (const [name, t] of this.stateDict()) {
      const value = state.get(name)
      if (!value) throw new CairnError('loadStateDict', `misses ${name}`)
      t.assign(value.detach().to(t.dtype))
    }
  }
  [Symbol.dispose](): void {
    for (const t of this.stateDict().values()) t[Symbol.dispose]()
  }
}

/** average = decay * average + (1 - decay) * parameter */
export class EMA extends Averaged {
  readonly decay: number
  constructor(params: Iterable<Tensor>, options: { decay?: number } = {}) {
    super(params)
    this.decay = options.decay ?? 0.999
  }
  update(): void {
    noGrad(() => {
      this.params.forEach((p, i) => {
        const average = this.averages[i]
        average.assign(average.mul(this.decay).add(p.mul(1 - this.decay)))
      })
    })
  }
}

/** The mean of the parameters at all updates. */
export class SWA extends Averaged {
  /** updates so far, 0-d */
  readonly count: Tensor
  constructor(params: Iterable<Tensor>) {
    super(params)
    this.count = tensor(0, { device: this.params[0]?.device as 'wasm' })
    this.count.own()
  }
  update(): void {
    noGrad(() => {
      const count = this.count.add(1)
      const share = count.reciprocal()
      this.params.forEach((p, i) => {
        const average = this.averages[i]
        average.assign(average.add(p.sub(average).mul(share.to(p.dtype))))
      })
      this.count.assign(count)
    })
  }
  protected override get own(): Record<string, Tensor> {
    return { count: this.count }
  }
}

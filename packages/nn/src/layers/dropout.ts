import { CairnError, dropout, type Generator, type Tensor } from '@cairn/tensor'
import { Module } from '../module.ts'

/** In training, zeroes elements with probability p and scales the rest by 1 / (1 - p) (Srivastava et al. 2014). */
export class Dropout extends Module {
  readonly p: number
  readonly #generator: Generator | undefined

  /** @param options.generator draws from it instead of from the global one */
  constructor(p = 0.5, options: { generator?: Generator } = {}) {
    super()
    if (!(p >= 0 && p <= 1)) throw new CairnError('Dropout', `p must be in [0, 1], not ${p}`)
    this.p = p
    this.#generator = options.generator
  }

  forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? dropout(x, this.p, { generator: this.#generator }) : x
  }
}

// What every distribution is: parameters that broadcast, draws, a density and moments, as torch.distributions has them.

import { CairnError, GradientError } from '../errors.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { checkFloats, type DrawOptions, sampleShape } from './draws.ts'

/** What every distribution has. Where torch raises NotImplementedError, `rsample` and `entropy` throw. */
export abstract class Distribution {
  readonly #name: string
  protected readonly parameters: readonly Tensor[]
  constructor(name: string, ...parameters: Tensor[]) {
    checkFloats(name, ...parameters)
    this.#name = name
    this.parameters = parameters
  }
  get name(): string {
    return this.#name
  }
  protected shaped(shape: Shape): number[] {
    return sampleShape(this.#name, shape, ...this.parameters)
  }
  /** Draws of [...shape, ...parameters], without gradient. */
  sample(shape: Shape = [], options: DrawOptions = {}): Tensor {
    return this.draw(shape, options).detach()
  }
  /** Draws that are functions of the parameters. @throws GradientError where there is no such function */
  rsample(shape: Shape = [], options: DrawOptions = {}): Tensor {
    if (!this.reparametrized)
      throw new GradientError('rsample', `${this.#name} has no draws with a gradient; use sample() and logProb()`)
    return this.draw(shape, options)
  }
  protected get reparametrized(): boolean {
    return true
  }
  protected abstract draw(shape: Shape, options: DrawOptions): Tensor
  /** The logarithm of the density, or of the probability. */
  abstract logProb(x: Tensor): Tensor
  abstract get mean(): Tensor
  abstract get variance(): Tensor
  entropy(): Tensor {
    throw new CairnError('entropy', `that of ${this.#name} has no closed form`)
  }
}

// Modules made of modules in order. Their state-dict keys are the positions: '0.weight', '1.bias'.

import { CairnError, type Tensor } from '@cairn/tensor'
import { type Layer, Module } from '../module.ts'

/** Modules by position, with no forward of their own. */
export class ModuleList<M extends Module = Module> extends Module implements Iterable<M> {
  // Positions are fields, so that the state dict finds them.
  readonly [position: number]: M
  readonly #length: number

  constructor(modules: Iterable<M>) {
    super()
    const list = [...modules]
    Object.assign(this, list)
    this.#length = list.length
  }
  get length(): number {
    return this.#length
  }
  at(position: number): M {
    const found = this[position < 0 ? position + this.#length : position]
    if (!found) throw new CairnError('ModuleList', `has no module ${position}`, { length: this.#length })
    return found
  }
  *[Symbol.iterator](): Iterator<M> {
    for (let i = 0; i < this.#length; i++) yield this[i]
  }
}

/** Applies its layers one after the other. */
export class Sequential extends ModuleList<Layer> {
  constructor(...layers: Layer[]) {
    super(layers)
  }
  forward(x: Tensor): Tensor {
    for (const layer of this) x = layer.forward(x)
    return x
  }
}

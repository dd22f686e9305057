// Modules made of modules, and lists of parameters. Their state-dict keys are the positions or names: '0.weight', 'left.bias'.

import { CairnError, type Tensor } from '@cairn/tensor'
import { type Layer, Module } from '../module.ts'
import { parameter } from '../parameter.ts'

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
    for (const layer of layers)
      if (typeof layer?.forward !== 'function')
        throw new CairnError(
          'Sequential',
          'takes layers one by one, each a module with forward(x); wrap a function in a class that extends Module',
        )
  }
  forward(x: Tensor): Tensor {
    for (const layer of this) x = layer.forward(x)
    return x
  }
}

/** Names that a container's own members have. */
function checkName(op: string, holder: object, name: string): void {
  if (name in holder || name.includes('.') || name === '')
    throw new CairnError(op, `'${name}' cannot be a name here; choose one that is no member of ${op} and has no dot`)
}

/** Modules by name, with no forward of their own. */
export class ModuleDict<M extends Module = Module> extends Module {
  readonly #names: readonly string[]
  constructor(modules: Readonly<Record<string, M>>) {
    super()
    this.#names = Object.keys(modules)
    for (const name of this.#names) {
      checkName('ModuleDict', this, name)
      ;(this as unknown as Record<string, M>)[name] = modules[name]
    }
  }
  get size(): number {
    return this.#names.length
  }
  keys(): readonly string[] {
    return this.#names
  }
  has(name: string): boolean {
    return this.#names.includes(name)
  }
  get(name: string): M {
    if (!this.has(name)) throw new CairnError('ModuleDict', `has no module '${name}'; it has ${this.#names.join(', ')}`)
    return (this as unknown as Record<string, M>)[name]
  }
  entries(): [name: string, module: M][] {
    return this.#names.map(name => [name, this.get(name)])
  }
}

/** Parameters by position. Tensors that are no parameters yet become some. */
export class ParameterList extends Module implements Iterable<Tensor> {
  readonly [position: number]: Tensor
  readonly #length: number
  constructor(parameters: Iterable<Tensor>) {
    super()
    const list = [...parameters].map(t => parameter(t))
    Object.assign(this, list)
    this.#length = list.length
  }
  get length(): number {
    return this.#length
  }
  at(position: number): Tensor {
    const found = this[position < 0 ? position + this.#length : position]
    if (!found) throw new CairnError('ParameterList', `has no parameter ${position}`, { length: this.#length })
    return found
  }
  *[Symbol.iterator](): Iterator<Tensor> {
    for (let i = 0; i < this.#length; i++) yield this[i]
  }
}

/** Parameters by name. Tensors that are no parameters yet become some. */
export class ParameterDict extends Module {
  readonly #names: readonly string[]
  constructor(parameters: Readonly<Record<string, Tensor>>) {
    super()
    this.#names = Object.keys(parameters)
    for (const name of this.#names) {
      checkName('ParameterDict', this, name)
      ;(this as unknown as Record<string, Tensor>)[name] = parameter(parameters[name])
    }
  }
  keys(): readonly string[] {
    return this.#names
  }
  get(name: string): Tensor {
    if (!this.#names.includes(name))
      throw new CairnError('ParameterDict', `has no parameter '${name}'; it has ${this.#names.join(', ')}`)
    return (this as unknown as Record<string, Tensor>)[name]
  }
}

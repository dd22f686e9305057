// The form of torch's cases, and attributes that notice when nobody asked for them.
import type { Tensor } from '@cairn/tensor'
import type { StoredTensor } from '../files.ts'

export interface TorchCase {
  op: string
  attrs: Record<string, unknown>
  inputs: Record<string, StoredTensor>
  outputs?: StoredTensor[]
  grad_output?: StoredTensor | StoredTensor[]
  grads?: Record<string, StoredTensor>
  grad_seq?: unknown
  param_seq?: unknown
  total_norm?: number
}

/** Attributes by name, with the names that torch uses for the same thing. Reading marks them as understood. */
export class Attributes {
  readonly #values: Record<string, unknown>
  readonly #read = new Set<string>()
  constructor(values: Record<string, unknown>) {
    this.#values = values
  }

  #get(names: readonly string[]): unknown {
    let found: unknown
    for (const name of names) {
      this.#read.add(name)
      found ??= this.#values[name]
    }
    return found
  }
  has(...names: string[]): boolean {
    const value = this.#get(names)
    return value !== undefined && value !== null
  }
  raw(name: string): unknown {
    return this.#get([name])
  }
  number(fallback: number, ...names: string[]): number {
    const value = this.#get(names) ?? fallback
    if (typeof value !== 'number') throw new Error(`${names[0]} must be a number, not ${JSON.stringify(value)}`)
    return value
  }
  numbers(fallback: readonly number[], ...names: string[]): readonly number[] {
    const value = this.#get(names) ?? fallback
    return Array.isArray(value) ? value : [Number(value)]
  }
  flag(...names: string[]): boolean {
    return this.#get(names) === true
  }
  /** As `flag`, for what is on unless it is switched off. */
  flagOr(fallback: boolean, ...names: string[]): boolean {
    return this.has(...names) ? this.flag(...names) : fallback
  }
  text(fallback: string, ...names: string[]): string {
    return String(this.#get(names) ?? fallback)
  }

  /** Attributes that change the computation and were not read. Notes do not; neither does what is switched off. */
  unread(): string[] {
    const idle = (value: unknown) => value === false || value === null || value === 0 || value === 'mean'
    return Object.entries(this.#values).flatMap(([name, value]) =>
      this.#read.has(name) || /note|order/.test(name) || idle(value) ? [] : [name],
    )
  }
}

/** Inputs by name, as tensors. */
export type Inputs = Readonly<Record<string, Tensor>>

/** The inputs, and the names of those that nobody has read yet: a row that overlooks a weight must not pass. */
export function watched(inputs: Inputs): { inputs: Inputs; unread(): string[] } {
  const left = new Set(Object.keys(inputs))
  const proxy = new Proxy(inputs, {
    get(all, name) {
      left.delete(name as string)
      return all[name as string]
    },
  })
  return { inputs: proxy, unread: () => [...left] }
}

export interface Row {
  /** which issue of the plan brings the op */
  group: 'spine' | 'breadth'
  /** absent: the op does not exist yet */
  run?: (inputs: Inputs, attrs: Attributes, given: TorchCase) => Tensor | Tensor[]
}

// Which kernel has which index, and which changes the threads have not been told yet.

import type { Kernels } from './worker-source.ts'

interface Entry {
  readonly module: WebAssembly.Module
  readonly name: string | undefined
  /** Removed, but runs queued before may still need it. */
  leaving: boolean
}

export class KernelTable {
  readonly #entries: (Entry | undefined)[] = []
  readonly #free: number[] = []
  readonly #leaving: { readonly index: number; readonly after: number }[] = []
  readonly #added = new Map<number, WebAssembly.Module>()
  readonly #removed = new Set<number>()

  add(module: WebAssembly.Module, name: string | undefined): number {
    if (!WebAssembly.Module.exports(module).some(e => e.name === 'kernel' && e.kind === 'function'))
      throw new TypeError('addKernel: the module exports no function `kernel` (params, begin, end, scratch: i32)')
    const index = this.#free.pop() ?? this.#entries.length
    this.#entries[index] = { module, name, leaving: false }
    this.#added.set(index, module)
    return index
  }

  /** @param after number of runs after whose end the index may be given out again */
  remove(index: number, after: number): void {
    const entry = this.#entries[index]
    if (!entry || entry.leaving) throw new RangeError(`removeKernel: no kernel has the index ${index}`)
    entry.leaving = true
    this.#leaving.push({ index, after })
  }

  /** Lets go of what no run needs any more. */
  ended(runs: number): void {
    while (this.#leaving.length > 0 && this.#leaving[0].after <= runs) {
      const { index } = this.#leaving.shift()!
      this.#entries[index] = undefined
      this.#added.delete(index)
      this.#removed.add(index)
      this.#free.push(index)
    }
  }

  name(index: number): string | undefined {
    return this.#entries[index]?.name
  }

  /** The changes since the last call, or undefined. */
  changes(): Kernels | undefined {
    if (this.#added.size === 0 && this.#removed.size === 0) return undefined
    const changes: Kernels = { remove: [...this.#removed], add: [...this.#added] }
    this.#added.clear()
    this.#removed.clear()
    return changes
  }

  /** What a new worker starts with. */
  all(): Kernels {
    return { remove: [], add: this.#entries.flatMap((entry, i) => (entry ? [[i, entry.module] as const] : [])) }
  }
}

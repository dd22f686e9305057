// The objects that a recording knows weakly, each once: modules whose fields were read, storages, what live numbers belong to. Following a weak
// reference keeps its object for the rest of the job, which V8 writes into a table each time: 40 ns, and bytes that are garbage after the job. So what was found
// is held, by all tables, until the collector has run once: it is let go then, and what nobody else holds goes with the next collection.

import type { Found } from './found.ts'

/** What became of the objects of a table, by number; undefined: collected. */
export type Objects = readonly (object | undefined)[]

let holding: WeakTable[] = []
const collected = new FinalizationRegistry<null>(letGo)

/** Lets go of what is held, for a collection that shall take what it can. */
export function letGo(): void {
  for (const table of holding) table.letGo()
  holding = []
}

export class WeakTable {
  readonly #refs: WeakRef<object>[] = []
  readonly #numbers = new WeakMap<object, number>()
  #objects: Objects | null = null
  /** what a recording has made of the objects, held as long as they are */
  found: Found | null = null

  numberOf(object: object): number {
    let number = this.#numbers.get(object)
    if (number === undefined) {
      number = this.#refs.push(new WeakRef(object)) - 1
      this.#numbers.set(object, number)
    }
    return number
  }

  /** The object of a number. */
  at(number: number): object | undefined {
    return this.#refs[number].deref()
  }

  /** All of them; the table is complete. */
  objects(): Objects {
    if (this.#objects) return this.#objects
    // a witness that nobody knows: when the collector has taken it, it has run
    if (holding.length === 0) collected.register({}, null)
    holding.push(this)
    return (this.#objects = this.#refs.map(ref => ref.deref()))
  }

  letGo(): void {
    this.#objects = this.found = null
  }
}

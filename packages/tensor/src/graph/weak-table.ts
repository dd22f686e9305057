// The objects that a recording knows weakly, each once: modules whose fields were read, storages, what live numbers belong to. Following a weak
// reference keeps its object for the rest of the job, which V8 writes into a table each time: 40 ns. A replay meets an object in several roles, and
// follows its reference once.

/** What became of the objects of a table, by number; undefined: collected. */
export type Objects = readonly (object | undefined)[]

export class WeakTable {
  readonly #refs: WeakRef<object>[] = []
  readonly #numbers = new WeakMap<object, number>()

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

  objects(): Objects {
    const refs = this.#refs
    const objects: (object | undefined)[] = []
    for (let i = 0; i < refs.length; i++) objects.push(refs[i].deref())
    return objects
  }
}

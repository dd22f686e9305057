// Parts of the engine that only some programs need, each loaded by the first that does: a page fetches them then.

/** A module that is there once it was needed and waited for. */
export class Later<T> {
  readonly #load: () => Promise<T>
  #module: T | null = null
  #loading: Promise<void> | null = null
  #failed: { readonly error: unknown } | null = null

  constructor(load: () => Promise<T>) {
    this.#load = load
  }

  /** Null: it is there. A promise, which never rejects: ask again when it has settled. @throws why it could not be loaded; asked again, it tries again */
  need(): Promise<void> | null {
    if (this.#module) return null
    if (this.#failed) {
      const { error } = this.#failed
      this.#failed = null
      throw error
    }
    this.#loading ??= this.#load()
      .then(
        module => {
          this.#module = module
        },
        error => {
          this.#failed = { error }
        },
      )
      .finally(() => {
        this.#loading = null
      })
    return this.#loading
  }

  /** @throws Loading where it is not there: who has to do without it can be asked again then */
  get module(): T {
    const loading = this.need()
    if (loading) throw new Loading(loading)
    return this.#module!
  }
}

/** What must be waited for before all of these are there; null: nothing. @throws as `need` */
export function needAll(parts: Iterable<Later<unknown>>): Promise<unknown> | null {
  const missing = Array.from(parts, part => part.need()).filter(loading => loading !== null)
  return missing.length ? Promise.all(missing) : null
}

/** Thrown where something must be loaded before the same can be done. */
export class Loading extends Error {
  readonly done: Promise<unknown>
  constructor(done: Promise<unknown>) {
    super('a part of the engine is being loaded')
    this.done = done
  }
}

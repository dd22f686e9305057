// A vocabulary both ways: token to id by a Map, id to token by an array.
import { asId, asObject, type JsonObject, wrong } from '../json.ts'

/** Ids above this would make the id-to-token array larger than any real vocabulary by orders of magnitude. */
const MAX_SPREAD = 16

/** Is an id too large for the size of its vocabulary? A lying file must not make us allocate for ids that it merely names. */
export const isSpread = (max: number, size: number): boolean => max >= 1_000_000 && max > size * MAX_SPREAD

export class Vocabulary {
  readonly ids: ReadonlyMap<string, number>
  readonly tokens: readonly (string | undefined)[]

  constructor(entries: Iterable<readonly [string, number]>) {
    const ids = entries instanceof Map ? (entries as ReadonlyMap<string, number>) : new Map<string, number>(entries)
    let max = -1
    for (const id of ids.values()) if (id > max) max = id
    if (isSpread(max, ids.size)) wrong('model.vocab', `ids near the vocabulary's size ${ids.size}`, max)
    const tokens: (string | undefined)[] = new Array(max + 1).fill(undefined)
    for (const [token, id] of ids) tokens[id] = token
    this.ids = ids
    this.tokens = tokens
  }

  static fromJSON(json: unknown, where: string): Vocabulary {
    const entries = Object.entries(asObject(json, where))
    for (const [token, id] of entries) asId(id, `${where}[${JSON.stringify(token)}]`)
    return new Vocabulary(entries as [string, number][])
  }

  get size(): number {
    return this.ids.size
  }

  *entries(): Iterable<[string, number]> {
    for (let id = 0; id < this.tokens.length; id++) {
      const token = this.tokens[id]
      if (token !== undefined) yield [token, id]
    }
  }

  toJSON(): JsonObject {
    return Object.fromEntries(this.entries())
  }
}

// Which rows a filtered search may return: made once for a filter, used for many queries.

/** A set of row numbers, as a mask and as a sorted list. */
export class Selection {
  /** 1 for a row of the set; rows beyond its end are outside. */
  readonly mask: Uint8Array
  /** The rows of the set, ascending. */
  readonly ids: Int32Array

  private constructor(mask: Uint8Array, ids: Int32Array) {
    this.mask = mask
    this.ids = ids
  }

  /** Of a mask with one byte a row, not 0 where the row may be returned. The mask is not copied. */
  static fromMask(mask: Uint8Array): Selection {
    let count = 0
    for (let i = 0; i < mask.length; i++) if (mask[i]) count++
    const ids = new Int32Array(count)
    for (let i = 0, n = 0; i < mask.length; i++) if (mask[i]) ids[n++] = i
    return new Selection(mask, ids)
  }

  /** Of the listed rows. */
  static of(ids: ArrayLike<number>): Selection {
    const sorted = Int32Array.from(ids).sort()
    const mask = new Uint8Array(sorted.length ? sorted[sorted.length - 1] + 1 : 0)
    for (const id of sorted) mask[id] = 1
    return new Selection(mask, sorted)
  }

  /** Of the rows below `size` for which `test` holds. */
  static where(size: number, test: (id: number) => boolean): Selection {
    const mask = new Uint8Array(size)
    for (let i = 0; i < size; i++) if (test(i)) mask[i] = 1
    return Selection.fromMask(mask)
  }

  /** How many rows. */
  get size(): number {
    return this.ids.length
  }
}

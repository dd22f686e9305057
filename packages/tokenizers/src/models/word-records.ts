// A bounded cache from words to their ids, keyed by the UTF-16 units of a word so that no string is made of it. Everything
// kept of a word is one record in one array: reading it touches one line of memory.

/** The ids of a word: the first `length` of `ids`, valid until the next call. */
export type WordIds = { readonly ids: ArrayLike<number>; readonly length: number }

/** Gives the ids of the word that is units [start, end) of a text. */
export type IdsOf = (units: Uint16Array, start: number, end: number) => WordIds

// Sizes of the cache; all of it is emptied when a part is full. Measured on 5 MB of English: 32k words are 99% of the text.
const WORDS = 1 << 16
const SLOTS = 1 << 17
/** Words of 32 bits for what is kept of the words: characters in pairs, and ids. */
const RECORDS = 1 << 20

/** Longer words are better asked for each time: keeping them would push out the short ones, which come again. */
export const LONGEST_KEPT = 64

export class WordRecords {
  /**
   * Record `at` is the number of ids << 8 | the number of units, then the ids, then the units in pairs.
   * Written by `find` alone.
   */
  readonly records = new Int32Array(RECORDS)
  private readonly idsOf: IdsOf
  // A slot is a hash and where its record is, 0 for none.
  private readonly slots = new Int32Array(2 * SLOTS)
  private words = 0
  private end = 1

  constructor(idsOf: IdsOf) {
    this.idsOf = idsOf
  }

  /** Where the record of a word is, made if it is new; the word has at most `LONGEST_KEPT` units. */
  find(units: Uint16Array, start: number, end: number): number {
    const { slots, records } = this
    const length = end - start
    let hash = length
    let i = start
    for (; i + 1 < end; i += 2) hash = Math.imul(hash ^ units[i] ^ (units[i + 1] << 16), 0x9e3779b1) ^ (hash >>> 15)
    if (i < end) hash = Math.imul(hash ^ units[i], 0x9e3779b1)
    hash ^= hash >>> 15
    let slot = 2 * (hash & (SLOTS - 1))
    for (; slots[slot + 1] !== 0; slot = (slot + 2) & (2 * SLOTS - 1)) {
      if (slots[slot] !== hash) continue
      const at = slots[slot + 1]
      if ((records[at] & 255) !== length) continue
      let from = at + 1 + (records[at] >>> 8)
      let k = start
      while (k + 1 < end && records[from] === (units[k] | (units[k + 1] << 16))) {
        k += 2
        from++
      }
      if (k === end || (k + 1 === end && records[from] === units[k])) return at
    }
    return this.insert(units, start, end, hash, slot)
  }

  private insert(units: Uint16Array, start: number, end: number, hash: number, slot: number): number {
    const { slots, records } = this
    const { ids, length } = this.idsOf(units, start, end)
    const size = 1 + length + ((end - start + 1) >> 1)
    if (this.words === WORDS || this.end + size > RECORDS) {
      slots.fill(0)
      this.words = 0
      this.end = 1
      // Every slot is free now, so the word goes where its search began.
      slot = 2 * (hash & (SLOTS - 1))
    }
    const at = this.end
    this.words++
    this.end += size
    slots[slot] = hash
    slots[slot + 1] = at
    records[at] = (length << 8) | (end - start)
    let to = at + 1
    for (let i = 0; i < length; i++) records[to++] = ids[i]
    let i = start
    for (; i + 1 < end; i += 2) records[to++] = units[i] | (units[i + 1] << 16)
    if (i < end) records[to] = units[i]
    return at
  }
}

// Text to ids, word by word, without building strings, tokens or offsets: a scanner finds the words, a bounded cache keyed by
// their characters knows the ids of most of them, and what it doesn't know is asked of a model. For pipelines in which the
// ids of a word depend on the word alone.
import type { Scanner } from '../pretokenizers/pre-tokenizer.ts'
import { utf16Units } from '../unicode/utf16.ts'
import type { IdList } from './id-list.ts'

/** The ids of a word: the first `length` of `ids`, valid until the next call. */
export type WordIds = { readonly ids: ArrayLike<number>; readonly length: number }

/** Gives the ids of the word that is units [start, end) of a text. */
export type IdsOf = (units: Uint16Array, start: number, end: number) => WordIds

// Sizes of the cache; all of it is emptied when a part is full. Measured on 5 MB of English: 32k words are 99% of the text.
const WORDS = 1 << 16
const SLOTS = 1 << 17
/** Words of 32 bits for what is kept of the words: characters in pairs, and ids. */
const RECORDS = 1 << 20
/** Longer words are asked for each time: keeping them would push out the short ones, which come again. */
const LONGEST = 64
/** Units of a buffer that is kept between calls; longer texts get one of their own. */
const KEPT_UNITS = 1 << 16

export class WordEncoder {
  private readonly scan: Scanner
  private readonly idsOf: IdsOf
  // A slot is a hash and where its record is, 0 for none. A record is the word's length and its number of ids in one, the
  // ids, then the characters.
  private readonly slots = new Int32Array(2 * SLOTS)
  private readonly records = new Int32Array(RECORDS)
  private words = 0
  private end = 1
  private buffer = new Uint16Array(0)

  constructor(scan: Scanner, idsOf: IdsOf) {
    this.scan = scan
    this.idsOf = idsOf
  }

  /** Appends the ids of a well-formed text. */
  encode(text: string, out: IdList): void {
    const { scan, records } = this
    const units = this.units(text)
    const { length } = units
    for (let start = 0; start < length; ) {
      const end = scan(units, start)
      if (end - start > LONGEST) {
        const { ids, length } = this.idsOf(units, start, end)
        out.reserve(length)
        for (let i = 0; i < length; i++) out.ids[out.length++] = ids[i]
      } else {
        const at = this.record(units, start, end)
        const count = records[at] >>> 8
        if (out.length + count > out.ids.length) out.reserve(count)
        const { ids } = out
        let to = out.length
        for (let i = 1; i <= count; i++) ids[to++] = records[at + i]
        out.length = to
      }
      start = end
    }
  }

  /** The number of ids of a well-formed text. */
  count(text: string): number {
    const { scan, records } = this
    const units = this.units(text)
    let count = 0
    for (let start = 0; start < units.length; ) {
      const end = scan(units, start)
      if (end - start > LONGEST) count += this.idsOf(units, start, end).length
      else count += records[this.record(units, start, end)] >>> 8
      start = end
    }
    return count
  }

  private units(text: string): Uint16Array {
    if (this.buffer.length < text.length && text.length <= KEPT_UNITS) {
      this.buffer = new Uint16Array(Math.min(KEPT_UNITS, 2 * text.length))
    }
    return utf16Units(text, this.buffer)
  }

  /** Where the record of a word is, made if it is new. */
  private record(units: Uint16Array, start: number, end: number): number {
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

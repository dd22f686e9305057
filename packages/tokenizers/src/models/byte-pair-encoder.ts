// Byte-level BPE for speed: text to ids without building strings, tokens or offsets. Pre-tokens are found by a scanner,
// looked up by their characters in a bounded cache, and merged only when they are new. Equal to the pipeline of ByteLevel
// and BPE, which the tests check.
import type { Scanner } from '../pretokenizers/pre-tokenizer.ts'
import { byteChars } from '../unicode/byte-chars.ts'
import type { BPE } from './bpe.ts'
import { LongWords } from './long-word.ts'
import { Merger } from './merger.ts'

// Sizes of the cache; all of it is emptied when any part is full. Measured on 5 MB of English: 32k entries hold 99%.
const ENTRIES = 1 << 16
const SLOTS = 1 << 18
const CHARS = 1 << 20
const IDS = 1 << 19
/** Longer pre-tokens are merged each time: keeping them would push out the short ones, which come again. */
const LONGEST = 64
/** From this many units on, the linear method pays for its tables (30 ms for GPT-2, 150 ms for o200k, once). */
const VERY_LONG = 4096

/** Ids as they are found. */
export class IdList {
  ids: Uint32Array
  length = 0

  constructor(capacity: number) {
    this.ids = new Uint32Array(Math.max(16, capacity))
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.reserve(1)
    this.ids[this.length++] = id
  }

  reserve(more: number): void {
    if (this.length + more <= this.ids.length) return
    const larger = new Uint32Array(Math.max(this.ids.length * 2, this.length + more))
    larger.set(this.ids.subarray(0, this.length))
    this.ids = larger
  }

  finish(): Uint32Array {
    return this.ids.slice(0, this.length)
  }
}

export class BytePairEncoder {
  private readonly scan: Scanner
  private readonly byteIds: Int32Array
  private readonly merger: Merger
  private readonly wholeIds: ReadonlyMap<string, number> | undefined
  private longWords: LongWords | undefined | null
  // The cache: slots hold entry numbers + 1; an entry is a hash, its characters and its ids.
  private readonly slots = new Int32Array(SLOTS)
  private readonly hashes = new Int32Array(ENTRIES)
  private readonly charAt = new Int32Array(ENTRIES + 1)
  private readonly idAt = new Int32Array(ENTRIES + 1)
  private readonly chars = new Uint16Array(CHARS)
  private readonly ids = new Int32Array(IDS)
  private entries = 0

  private constructor(model: BPE, byteIds: Int32Array, scan: Scanner) {
    this.scan = scan
    this.byteIds = byteIds
    this.merger = new Merger(model.pairs)
    this.wholeIds = model.ignoreMerges ? model.vocabulary.ids : undefined
  }

  /** An encoder for a model, if the model is plain byte-level BPE: every byte has a token, nothing is random. */
  static of(model: BPE, scan: Scanner): BytePairEncoder | undefined {
    if (model.dropout || model.continuingSubwordPrefix || model.endOfWordSuffix) return undefined
    const byteIds = Int32Array.from(byteChars, char => model.vocabulary.ids.get(char) ?? -1)
    return byteIds.includes(-1) ? undefined : new BytePairEncoder(model, byteIds, scan)
  }

  /** Appends the ids of a well-formed text. */
  encode(text: string, out: IdList): void {
    const { scan } = this
    for (let start = 0; start < text.length; ) {
      const end = scan(text, start)
      if (end - start > LONGEST) {
        const { ids, length } = this.long(text, start, end)
        out.reserve(length)
        for (let i = 0; i < length; i++) out.ids[out.length++] = ids[i]
      } else {
        const entry = this.entry(text, start, end)
        const from = this.idAt[entry]
        const to = this.idAt[entry + 1]
        if (out.length + to - from > out.ids.length) out.reserve(to - from)
        for (let i = from; i < to; i++) out.ids[out.length++] = this.ids[i]
      }
      start = end
    }
  }

  /** The number of ids of a well-formed text. */
  count(text: string): number {
    const { scan } = this
    let count = 0
    for (let start = 0; start < text.length; ) {
      const end = scan(text, start)
      if (end - start > LONGEST) count += this.long(text, start, end).length
      else {
        const entry = this.entry(text, start, end)
        count += this.idAt[entry + 1] - this.idAt[entry]
      }
      start = end
    }
    return count
  }

  /** The cache entry of a pre-token, made if it is new. */
  private entry(text: string, start: number, end: number): number {
    const { slots, hashes, charAt, chars } = this
    const length = end - start
    let hash = length
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash ^= hash >>> 15
    let slot = (hash ^ (hash >>> 7)) & (SLOTS - 1)
    for (; slots[slot] !== 0; slot = (slot + 1) & (SLOTS - 1)) {
      const entry = slots[slot] - 1
      if (hashes[entry] !== hash) continue
      const from = charAt[entry]
      if (charAt[entry + 1] - from !== length) continue
      let i = 0
      while (i < length && chars[from + i] === text.charCodeAt(start + i)) i++
      if (i === length) return entry
    }
    return this.insert(text, start, end, hash, slot)
  }

  private insert(text: string, start: number, end: number, hash: number, slot: number): number {
    this.merge(text, start, end)
    const { merger } = this
    const needed = Math.max(end - start, merger.length)
    if (
      this.entries === ENTRIES ||
      this.charAt[this.entries] + needed > CHARS ||
      this.idAt[this.entries] + needed > IDS
    ) {
      this.slots.fill(0)
      this.entries = 0
      // Every slot is free now, so the pre-token goes where its search began.
      slot = (hash ^ (hash >>> 7)) & (SLOTS - 1)
    }
    const entry = this.entries++
    this.slots[slot] = entry + 1
    this.hashes[entry] = hash
    let at = this.charAt[entry]
    for (let i = start; i < end; i++) this.chars[at++] = text.charCodeAt(i)
    this.charAt[entry + 1] = at
    at = this.idAt[entry]
    for (let i = 0; i < merger.length; i++) this.ids[at++] = merger.ids[i]
    this.idAt[entry + 1] = at
    return entry
  }

  /** The ids of a pre-token that is not cached. */
  private long(text: string, start: number, end: number): { ids: Int32Array; length: number } {
    if (end - start >= VERY_LONG) {
      if (this.longWords === undefined) this.longWords = LongWords.of(this.merger.table, this.byteIds) ?? null
      // A pre-token of this length is no token of the vocabulary.
      if (this.longWords) {
        const bytes = new TextEncoder().encode(text.slice(start, end))
        const ids = new Int32Array(bytes.length)
        return { ids, length: this.longWords.encode(bytes, ids) }
      }
    }
    this.merge(text, start, end)
    return this.merger
  }

  /** Leaves the ids of a pre-token in the merger. */
  private merge(text: string, start: number, end: number): void {
    const { merger, byteIds, wholeIds } = this
    merger.reset()
    let spelled = ''
    const push = (byte: number) => {
      merger.push(byteIds[byte], 0, 0)
      if (wholeIds) spelled += byteChars[byte]
    }
    for (let i = start; i < end; i++) {
      let cp = text.charCodeAt(i)
      if (cp < 0x80) push(cp)
      else if (cp < 0x800) {
        push(0xc0 | (cp >> 6))
        push(0x80 | (cp & 63))
      } else if (cp < 0xd800 || cp > 0xdbff) {
        push(0xe0 | (cp >> 12))
        push(0x80 | ((cp >> 6) & 63))
        push(0x80 | (cp & 63))
      } else {
        cp = text.codePointAt(i++)!
        push(0xf0 | (cp >> 18))
        push(0x80 | ((cp >> 12) & 63))
        push(0x80 | ((cp >> 6) & 63))
        push(0x80 | (cp & 63))
      }
    }
    const whole = wholeIds?.get(spelled)
    if (whole !== undefined) {
      merger.reset()
      merger.push(whole, 0, 0)
    } else merger.run()
  }
}

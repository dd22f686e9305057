// The tokens of byte-level BPE as bytes, in order of rank: which two neighbours may be joined is told by whether their bytes
// together are a token, and what goes first by its place here. No list of merges is needed for that, so a file of ranks is
// ready once its bytes are in the table. One arena holds all bytes; a hash of a token is made from those of its parts.
import { byteChars } from '../unicode/byte-chars.ts'
import { PairTable } from './pair-table.ts'

/** The memo of joins has 2^(32 - 17) places. */
const MEMO_SHIFT = 17

/** Of the polynomial hash; odd, so that no byte is lost. */
const BASE = 0x01000193
const mix = (h: number) => {
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

export class RankTokens {
  /** Number of tokens. Below, a token is its index: 0 is the one that is joined first. */
  readonly size: number
  /** Token t is `bytes[starts[t]] .. bytes[starts[t + 1] - 1]`. */
  readonly bytes: Uint8Array
  readonly starts: Int32Array
  /** The id of each token. */
  readonly ids: Int32Array
  /** The token of each byte, -1 if it has none. */
  readonly ofByte: Int32Array = new Int32Array(256).fill(-1)
  /** The token of two bytes, at `first << 8 | second`, or -1. */
  readonly ofTwo: Int32Array = new Int32Array(1 << 16).fill(-1)
  /** Bytes of the longest token. */
  readonly longest: number = 0
  /** A token whose bytes an earlier one has, or -1. */
  readonly repeated: number = -1
  private readonly hashes: Int32Array
  private readonly powers: Int32Array
  // A slot holds a token + 1 in its low bits, and in those above some of the token's hash.
  private readonly slots: Int32Array
  private readonly mask: number
  // A bit for each hash: most joins are of no token, and 256 kB stay in a cache that the slots of o200k do not fit.
  private readonly filter = new Int32Array(1 << 16)
  // Joins asked for lately, a place for each hash: first token + 1, second token, answer. A text asks for the same ones again
  // and again, and this stays in the second-level cache, where a search of the whole misses it three times.
  private readonly memo = new Int32Array(4 << (32 - MEMO_SHIFT))
  // The two tokens that a token is made of: -1 not looked up yet, -2 none.
  private readonly lefts: Int32Array
  private readonly rights: Int32Array

  /** Takes the arrays. A token that comes twice is found where it came last. */
  constructor(bytes: Uint8Array, starts: Int32Array, ids: Int32Array) {
    const size = ids.length
    this.size = size
    this.bytes = bytes
    this.starts = starts
    this.ids = ids
    this.hashes = new Int32Array(size)
    this.lefts = new Int32Array(size).fill(-1)
    this.rights = new Int32Array(size)
    const bits = Math.max(4, 33 - Math.clz32(size))
    const slots = new Int32Array(1 << bits)
    const mask = slots.length - 1
    this.slots = slots
    this.mask = mask
    for (let t = 0; t < size; t++) {
      const from = starts[t]
      const to = starts[t + 1]
      if (to - from > this.longest) this.longest = to - from
      let h = 0
      for (let i = from; i < to; i++) h = (Math.imul(h, BASE) + bytes[i] + 1) | 0
      this.hashes[t] = h
      if (to - from === 1) this.ofByte[bytes[from]] = t
      else if (to - from === 2) this.ofTwo[(bytes[from] << 8) | bytes[from + 1]] = t
      const mixed = mix(h)
      this.filter[mixed >>> 16] |= 1 << ((mixed >>> 11) & 31)
      let slot = mixed & mask
      for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const other = (slots[slot] & mask) - 1
        if (this.hashes[other] !== h || !this.equals(other, bytes, from, to)) continue
        this.repeated = t
        break
      }
      slots[slot] = (mixed & ~mask) | (t + 1)
    }
    this.powers = new Int32Array(this.longest + 1).fill(1)
    for (let i = 1; i <= this.longest; i++) this.powers[i] = Math.imul(this.powers[i - 1], BASE)
  }

  /**
   * The tokens of a list of merges, if joining by rank is the same as going by the list: every token is made in one way,
   * of tokens made before it, and its own bytes become it.
   */
  static of(pairs: PairTable, byteIds: Int32Array): RankTokens | undefined {
    const size = 256 + pairs.size
    const starts = new Int32Array(size + 1)
    const ids = new Int32Array(size)
    const indexOf = new Map<number, number>()
    let bytes = new Uint8Array(1 << 16)
    let at = 0
    const end = (t: number, id: number) => {
      ids[t] = id
      starts[t + 1] = at
      indexOf.set(id, t)
    }
    for (let byte = 0; byte < 256; byte++) {
      if (indexOf.has(byteIds[byte])) return undefined
      bytes[at++] = byte
      end(byte, byteIds[byte])
    }
    for (let row = 0; row < pairs.size; row++) {
      if (row > 0 && pairs.priority[row] <= pairs.priority[row - 1]) return undefined
      const left = indexOf.get(pairs.left[row])
      const right = indexOf.get(pairs.right[row])
      if (left === undefined || right === undefined || indexOf.has(pairs.merged[row])) return undefined
      const length = starts[left + 1] - starts[left] + starts[right + 1] - starts[right]
      // A chain of doublings would be of any length; no real token is.
      if (length > MAX_LENGTH) return undefined
      if (at + length > bytes.length) {
        const larger = new Uint8Array(Math.max(bytes.length * 2, at + length))
        larger.set(bytes)
        bytes = larger
      }
      for (const part of [left, right]) {
        bytes.copyWithin(at, starts[part], starts[part + 1])
        at += starts[part + 1] - starts[part]
      }
      end(256 + row, pairs.merged[row])
    }
    const tokens = new RankTokens(bytes.slice(0, at), starts, ids)
    for (let row = 0; row < pairs.size; row++) {
      const t = 256 + row
      tokens.lefts[t] = indexOf.get(pairs.left[row])!
      tokens.rights[t] = indexOf.get(pairs.right[row])!
      if (tokens.join(tokens.lefts[t], tokens.rights[t]) !== t) return undefined
      if (!tokens.staySeparate(tokens.lefts[t], tokens.rights[t], t)) return undefined
    }
    return tokens
  }

  length(t: number): number {
    return this.starts[t + 1] - this.starts[t]
  }

  /** The token that is bytes [start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.longest) return -1
    let h = 0
    for (let i = start; i < end; i++) h = (Math.imul(h, BASE) + bytes[i] + 1) | 0
    const { slots, mask } = this
    const mixed = mix(h)
    for (let slot = mixed & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const value = slots[slot]
      if (((value ^ mixed) & ~mask) === 0 && this.equals((value & mask) - 1, bytes, start, end)) {
        return (value & mask) - 1
      }
    }
    return -1
  }

  /** The token whose bytes are those of two others, one after the other; -1 if there is none. */
  join(left: number, right: number): number {
    const { memo } = this
    const at = 4 * (Math.imul(Math.imul(left, BASE) ^ right, 0x9e3779b1) >>> MEMO_SHIFT)
    if (memo[at] === left + 1 && memo[at + 1] === right) return memo[at + 2]
    memo[at] = left + 1
    memo[at + 1] = right
    return (memo[at + 2] = this.lookUpJoined(left, right))
  }

  private lookUpJoined(left: number, right: number): number {
    const { starts, bytes, slots, mask, powers } = this
    const leftFrom = starts[left]
    const leftLength = starts[left + 1] - leftFrom
    const rightFrom = starts[right]
    const rightLength = starts[right + 1] - rightFrom
    if (leftLength + rightLength > this.longest) return -1
    const mixed = mix((Math.imul(this.hashes[left], powers[rightLength]) + this.hashes[right]) | 0)
    if (((this.filter[mixed >>> 16] >>> ((mixed >>> 11) & 31)) & 1) === 0) return -1
    for (let slot = mixed & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const value = slots[slot]
      if (((value ^ mixed) & ~mask) !== 0) continue
      const t = (value & mask) - 1
      const from = starts[t]
      if (starts[t + 1] - from !== leftLength + rightLength) continue
      let i = 0
      while (i < leftLength && bytes[from + i] === bytes[leftFrom + i]) i++
      if (i < leftLength) continue
      i = 0
      while (i < rightLength && bytes[from + leftLength + i] === bytes[rightFrom + i]) i++
      if (i === rightLength) return t
    }
    return -1
  }

  /** The first of the two tokens that a token is made of; -2 for a byte, and for one that its own bytes do not become. */
  left(t: number): number {
    if (this.lefts[t] === -1) this.split(t)
    return this.lefts[t]
  }

  /** The second of the two. */
  right(t: number): number {
    if (this.lefts[t] === -1) this.split(t)
    return this.rights[t]
  }

  /**
   * Would BPE leave these two side by side, at least until the token `limit` is made? Given that each of them is what its own
   * bytes become. Undoes the merges of both from the last on, and looks whether one across the border would come first.
   */
  staySeparate(left: number, right: number, limit: number): boolean {
    while (true) {
      const across = this.join(left, right)
      if (across >= 0 && across < limit) return false
      const isLeftByte = this.length(left) === 1
      const isRightByte = this.length(right) === 1
      if (isLeftByte && isRightByte) return true
      if (!isLeftByte && (isRightByte || left > right)) {
        if (left < limit) limit = left
        left = this.right(left)
      } else {
        // Of equal merges the left one is first, so one across the border, left of this one, goes before it.
        if (right + 1 < limit) limit = right + 1
        right = this.left(right)
      }
    }
  }

  /** Has every byte a token? */
  get isComplete(): boolean {
    return !this.ofByte.includes(-1)
  }

  /** A token in the byte alphabet. */
  spelled(t: number): string {
    let text = ''
    for (let i = this.starts[t]; i < this.starts[t + 1]; i++) text += byteChars[this.bytes[i]]
    return text
  }

  /** The tokens in the byte alphabet with their ids. */
  *vocab(): Iterable<[token: string, id: number]> {
    for (let t = 0; t < this.size; t++) yield [this.spelled(t), this.ids[t]]
  }

  /** The merges as a list, by the ids of the tokens. */
  pairs(): PairTable {
    const table = new PairTable(this.size)
    const { ids } = this
    for (let t = 0; t < this.size; t++) {
      const left = this.left(t)
      if (left >= 0) table.add(ids[left], ids[this.right(t)], ids[t], ids[t])
    }
    return table
  }

  /** Finds the two parts of a token: of all ways to cut it in two, the one at which BPE stops before making it. */
  private split(t: number): void {
    const { bytes, starts } = this
    const from = starts[t]
    const to = starts[t + 1]
    for (let cut = from + 1; cut < to; cut++) {
      const left = this.find(bytes, from, cut)
      if (left < 0 || left >= t || (cut - from > 1 && this.left(left) < 0)) continue
      const right = this.find(bytes, cut, to)
      if (right < 0 || right >= t || (to - cut > 1 && this.left(right) < 0)) continue
      if (!this.staySeparate(left, right, t)) continue
      this.lefts[t] = left
      this.rights[t] = right
      return
    }
    this.lefts[t] = -2
  }

  private equals(t: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.starts[t]
    if (this.starts[t + 1] - from !== end - start) return false
    let i = start
    while (i < end && this.bytes[from + i - start] === bytes[i]) i++
    return i === end
  }
}

/** Bytes; the longest token of o200k has 128. */
const MAX_LENGTH = 1 << 12

// BPE of very long words in linear time. Ids are guessed from the left, the longest token first; a guess stands if BPE
// would leave it and the token before it side by side, which their merges tell; otherwise a shorter one is tried, and when
// none is left the token before is taken back. No position is tried twice. The idea is that of rust-gems' bpe crate
// (van Antwerpen and Neubeck, "So many tokens, so little time", 2024).
import type { PairTable } from './pair-table.ts'
import { UnitTrie } from './unit-trie.ts'

/** Answers kept of "can these two stand side by side"; a power of two. */
const ANSWERS = 1 << 16

export class LongWords {
  private readonly pairs: PairTable
  /** By id: the two tokens that a token is made of, itself twice for a byte; and the priority of that merge. */
  private readonly left: Int32Array
  private readonly right: Int32Array
  private readonly rank: Int32Array
  private readonly lengths: Int32Array
  /** By id: the longest other token that a token starts with, or -1. */
  private readonly shorter: Int32Array
  private readonly trie = new UnitTrie()
  private readonly askedLeft = new Int32Array(ANSWERS).fill(-1)
  private readonly askedRight = new Int32Array(ANSWERS)
  private readonly answers = new Uint8Array(ANSWERS)

  private constructor(pairs: PairTable, byteIds: Int32Array, size: number) {
    this.pairs = pairs
    this.left = new Int32Array(size)
    this.right = new Int32Array(size)
    this.rank = new Int32Array(size).fill(-1)
    this.lengths = new Int32Array(size)
    this.shorter = new Int32Array(size).fill(-1)
    const spelled = new Array<string>(size)
    const add = (id: number, left: number, right: number, bytes: string) => {
      this.left[id] = left
      this.right[id] = right
      this.lengths[id] = bytes.length
      spelled[id] = bytes
      this.trie.add(bytes, id)
    }
    for (let byte = 0; byte < 256; byte++) add(byteIds[byte], byteIds[byte], byteIds[byte], String.fromCharCode(byte))
    for (let row = 0; row < pairs.size; row++) {
      const id = pairs.merged[row]
      this.rank[id] = pairs.priority[row]
      add(id, pairs.left[row], pairs.right[row], spelled[pairs.left[row]] + spelled[pairs.right[row]])
    }
    const { trie } = this
    for (let row = 0; row < pairs.size; row++) {
      const id = pairs.merged[row]
      const bytes = spelled[id]
      let node = 0
      for (let i = 0; i + 1 < bytes.length; i++) {
        node = trie.child(node, bytes.charCodeAt(i))
        if (trie.value(node) >= 0) this.shorter[id] = trie.value(node)
      }
    }
  }

  /**
   * For a table in which every token is made in one way, from tokens made before it. Others (merge lists with two ways
   * to one token, or out of order) give undefined: for them the argument does not hold.
   */
  static of(pairs: PairTable, byteIds: Int32Array): LongWords | undefined {
    let size = 0
    for (let row = 0; row < pairs.size; row++) size = Math.max(size, pairs.merged[row] + 1)
    for (const id of byteIds) size = Math.max(size, id + 1)
    const known = new Uint8Array(size)
    for (const id of byteIds) known[id] = 1
    for (let row = 0; row < pairs.size; row++) {
      if (row > 0 && pairs.priority[row] <= pairs.priority[row - 1]) return undefined
      const id = pairs.merged[row]
      if (known[id] || !known[pairs.left[row]] || !known[pairs.right[row]]) return undefined
      known[id] = 1
    }
    return new LongWords(pairs, byteIds, size)
  }

  /** The ids of a word, given as its bytes, into `out` from the start; returns how many. `out` holds a place per byte. */
  encode(bytes: Uint8Array, out: Int32Array): number {
    const { lengths, shorter } = this
    const n = bytes.length
    // Positions at which no cut can be, because everything behind them was tried.
    const closed = new Uint8Array(n + 1)
    let count = 0
    let at = 0
    let token = this.longest(bytes, 0)
    while (at < n || token >= 0) {
      const previous = count > 0 ? out[count - 1] : -1
      let accepted = false
      while (token >= 0) {
        const end = at + lengths[token]
        if (closed[end] === 0 && (previous < 0 || this.canFollow(previous, token))) {
          out[count++] = token
          at = end
          token = at < n ? this.longest(bytes, at) : -1
          accepted = true
          break
        }
        token = shorter[token]
      }
      if (accepted) {
        if (at === n) break
        continue
      }
      closed[at] = 1
      count--
      at -= lengths[previous]
      token = previous
    }
    return count
  }

  private longest(bytes: Uint8Array, at: number): number {
    const { trie } = this
    let node = 0
    let found = -1
    while (at < bytes.length) {
      node = trie.child(node, bytes[at++])
      if (node < 0) break
      const id = trie.value(node)
      if (id >= 0) found = id
    }
    return found
  }

  /** Would BPE leave these two side by side, given that it makes each of them of its own bytes? */
  private canFollow(first: number, second: number): boolean {
    const slot = (Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 16
    if (this.askedLeft[slot] === first && this.askedRight[slot] === second) return this.answers[slot] === 1
    const answer = this.staySeparate(first, second)
    this.askedLeft[slot] = first
    this.askedRight[slot] = second
    this.answers[slot] = answer ? 1 : 0
    return answer
  }

  /** Undoes the merges of both from the last on, and looks whether a merge across the border would have come first. */
  private staySeparate(first: number, second: number): boolean {
    const { pairs, left, right, rank } = this
    let limit = Number.POSITIVE_INFINITY
    while (true) {
      const row = pairs.find(first, second)
      if (row >= 0 && pairs.priority[row] < limit) return false
      const firstRank = rank[first]
      const secondRank = rank[second]
      if (firstRank < 0 && secondRank < 0) return true
      if (firstRank > secondRank) {
        limit = firstRank
        first = right[first]
      } else {
        // Of equal merges the left one is first, so one across the border, left of this one, goes before it.
        limit = secondRank + 1
        second = left[second]
      }
    }
  }
}

// A trie over bytes in typed arrays: the longest of many tokens that starts at a position. The first two bytes, and all three
// of a character that has three, are looked up directly; what lies deeper by hash. Tokens are put in when their first two
// bytes are first met: a text meets few of them, and all of o200k would take 100 ms.
import type { RankTokens } from './rank-tokens.ts'

export class ByteTrie {
  private readonly tokens: RankTokens
  /** Tokens by their first two bytes: those of `pair` from `firsts[pair]` up to `firsts[pair + 1]`. */
  private readonly byPair: Int32Array
  private readonly firsts: Int32Array
  private readonly isPut = new Uint8Array(1 << 16)
  /** The node of two bytes, and of a character of three bytes; 0 if nothing goes on from there. */
  private readonly ofTwo = new Int32Array(1 << 16)
  private readonly ofThree = new Int32Array(1 << 16)
  private readonly threeValues = new Int32Array(1 << 16).fill(-1)
  private nodes = 1
  // Open addressing. A slot is (node << 8 | byte), the node below or 0 if nothing goes on, the token that ends here or -1.
  private slots = new Int32Array(4 << 12)
  private mask = (1 << 12) - 1
  private used = 0

  constructor(tokens: RankTokens) {
    const { bytes, starts, size } = tokens
    this.tokens = tokens
    const firsts = new Int32Array((1 << 16) + 1)
    const pairOf = (t: number) => (bytes[starts[t]] << 8) | bytes[starts[t] + 1]
    for (let t = 0; t < size; t++) if (starts[t + 1] - starts[t] > 2) firsts[pairOf(t) + 1]++
    for (let pair = 0; pair < 1 << 16; pair++) firsts[pair + 1] += firsts[pair]
    const next = firsts.slice()
    this.byPair = new Int32Array(firsts[1 << 16])
    for (let t = 0; t < size; t++) if (starts[t + 1] - starts[t] > 2) this.byPair[next[pairOf(t)]++] = t
    this.firsts = firsts
  }

  /** The longest token that starts at `at` and ends at `end` or before; -1 if there is none. */
  longest(bytes: Uint8Array, at: number, end: number): number {
    const { tokens } = this
    if (at >= end) return -1
    let found = tokens.ofByte[bytes[at]]
    if (end - at < 2) return found
    const pair = (bytes[at] << 8) | bytes[at + 1]
    if (tokens.ofTwo[pair] >= 0) found = tokens.ofTwo[pair]
    if (this.isPut[pair] === 0) this.put(pair)
    let node = this.ofTwo[pair]
    let i = at + 2
    if (i < end && isThree(bytes, at)) {
      const three = threeIndex(bytes, at)
      if (this.threeValues[three] >= 0) found = this.threeValues[three]
      node = this.ofThree[three]
      i++
    }
    const { slots, mask } = this
    for (; node !== 0 && i < end; i++) {
      const key = (node << 8) | bytes[i]
      let slot = 4 * (hash(key) & mask)
      while (slots[slot] !== key && slots[slot] !== 0) slot = (slot + 4) & (4 * mask + 3)
      if (slots[slot] === 0) break
      node = slots[slot + 1]
      if (slots[slot + 2] >= 0) found = slots[slot + 2]
    }
    return found
  }

  /** Puts in the tokens that start with two bytes. */
  private put(pair: number): void {
    this.isPut[pair] = 1
    const { bytes, starts } = this.tokens
    for (let k = this.firsts[pair]; k < this.firsts[pair + 1]; k++) {
      const t = this.byPair[k]
      const to = starts[t + 1]
      let i = starts[t]
      let node: number
      if (isThree(bytes, i)) {
        const three = threeIndex(bytes, i)
        i += 3
        if (i === to) {
          this.threeValues[three] = t
          continue
        }
        node = this.ofThree[three] ||= this.nodes++
      } else {
        i += 2
        node = this.ofTwo[pair] ||= this.nodes++
      }
      for (; i + 1 < to; i++) {
        const slot = this.slotOf(node, bytes[i])
        node = this.slots[slot + 1] ||= this.nodes++
      }
      // The slots may be others once one is added, so they are looked up after.
      const last = this.slotOf(node, bytes[i])
      this.slots[last + 2] = t
    }
  }

  /** The slot of a node and a byte, made if there is none. */
  private slotOf(node: number, byte: number): number {
    if (2 * this.used > this.mask) this.grow()
    const key = (node << 8) | byte
    const slot = this.search(key)
    if (this.slots[slot] === 0) {
      this.used++
      this.slots[slot] = key
      this.slots[slot + 2] = -1
    }
    return slot
  }

  private search(key: number): number {
    const { slots, mask } = this
    let slot = 4 * (hash(key) & mask)
    while (slots[slot] !== key && slots[slot] !== 0) slot = (slot + 4) & (4 * mask + 3)
    return slot
  }

  private grow(): void {
    const old = this.slots
    this.slots = new Int32Array(old.length * 2)
    this.mask = this.slots.length / 4 - 1
    for (let i = 0; i < old.length; i += 4) {
      if (old[i] !== 0) this.slots.set(old.subarray(i, i + 3), this.search(old[i]))
    }
  }
}

/** Do the bytes at `at`, of which there are at least three, start with a character of three bytes? */
const isThree = (bytes: Uint8Array, at: number): boolean =>
  (bytes[at] & 0xf0) === 0xe0 && (bytes[at + 1] & 0xc0) === 0x80 && (bytes[at + 2] & 0xc0) === 0x80

const threeIndex = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] & 15) << 12) | ((bytes[at + 1] & 63) << 6) | (bytes[at + 2] & 63)

function hash(key: number): number {
  const h = Math.imul(key, 0x9e3779b1)
  return h ^ (h >>> 15)
}

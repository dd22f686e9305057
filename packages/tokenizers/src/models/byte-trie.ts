// A trie over bytes in typed arrays: the longest of many tokens that starts at a position. The first two bytes are looked up
// directly, what lies deeper by hash.
import type { RankTokens } from './rank-tokens.ts'

export class ByteTrie {
  /** The token that ends at each node, or -1. */
  private values = new Int32Array(1 << 12).fill(-1)
  private nodes = 1
  /** The node of two bytes, 0 if there is none. */
  private readonly ofTwo = new Int32Array(1 << 16)
  private readonly ofByte: Int32Array
  // Open addressing: (node << 8 | byte) and the node below, side by side.
  private slots = new Int32Array(1 << 14)
  private mask = (1 << 13) - 1

  constructor(tokens: RankTokens) {
    const { bytes, starts, size } = tokens
    this.ofByte = tokens.ofByte
    for (let t = 0; t < size; t++) {
      const from = starts[t]
      const to = starts[t + 1]
      if (to - from < 2) continue
      const two = (bytes[from] << 8) | bytes[from + 1]
      let node = this.ofTwo[two]
      if (node === 0) node = this.ofTwo[two] = this.add()
      for (let i = from + 2; i < to; i++) node = this.child(node, bytes[i]) || this.insert(node, bytes[i])
      this.values[node] = t
    }
  }

  /** The longest token that starts at `at`, and is shorter than `below`; -1 if there is none. */
  longest(bytes: Uint8Array, at: number, end: number, below: number): number {
    let found = below > 1 ? this.ofByte[bytes[at]] : -1
    if (end - at > below - 1) end = at + below - 1
    if (end - at < 2) return found
    let node = this.ofTwo[(bytes[at] << 8) | bytes[at + 1]]
    for (let i = at + 2; node !== 0; i++) {
      if (this.values[node] >= 0) found = this.values[node]
      if (i >= end) break
      node = this.child(node, bytes[i])
    }
    return found
  }

  private child(node: number, byte: number): number {
    const { slots, mask } = this
    const key = (node << 8) | byte
    let slot = hash(key) & mask
    while (true) {
      const other = slots[2 * slot]
      if (other === key) return slots[2 * slot + 1]
      if (other === 0) return 0
      slot = (slot + 1) & mask
    }
  }

  private add(): number {
    const node = this.nodes++
    if (node === this.values.length) {
      const larger = new Int32Array(node * 2).fill(-1)
      larger.set(this.values)
      this.values = larger
    }
    return node
  }

  private insert(node: number, byte: number): number {
    const child = this.add()
    if (this.nodes * 2 > this.mask) this.grow()
    this.put((node << 8) | byte, child)
    return child
  }

  private put(key: number, child: number): void {
    const { slots, mask } = this
    let slot = hash(key) & mask
    while (slots[2 * slot] !== 0) slot = (slot + 1) & mask
    slots[2 * slot] = key
    slots[2 * slot + 1] = child
  }

  private grow(): void {
    const old = this.slots
    this.slots = new Int32Array(old.length * 2)
    this.mask = old.length - 1
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) this.put(old[i], old[i + 1])
  }
}

function hash(key: number): number {
  const h = Math.imul(key, 0x9e3779b1)
  return h ^ (h >>> 15)
}

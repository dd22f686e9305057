// A trie over UTF-16 units in typed arrays: which of many strings start at a position, in one walk.

export class UnitTrie {
  private size = 1
  /** The first level, which every walk starts with, by unit; 0 for none. */
  private readonly roots = new Int32Array(1 << 16)
  // The others by open addressing. A slot is a node, a unit, and the node below; 0 in all if it is free.
  private slots = new Int32Array(4 << 10)
  private mask = (1 << 10) - 1
  private values = new Int32Array(512).fill(-1)

  /** Adds a string with a value from 0; a string that comes again keeps its last value. */
  add(text: string, value: number): void {
    let node = 0
    for (let i = 0; i < text.length; i++) node = this.childOrNew(node, text.charCodeAt(i))
    this.values[node] = value
  }

  /** The node below `node` (0 is the root) for a unit, or -1. */
  child(node: number, unit: number): number {
    if (node === 0) return this.roots[unit] || -1
    const { slots, mask } = this
    let slot = 4 * (hash(node, unit) & mask)
    while (true) {
      const at = slots[slot]
      if (at === 0) return -1
      if (at === node && slots[slot + 1] === unit) return slots[slot + 2]
      slot = (slot + 4) & (4 * mask + 3)
    }
  }

  /** The value of the string that ends at a node, or -1. */
  value(node: number): number {
    return this.values[node]
  }

  private childOrNew(node: number, unit: number): number {
    const known = this.child(node, unit)
    if (known >= 0) return known
    const child = this.size++
    if (child === this.values.length) {
      const larger = new Int32Array(child * 2).fill(-1)
      larger.set(this.values)
      this.values = larger
    }
    if (node === 0) this.roots[unit] = child
    else {
      if (this.size * 2 > this.mask) this.rehash()
      this.insert(node, unit, child)
    }
    return child
  }

  private insert(node: number, unit: number, child: number): void {
    const { slots, mask } = this
    let slot = 4 * (hash(node, unit) & mask)
    while (slots[slot] !== 0) slot = (slot + 4) & (4 * mask + 3)
    slots[slot] = node
    slots[slot + 1] = unit
    slots[slot + 2] = child
  }

  private rehash(): void {
    const old = this.slots
    this.slots = new Int32Array(old.length * 2)
    this.mask = this.slots.length / 4 - 1
    for (let i = 0; i < old.length; i += 4) if (old[i] !== 0) this.insert(old[i], old[i + 1], old[i + 2])
  }
}

function hash(node: number, unit: number): number {
  let h = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

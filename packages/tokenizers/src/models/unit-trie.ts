// A trie over UTF-16 units in typed arrays: which of many strings start at a position, in one walk.

export class UnitTrie {
  private size = 1
  // Open addressing from (node, unit) to child.
  private nodes = new Int32Array(1024).fill(-1)
  private units = new Uint16Array(1024)
  private children = new Int32Array(1024)
  private values = new Int32Array(512).fill(-1)

  /** Adds a string with a value from 0; a string that comes again keeps its last value. */
  add(text: string, value: number): void {
    let node = 0
    for (let i = 0; i < text.length; i++) node = this.childOrNew(node, text.charCodeAt(i))[0]
    this.values[node] = value
  }

  /** The node below `node` for a unit, made if it is not there; and whether it was made. */
  childOrNew(node: number, unit: number): [child: number, isNew: boolean] {
    const known = this.child(node, unit)
    if (known >= 0) return [known, false]
    const child = this.size++
    this.insert(node, unit, child)
    if (this.size > this.values.length) {
      const larger = new Int32Array(this.values.length * 2).fill(-1)
      larger.set(this.values)
      this.values = larger
    }
    if (this.size * 2 > this.nodes.length) this.rehash()
    return [child, true]
  }

  /** The node below `node` (0 is the root) for a unit, or -1. */
  child(node: number, unit: number): number {
    const mask = this.nodes.length - 1
    let slot = hash(node, unit) & mask
    while (true) {
      const at = this.nodes[slot]
      if (at < 0) return -1
      if (at === node && this.units[slot] === unit) return this.children[slot]
      slot = (slot + 1) & mask
    }
  }

  /** The value of the string that ends at a node, or -1. */
  value(node: number): number {
    return this.values[node]
  }

  private insert(node: number, unit: number, child: number): void {
    const mask = this.nodes.length - 1
    let slot = hash(node, unit) & mask
    while (this.nodes[slot] >= 0) slot = (slot + 1) & mask
    this.nodes[slot] = node
    this.units[slot] = unit
    this.children[slot] = child
  }

  private rehash(): void {
    const { nodes, units, children } = this
    this.nodes = new Int32Array(nodes.length * 2).fill(-1)
    this.units = new Uint16Array(nodes.length * 2)
    this.children = new Int32Array(nodes.length * 2)
    for (let i = 0; i < nodes.length; i++) if (nodes[i] >= 0) this.insert(nodes[i], units[i], children[i])
  }
}

function hash(node: number, unit: number): number {
  let h = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

// The merges of a BPE model: a pair of neighbouring symbols to a row with its priority and the symbol it makes. An
// open-addressing hash on typed arrays, because a real vocabulary has hundreds of thousands of rows and the table is asked
// once per pair of neighbours. Rows are in order of priority, so the arrays double as the merge list.

export class PairTable {
  left: Int32Array
  right: Int32Array
  /** The symbol that each row makes. */
  merged: Int32Array
  /** Lower goes first. Rows may share a priority; then the leftmost pair goes first. */
  priority: Int32Array
  size = 0
  private slots: Int32Array
  private mask: number

  constructor(capacity: number) {
    this.left = new Int32Array(capacity)
    this.right = new Int32Array(capacity)
    this.merged = new Int32Array(capacity)
    this.priority = new Int32Array(capacity)
    let slots = 8
    while (slots < capacity * 2) slots *= 2
    this.mask = slots - 1
    this.slots = new Int32Array(slots).fill(-1)
  }

  /** Adds a row; a pair that comes twice keeps its last row, as in the Rust library. */
  add(left: number, right: number, merged: number, priority: number = this.size): void {
    const row = this.size++
    this.left[row] = left
    this.right[row] = right
    this.merged[row] = merged
    this.priority[row] = priority
    let slot = hash(left, right) & this.mask
    while (true) {
      const other = this.slots[slot]
      if (other < 0 || (this.left[other] === left && this.right[other] === right)) break
      slot = (slot + 1) & this.mask
    }
    this.slots[slot] = row
  }

  /** The row of a pair, or -1. */
  find(left: number, right: number): number {
    const { slots, mask } = this
    let slot = hash(left, right) & mask
    while (true) {
      const row = slots[slot]
      if (row < 0 || (this.left[row] === left && this.right[row] === right)) return row
      slot = (slot + 1) & mask
    }
  }
}

function hash(left: number, right: number): number {
  let h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

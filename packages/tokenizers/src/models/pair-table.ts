// The merges of a BPE model: (left id, right id) to rank and merged id. An open-addressing hash on typed arrays, because
// the table of a real vocabulary has hundreds of thousands of rows and is asked once per pair of neighbours.
// Row r is the merge of rank r, so the arrays double as the merge list.

export class PairTable {
  readonly size: number
  readonly left: Int32Array
  readonly right: Int32Array
  readonly merged: Int32Array
  private readonly slots: Int32Array
  private readonly mask: number

  /** Rows in order of rank; a pair that comes twice keeps its last rank, as in the Rust library. */
  constructor(left: Int32Array, right: Int32Array, merged: Int32Array) {
    this.size = left.length
    this.left = left
    this.right = right
    this.merged = merged
    let capacity = 8
    while (capacity < this.size * 2) capacity *= 2
    this.mask = capacity - 1
    this.slots = new Int32Array(capacity).fill(-1)
    for (let row = 0; row < this.size; row++) {
      let slot = hash(left[row], right[row]) & this.mask
      while (true) {
        const other = this.slots[slot]
        if (other < 0 || (left[other] === left[row] && right[other] === right[row])) break
        slot = (slot + 1) & this.mask
      }
      this.slots[slot] = row
    }
  }

  /** The rank of a pair, or -1. */
  rank(left: number, right: number): number {
    let slot = hash(left, right) & this.mask
    while (true) {
      const row = this.slots[slot]
      if (row < 0 || (this.left[row] === left && this.right[row] === right)) return row
      slot = (slot + 1) & this.mask
    }
  }
}

function hash(left: number, right: number): number {
  let h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

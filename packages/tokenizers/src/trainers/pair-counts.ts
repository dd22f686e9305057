// The pairs of neighbouring symbols while BPE trains: how often each comes, in which words, and which is the most
// frequent. A heap holds each pair with a count that may be out of date; it is put right when it comes to the top.

const EMPTY = -1

export class PairCounts {
  // One row per pair ever seen.
  private left = new Int32Array(1024)
  private right = new Int32Array(1024)
  private counts = new Float64Array(1024)
  private readonly words: number[][] = []
  private size = 0
  // Open addressing from pair to row.
  private slots = new Int32Array(4096).fill(EMPTY)
  private heap: number[] = []
  /** The count that each heap entry was filed under. */
  private keys: number[] = []
  private lastTaken = -1
  /** Rows that gained occurrences since the last flush. */
  private touched: number[] = []
  private isTouched = new Uint8Array(1024)

  /** Adds `change` occurrences of a pair in a word. */
  change(left: number, right: number, change: number, word: number): void {
    const row = this.row(left, right)
    this.counts[row] += change
    if (change <= 0) return
    const words = this.words[row]
    if (words.length === 0 || words[words.length - 1] !== word) words.push(word)
    if (this.isTouched[row] === 0) {
      this.isTouched[row] = 1
      this.touched.push(row)
    }
  }

  /** Makes the pairs that gained occurrences candidates for the next merge. */
  flush(): void {
    // Merging a pair leaves none of it.
    if (this.lastTaken >= 0) this.counts[this.lastTaken] = 0
    this.lastTaken = -1
    for (const row of this.touched) {
      this.isTouched[row] = 0
      if (this.counts[row] > 0) this.push(row)
    }
    this.touched = []
  }

  /** The most frequent pair, ties to the smaller ids, with the words that hold it or held it. It is not offered again. */
  takeBest(): { left: number; right: number; count: number; words: number[] } | undefined {
    while (this.heap.length > 0) {
      const row = this.heap[0]
      const count = this.counts[row]
      if (this.keys[0] !== count) {
        if (count > 0) this.sink(row, count)
        else this.pop()
        continue
      }
      this.pop()
      const words = this.words[row]
      this.words[row] = []
      this.lastTaken = row
      return { left: this.left[row], right: this.right[row], count, words }
    }
    return undefined
  }

  private row(left: number, right: number): number {
    const mask = this.slots.length - 1
    let slot = hash(left, right) & mask
    while (true) {
      const row = this.slots[slot]
      if (row === EMPTY) break
      if (this.left[row] === left && this.right[row] === right) return row
      slot = (slot + 1) & mask
    }
    if (this.size === this.left.length) this.growRows()
    const row = this.size++
    this.left[row] = left
    this.right[row] = right
    this.words.push([])
    this.slots[slot] = row
    if (this.size * 2 > this.slots.length) this.growSlots()
    return row
  }

  private growRows(): void {
    const n = this.left.length * 2
    const grown = <T extends Int32Array | Float64Array | Uint8Array>(old: T, next: T): T => {
      next.set(old)
      return next
    }
    this.left = grown(this.left, new Int32Array(n))
    this.right = grown(this.right, new Int32Array(n))
    this.counts = grown(this.counts, new Float64Array(n))
    this.isTouched = grown(this.isTouched, new Uint8Array(n))
  }

  private growSlots(): void {
    const slots = new Int32Array(this.slots.length * 2).fill(EMPTY)
    const mask = slots.length - 1
    for (let row = 0; row < this.size; row++) {
      let slot = hash(this.left[row], this.right[row]) & mask
      while (slots[slot] !== EMPTY) slot = (slot + 1) & mask
      slots[slot] = row
    }
    this.slots = slots
  }

  /** Does pair a come before pair b? By count, then by the smaller ids. */
  private before(a: number, countA: number, b: number, countB: number): boolean {
    if (countA !== countB) return countA > countB
    return this.left[a] !== this.left[b] ? this.left[a] < this.left[b] : this.right[a] < this.right[b]
  }

  private push(row: number): void {
    const { heap, keys } = this
    const count = this.counts[row]
    let at = heap.length
    heap.push(row)
    keys.push(count)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(row, count, heap[parent], keys[parent])) break
      heap[at] = heap[parent]
      keys[at] = keys[parent]
      at = parent
    }
    heap[at] = row
    keys[at] = count
  }

  private pop(): void {
    const row = this.heap.pop()!
    const count = this.keys.pop()!
    if (this.heap.length > 0) this.sink(row, count)
  }

  /** Puts a pair in the place of the first one, as far down as it belongs. */
  private sink(row: number, count: number): void {
    const { heap, keys } = this
    let at = 0
    while (true) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.before(heap[child + 1], keys[child + 1], heap[child], keys[child])) child++
      if (!this.before(heap[child], keys[child], row, count)) break
      heap[at] = heap[child]
      keys[at] = keys[child]
      at = child
    }
    heap[at] = row
    keys[at] = count
  }
}

function hash(left: number, right: number): number {
  let h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

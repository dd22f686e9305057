// Merging a sequence of symbols by rank, the heart of BPE (Sennrich et al. 2016): repeatedly join the neighbours of
// lowest rank, the leftmost first. Short sequences are scanned; long ones use a heap over a linked list, so that the
// worst case is n log n. Both give the same symbols, which the tests check past the point where one takes over.
import type { PairTable } from './pair-table.ts'

/** Below this length the scan is faster than the heap. Measured on English and Japanese words: equal near 40. */
const HEAP_FROM = 40

/** Positions in a heap key take the low 27 bits of the integer part of a double, ranks the 26 above. */
const POSITION_BASE = 2 ** 27

export class Merger {
  /** Symbols of the sequence; after `run`, the first `run()` entries are the result. */
  ids = new Int32Array(64)
  /** Where each symbol starts and ends, in whatever unit the caller counts. */
  starts = new Int32Array(64)
  ends = new Int32Array(64)
  length = 0

  /** The table row of each symbol and the next one. */
  private rows = new Int32Array(64)
  private next = new Int32Array(0)
  private previous = new Int32Array(0)
  private readonly heap = new NumberHeap()
  readonly table: PairTable

  constructor(table: PairTable) {
    this.table = table
  }

  reset(): void {
    this.length = 0
  }

  push(id: number, start: number, end: number): void {
    if (this.length === this.ids.length) this.grow()
    this.ids[this.length] = id
    this.starts[this.length] = start
    this.ends[this.length++] = end
  }

  /** Merges until no rule applies. `skip`, when given, is asked before each merge and delays it (BPE dropout). */
  run(skip?: () => boolean): void {
    if (this.length < 2) return
    if (skip || this.length >= HEAP_FROM) this.runHeap(skip)
    else this.runScan()
  }

  private grow(): void {
    const size = this.ids.length * 2
    for (const name of ['ids', 'starts', 'ends', 'rows'] as const) {
      const larger = new Int32Array(size)
      larger.set(this[name])
      this[name] = larger
    }
  }

  private runScan(): void {
    const { ids, starts, ends, rows, table } = this
    const { priority, merged } = table
    let n = this.length
    for (let i = 0; i + 1 < n; i++) rows[i] = table.find(ids[i], ids[i + 1])
    while (true) {
      let best = -1
      let at = 0
      for (let i = 0; i + 1 < n; i++) {
        const row = rows[i]
        if (row < 0 || (best >= 0 && priority[row] >= best)) continue
        best = priority[row]
        at = i
      }
      if (best < 0) break
      ids[at] = merged[rows[at]]
      ends[at] = ends[at + 1]
      n--
      for (let i = at + 1; i < n; i++) {
        ids[i] = ids[i + 1]
        starts[i] = starts[i + 1]
        ends[i] = ends[i + 1]
        rows[i] = rows[i + 1]
      }
      if (at > 0) rows[at - 1] = table.find(ids[at - 1], ids[at])
      if (at + 1 < n) rows[at] = table.find(ids[at], ids[at + 1])
    }
    this.length = n
  }

  private runHeap(skip?: () => boolean): void {
    const { ids, starts, ends, table, heap } = this
    const { priority, merged } = table
    const n = this.length
    if (this.next.length < n) {
      this.next = new Int32Array(this.ids.length)
      this.previous = new Int32Array(this.ids.length)
    }
    const { next, previous } = this
    heap.clear()
    const offer = (at: number) => {
      const row = table.find(ids[at], ids[next[at]])
      if (row >= 0) heap.push(priority[row] * POSITION_BASE + at)
    }
    for (let i = 0; i < n; i++) {
      next[i] = i + 1
      previous[i] = i - 1
    }
    next[n - 1] = -1
    for (let i = 0; i + 1 < n; i++) offer(i)
    const skipped: number[] = []
    while (heap.size > 0) {
      const key = heap.pop()
      if (skip?.()) {
        skipped.push(key)
        continue
      }
      for (const old of skipped) heap.push(old)
      skipped.length = 0
      const at = key % POSITION_BASE
      const right = next[at]
      // The pair that this entry was made for may be gone: swallowed (-2), at the end, or changed.
      if (right < 0) continue
      const row = table.find(ids[at], ids[right])
      if (row < 0 || priority[row] !== (key - at) / POSITION_BASE) continue
      ids[at] = merged[row]
      ends[at] = ends[right]
      const after = next[right]
      next[right] = -2
      next[at] = after
      if (after >= 0) {
        previous[after] = at
        offer(at)
      }
      if (previous[at] >= 0) offer(previous[at])
    }
    let length = 0
    for (let at = 0; at >= 0; at = next[at]) {
      ids[length] = ids[at]
      starts[length] = starts[at]
      ends[length++] = ends[at]
    }
    this.length = length
  }
}

/** A binary min-heap of doubles. */
class NumberHeap {
  size = 0
  private items = new Float64Array(256)

  clear(): void {
    this.size = 0
  }

  push(value: number): void {
    if (this.size === this.items.length) {
      const larger = new Float64Array(this.items.length * 2)
      larger.set(this.items)
      this.items = larger
    }
    const { items } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (items[parent] <= value) break
      items[at] = items[parent]
      at = parent
    }
    items[at] = value
  }

  pop(): number {
    const { items } = this
    const top = items[0]
    const value = items[--this.size]
    const { size } = this
    let at = 0
    while (true) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && items[child + 1] < items[child]) child++
      if (items[child] >= value) break
      items[at] = items[child]
      at = child
    }
    items[at] = value
    return top
  }
}

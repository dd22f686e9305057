// Merging a sequence of symbols by rank, the heart of BPE (Sennrich et al. 2016): repeatedly join the neighbours of
// lowest rank, the leftmost first. Short sequences are scanned; long ones use a heap over a linked list, so that the
// worst case is n log n. Both give the same symbols, which the tests check past the point where one takes over.

/** How a merge is found: the rank of a pair (lower merges first), or -1; and the symbol that a rank makes. */
export interface MergeRules {
  rank(left: number, right: number): number
  readonly merged: Int32Array
}

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

  private ranks = new Int32Array(64)
  private next = new Int32Array(0)
  private previous = new Int32Array(0)
  private readonly heap = new NumberHeap()
  private readonly rules: MergeRules

  constructor(rules: MergeRules) {
    this.rules = rules
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
    for (const name of ['ids', 'starts', 'ends', 'ranks'] as const) {
      const larger = new Int32Array(size)
      larger.set(this[name])
      this[name] = larger
    }
  }

  private runScan(): void {
    const { ids, starts, ends, ranks, rules } = this
    let n = this.length
    for (let i = 0; i + 1 < n; i++) ranks[i] = rules.rank(ids[i], ids[i + 1])
    while (true) {
      let best = -1
      let at = 0
      for (let i = 0; i + 1 < n; i++) {
        const rank = ranks[i]
        if (rank >= 0 && (best < 0 || rank < best)) {
          best = rank
          at = i
        }
      }
      if (best < 0) break
      ids[at] = rules.merged[best]
      ends[at] = ends[at + 1]
      n--
      for (let i = at + 1; i < n; i++) {
        ids[i] = ids[i + 1]
        starts[i] = starts[i + 1]
        ends[i] = ends[i + 1]
        ranks[i] = ranks[i + 1]
      }
      if (at > 0) ranks[at - 1] = rules.rank(ids[at - 1], ids[at])
      if (at + 1 < n) ranks[at] = rules.rank(ids[at], ids[at + 1])
    }
    this.length = n
  }

  private runHeap(skip?: () => boolean): void {
    const { ids, starts, ends, rules, heap } = this
    const n = this.length
    if (this.next.length < n) {
      this.next = new Int32Array(this.ids.length)
      this.previous = new Int32Array(this.ids.length)
    }
    const { next, previous } = this
    heap.clear()
    const offer = (at: number) => {
      const rank = rules.rank(ids[at], ids[next[at]])
      if (rank >= 0) heap.push(rank * POSITION_BASE + at)
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
      const rank = (key - at) / POSITION_BASE
      const right = next[at]
      // The pair that this entry was made for may be gone: swallowed (-2), at the end, or changed.
      if (right < 0 || rules.rank(ids[at], ids[right]) !== rank) continue
      ids[at] = rules.merged[rank]
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

// Finds the best documents without scoring all of them: MaxScore (Turtle and Flood 1995) over windows of documents, with the
// upper bounds of blocks (Ding and Suel 2011) telling what a term can add inside a window. Terms whose bounds together cannot
// lift a document over the threshold do not bring in candidates; they are looked up for those that the other terms brought.
//
// Contributions are added in one fixed order of the terms however far pruning goes, so scores are equal to the last bit to those
// of scoring everything, and so are the results.
import type { Top } from './top.ts'

/** The documents of one term of a query, and what they score by it. */
export interface ScoredList {
  readonly docs: Uint32Array
  /** Its postings are `from` to `to`, without `to`. */
  readonly from: number
  readonly to: number
  /** No posting from `start` to `end` scores more than this. */
  bound(start: number, end: number): number
  /** Adds the scores of postings from `start` to `end` to the window. */
  addTo(window: Window, start: number, end: number): void
  /** The score of one posting. */
  scoreAt(posting: number): number
}

export const windowSize = 4096

/** A stretch of documents with the sums of their scores so far. */
export class Window {
  base = 0
  readonly sums = new Float64Array(windowSize)
  /** The window in which a document was last seen, as a count of windows. */
  readonly seen = new Int32Array(windowSize)
  stamp = 0
  /** The documents seen, counted from `base`. */
  readonly found = new Int32Array(windowSize)
  count = 0

  begin(base: number): void {
    this.base = base
    this.count = 0
    if (++this.stamp === 0x7fffffff) {
      this.seen.fill(0)
      this.stamp = 1
    }
  }
}

/** The first posting from `from` on whose document is not below `doc`: by doubling steps, then by halving. */
export function seek(docs: Uint32Array, from: number, to: number, doc: number): number {
  if (from >= to || docs[from] >= doc) return from
  let step = 1
  let low = from
  while (low + step < to && docs[low + step] < doc) {
    low += step
    step *= 2
  }
  let high = Math.min(to, low + step)
  low++
  while (low < high) {
    const middle = (low + high) >>> 1
    if (docs[middle] < doc) low = middle + 1
    else high = middle
  }
  return low
}

export interface PrunedSearch {
  /** In the order in which scores are added. */
  lists: readonly ScoredList[]
  documents: number
  /** Is this document one that may be found? Asked only of those that would be. Absent: all may. */
  accept: ((doc: number) => boolean) | null
  top: Top
  /** Added to the document's number to make its key. */
  firstKey: number
  window: Window
  /** False scores every document that has any of the terms. */
  prune: boolean
}

/** Offers the documents of one part to `top`. */
export function searchLists({ lists, documents, accept, top, firstKey, window, prune }: PrunedSearch): void {
  const n = lists.length
  const position = lists.map(list => list.from)
  const end = new Array<number>(n).fill(0)
  // rest[i]: what the lists from i on can add in this window.
  const rest = new Float64Array(n + 1)
  let base = 0
  while (base < documents) {
    let next = documents
    for (let i = 0; i < n; i++) {
      const list = lists[i]
      const at = position[i]
      if (at < list.to && list.docs[at] < next) next = list.docs[at]
    }
    if (next >= documents) return
    base = next
    const limit = base + windowSize
    for (let i = n - 1; i >= 0; i--) {
      const list = lists[i]
      end[i] = seek(list.docs, position[i], list.to, limit)
      // A negative score is no help to a document, and its absence no harm.
      rest[i] = rest[i + 1] + (end[i] > position[i] ? Math.max(0, list.bound(position[i], end[i])) : 0)
    }
    let threshold = top.threshold
    // Bounds are sums of rounded numbers: a hair of room keeps them above the sums that they bound.
    const slack = 1 + 1e-9
    let essential = n
    if (prune && threshold > 0) {
      essential = 0
      while (essential < n && rest[essential] * slack >= threshold) essential++
    }
    if (essential > 0) {
      window.begin(base)
      for (let i = 0; i < essential; i++) if (end[i] > position[i]) lists[i].addTo(window, position[i], end[i])
      const { found, sums, count } = window
      const others = rest[essential] * slack
      for (let c = 0; c < count; c++) {
        const local = found[c]
        let sum = sums[local]
        if (sum + others < threshold) continue
        const doc = base + local
        if (accept && !accept(doc)) continue
        for (let i = essential; i < n; i++) {
          if (sum + rest[i] * slack < threshold) break
          const list = lists[i]
          const at = seek(list.docs, position[i], end[i], doc)
          if (at < end[i] && list.docs[at] === doc) sum += list.scoreAt(at)
        }
        if (sum < threshold) continue
        top.add(sum, firstKey + doc)
        threshold = top.threshold
      }
    }
    for (let i = 0; i < n; i++) position[i] = end[i]
    base = limit
  }
}

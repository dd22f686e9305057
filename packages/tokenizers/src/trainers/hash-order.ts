// The order in which C++'s std::unordered_map (GNU) gives out the pairs of sentencepiece's BPE trainer, and which of them its
// std::partial_sort keeps. Sentencepiece looks for the next merge among the most frequent pairs only; where many are equally
// frequent, which of them it sees hangs on these two.

/** Numbers of buckets as the table grows. */
const BUCKETS = [
  13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1447153, 2938679,
  5967347, 12117689, 24607243, 49969847,
]
const NONE = -1

/** A table of entries numbered from 0, each with a 64-bit key, as its list of nodes. */
export class HashOrder {
  /** Number of entries now. */
  size = 0
  private buckets = 1
  private grown = 0
  private firsts = new Int32Array(1).fill(NONE)
  private head = NONE
  private next = new Int32Array(1024)
  private previous = new Int32Array(1024)
  private highs = new Uint32Array(1024)
  private lows = new Uint32Array(1024)

  insert(entry: number, high: number, low: number): void {
    if (entry >= this.next.length) this.reserve(entry + 1)
    this.highs[entry] = high
    this.lows[entry] = low
    if (this.size + 1 > (this.buckets === 1 ? 0 : this.buckets)) this.rehash()
    this.link(entry)
    this.size++
  }

  remove(entry: number): void {
    const { next, previous } = this
    const before = previous[entry]
    const after = next[entry]
    if (before === NONE) this.head = after
    else next[before] = after
    if (after !== NONE) previous[after] = before
    const bucket = this.bucket(entry)
    if (this.firsts[bucket] === entry) {
      this.firsts[bucket] = after !== NONE && this.bucket(after) === bucket ? after : NONE
    }
    this.size--
  }

  /** The entries in order, into an array that is long enough. Returns how many. */
  list(out: Int32Array): number {
    let n = 0
    for (let entry = this.head; entry !== NONE; entry = this.next[entry]) out[n++] = entry
    return n
  }

  private bucket(entry: number): number {
    const { buckets } = this
    return ((this.highs[entry] % buckets) * (4294967296 % buckets) + this.lows[entry]) % buckets
  }

  /** A new entry goes before the others of its bucket, or to the front of all if it is the first. */
  private link(entry: number): void {
    const { next, previous, firsts } = this
    const bucket = this.bucket(entry)
    const after = firsts[bucket] === NONE ? this.head : firsts[bucket]
    const before = after === NONE ? NONE : previous[after]
    next[entry] = after
    previous[entry] = before
    if (after !== NONE) previous[after] = entry
    if (before === NONE) this.head = entry
    else next[before] = entry
    firsts[bucket] = entry
  }

  private rehash(): void {
    this.buckets = BUCKETS[this.grown++]
    this.firsts = new Int32Array(this.buckets).fill(NONE)
    const entries = new Int32Array(this.size)
    const n = this.list(entries)
    this.head = NONE
    for (let i = 0; i < n; i++) this.link(entries[i])
  }

  private reserve(size: number): void {
    const grow = <T extends Int32Array | Uint32Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    const length = Math.max(size, this.next.length * 2)
    this.next = grow(this.next, new Int32Array(length))
    this.previous = grow(this.previous, new Int32Array(length))
    this.highs = grow(this.highs, new Uint32Array(length))
    this.lows = grow(this.lows, new Uint32Array(length))
  }
}

/**
 * The key of a pair from the keys of its parts, as [high, low]: Bob Jenkins' mix of three 64-bit numbers, of which the
 * middle one is fixed.
 */
export function pairKey(leftHigh: number, leftLow: number, rightHigh: number, rightLow: number): [number, number] {
  // a, b and c, in halves.
  const high = [leftHigh, 0xe08c1d66, rightHigh]
  const low = [leftLow, 0x8b756f82, rightLow]
  for (let step = 0; step < 12; step++) {
    const to = step % 3
    const one = (step + 1) % 3
    const two = (step + 2) % 3
    for (const from of [one, two]) {
      const difference = low[to] - low[from]
      high[to] = (high[to] - high[from] - (difference < 0 ? 1 : 0)) >>> 0
      low[to] = difference >>> 0
    }
    // Right, left, right; the number that shifts is the last one taken away.
    const [h, l] =
      to === 1 ? shiftLeft(high[two], low[two], SHIFTS[step]) : shiftRight(high[two], low[two], SHIFTS[step])
    high[to] = (high[to] ^ h) >>> 0
    low[to] = (low[to] ^ l) >>> 0
  }
  return [high[2], low[2]]
}

const SHIFTS = [43, 9, 8, 38, 23, 5, 35, 49, 11, 12, 18, 22]

const shiftRight = (high: number, low: number, n: number): [number, number] =>
  n >= 32 ? [0, high >>> (n - 32)] : [high >>> n, ((low >>> n) | (high << (32 - n))) >>> 0]

const shiftLeft = (high: number, low: number, n: number): [number, number] =>
  n >= 32 ? [(low << (n - 32)) >>> 0, 0] : [((high << n) | (low >>> (32 - n))) >>> 0, (low << n) >>> 0]

/** Brings the `size` entries with the largest keys to the front, as std::partial_sort's selection leaves them. */
export function selectLargest(entries: Int32Array, count: number, size: number, keys: ArrayLike<number>): void {
  const settle = (hole: number, entry: number) => {
    const top = hole
    let at = hole
    let child = 2 * at + 2
    for (; child < size; child = 2 * at + 2) {
      if (keys[entries[child]] > keys[entries[child - 1]]) child--
      entries[at] = entries[child]
      at = child
    }
    if (child === size) {
      entries[at] = entries[child - 1]
      at = child - 1
    }
    while (at > top) {
      const parent = (at - 1) >> 1
      if (!(keys[entries[parent]] > keys[entry])) break
      entries[at] = entries[parent]
      at = parent
    }
    entries[at] = entry
  }
  for (let parent = (size - 2) >> 1; parent >= 0; parent--) settle(parent, entries[parent])
  for (let i = size; i < count; i++) {
    if (keys[entries[i]] > keys[entries[0]]) {
      const entry = entries[i]
      entries[i] = entries[0]
      settle(0, entry)
    }
  }
}

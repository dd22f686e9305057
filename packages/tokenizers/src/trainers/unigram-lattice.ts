// The lattices of all words while Unigram trains: expected counts of pieces (forward and backward sums), how often each is
// in the best cut, and the second best cut of a piece. Sums are rounded to single precision and added in 16 shares, as
// sentencepiece does (unigram_model.cc): what is pruned hangs on differences that small.
import type { Seed } from './unigram-seed.ts'

/** Sentencepiece's default number of threads; the sums of each are added up at the end. */
const SHARES = 16
const UNKNOWN_PENALTY = 10
/** Sentencepiece counts unknown characters for the piece with this id. */
const UNKNOWN_ID = 0

const { fround } = Math

export class Lattices {
  private readonly seed: Seed
  private readonly counts: Float64Array
  private readonly from: Int32Array
  private readonly ids: Int32Array
  /** Pieces by id: a place in the text, the length, the log probability. */
  places: Int32Array
  lengths: Int32Array
  scores: Float32Array
  private unknownScore = 0
  // The nodes of one lattice, in order of start and then of length, and its positions.
  private nodeStarts = new Int32Array(256)
  private nodeEnds = new Int32Array(256)
  private nodeIds = new Int32Array(256)
  private nodeScores = new Float32Array(256)
  /** The score of the best path up to and with a node. */
  private nodeBest = new Float32Array(256)
  /** The next node that ends at the same position, or -1. */
  private nodeNext = new Int32Array(256)
  private size = 0
  private forward = new Float32Array(64)
  private backward = new Float32Array(64)
  private firstEnding = new Int32Array(64)
  private lastEnding = new Int32Array(64)

  constructor(seed: Seed, counts: Float64Array) {
    this.seed = seed
    this.counts = counts
    this.from = seed.from
    this.ids = seed.ids
    this.places = seed.places
    this.lengths = seed.lengths
    this.scores = seed.scores
    this.setUnknownScore()
  }

  get pieces(): number {
    return this.scores.length
  }

  get lowestScore(): number {
    let low = Number.POSITIVE_INFINITY
    for (const score of this.scores) if (score < low) low = score
    return low
  }

  text(id: number): string {
    return String.fromCodePoint(...this.seed.text.subarray(this.places[id], this.places[id] + this.lengths[id]))
  }

  /** Goes on with some of the pieces, in a new order. */
  keep(ids: ArrayLike<number>, scores: Float32Array): void {
    const renamed = new Int32Array(this.pieces).fill(-1)
    for (let i = 0; i < ids.length; i++) renamed[ids[i]] = i
    this.places = Int32Array.from(ids, id => this.places[id])
    this.lengths = Int32Array.from(ids, id => this.lengths[id])
    this.scores = scores
    let to = 0
    let at = 0
    for (let place = 0; place + 1 < this.from.length; place++) {
      const end = this.from[place + 1]
      this.from[place] = to
      for (; at < end; at++) if (renamed[this.ids[at]] >= 0) this.ids[to++] = renamed[this.ids[at]]
    }
    this.from[this.from.length - 1] = to
    this.setUnknownScore()
  }

  /** The E step: how often each piece is expected over all cuts of all words, by their probability. */
  expected(): Float32Array {
    const { starts } = this.seed
    const words = starts.length - 1
    const total = new Float32Array(this.pieces)
    const share = new Float32Array(this.pieces)
    for (let first = 0; first < Math.min(SHARES, words); first++) {
      share.fill(0)
      for (let word = first; word < words; word += SHARES) this.addExpected(word, share)
      for (let id = 0; id < share.length; id++) total[id] += share[id]
    }
    return total
  }

  private addExpected(word: number, expected: Float32Array): void {
    const { starts } = this.seed
    const length = starts[word + 1] - 1 - starts[word]
    this.load(starts[word], length)
    const { nodeStarts, nodeEnds, nodeIds, nodeScores, size, forward, backward } = this
    forward.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    backward.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    forward[0] = 0
    backward[length] = 0
    for (let i = 0; i < size; i++) {
      const end = nodeEnds[i]
      forward[end] = logAdd(forward[end], fround(nodeScores[i] + forward[nodeStarts[i]]))
    }
    // Positions from the end, but the nodes of each from the shortest.
    for (let last = size - 1; last >= 0; ) {
      let first = last
      const start = nodeStarts[last]
      while (first > 0 && nodeStarts[first - 1] === start) first--
      let sum = Number.NEGATIVE_INFINITY
      for (let i = first; i <= last; i++) sum = logAdd(sum, fround(nodeScores[i] + backward[nodeEnds[i]]))
      backward[start] = sum
      last = first - 1
    }
    const count = fround(this.counts[word])
    const whole = forward[length]
    for (let i = 0; i < size; i++) {
      const score = fround(fround(fround(forward[nodeStarts[i]] + nodeScores[i]) + backward[nodeEnds[i]]) - whole)
      expected[nodeIds[i]] += count * Math.exp(score)
    }
  }

  /** How often each piece is in the best cut of a word, the counts of those words, and of all words. */
  bestCuts(): { used: Float32Array; inWords: Float32Array; total: number } {
    const { starts } = this.seed
    const words = starts.length - 1
    const used = new Float32Array(this.pieces)
    const inWords = new Float32Array(this.pieces)
    const share = new Float32Array(this.pieces)
    let total = 0
    for (let first = 0; first < Math.min(SHARES, words); first++) {
      share.fill(0)
      let sum = 0
      for (let word = first; word < words; word += SHARES) {
        const length = starts[word + 1] - 1 - starts[word]
        this.load(starts[word], length)
        this.viterbi(length)
        const count = this.counts[word]
        sum = fround(sum + count)
        for (let node = this.lastOfBest(length); node >= 0; node = this.before(node)) {
          share[this.nodeIds[node]] += count
          inWords[this.nodeIds[node]] += count
        }
      }
      total = fround(total + sum)
      for (let id = 0; id < share.length; id++) used[id] += share[id]
    }
    return { used, inWords, total }
  }

  /**
   * What stands in for a piece that is taken away: the pieces of the next best cut of its text, none if there is no other
   * cut. Undefined if a cut without it is better already.
   */
  standIns(id: number): number[] | undefined {
    const length = this.lengths[id]
    this.load(this.places[id], length)
    if (this.size === 1) return []
    this.viterbi(length)
    const last = this.lastOfBest(length)
    if (this.nodeStarts[last] !== 0) return undefined
    return this.secondBest(length)
  }

  /** Lays out the nodes of the text at [place, place + length). */
  private load(place: number, length: number): void {
    const { from, ids, lengths, scores } = this
    if (this.forward.length <= length) {
      this.forward = new Float32Array(2 * length + 1)
      this.backward = new Float32Array(2 * length + 1)
      this.firstEnding = new Int32Array(2 * length + 1)
      this.lastEnding = new Int32Array(2 * length + 1)
    }
    const most = from[place + length] - from[place] + length
    if (this.nodeStarts.length < most) this.growNodes(2 * most)
    const { nodeStarts, nodeEnds, nodeIds, nodeScores } = this
    let size = 0
    for (let at = 0; at < length; at++) {
      const end = from[place + at + 1]
      let i = from[place + at]
      const hasChar = i < end && lengths[ids[i]] === 1
      for (; i < end; i++) {
        const id = ids[i]
        if (at + lengths[id] > length) break
        nodeStarts[size] = at
        nodeEnds[size] = at + lengths[id]
        nodeIds[size] = id
        nodeScores[size++] = scores[id]
      }
      if (!hasChar) {
        nodeStarts[size] = at
        nodeEnds[size] = at + 1
        nodeIds[size] = UNKNOWN_ID
        nodeScores[size++] = this.unknownScore
      }
    }
    this.size = size
  }

  /** The best score up to each node, and the nodes that end at each position in order. */
  private viterbi(length: number): void {
    const { nodeStarts, nodeEnds, nodeScores, nodeBest, nodeNext, firstEnding, lastEnding, forward, size } = this
    firstEnding.fill(-1, 0, length + 1)
    forward.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    forward[0] = 0
    for (let i = 0; i < size; i++) {
      const end = nodeEnds[i]
      const best = fround(forward[nodeStarts[i]] + nodeScores[i])
      nodeBest[i] = best
      nodeNext[i] = -1
      if (firstEnding[end] < 0) firstEnding[end] = i
      else nodeNext[lastEnding[end]] = i
      lastEnding[end] = i
      if (best > forward[end]) forward[end] = best
    }
  }

  /** The last node of the best path. */
  private lastOfBest(length: number): number {
    return this.bestEnding(length, 0)
  }

  /** The node before another on the best path to it; -1 at the start. */
  private before(node: number): number {
    const start = this.nodeStarts[node]
    return start === 0 ? -1 : this.bestEnding(start, this.nodeScores[node])
  }

  /** Of the nodes that end at a position, the first whose sum with a score is not rounded below the best one's. */
  private bestEnding(position: number, score: number): number {
    const { nodeBest, nodeNext } = this
    const best = fround(this.forward[position] + score)
    let node = this.firstEnding[position]
    while (fround(nodeBest[node] + score) !== best) node = nodeNext[node]
    return node
  }

  /** A* from the end (as in NBest of sentencepiece, with the order of its heap among equals): ids of the second path. */
  private secondBest(length: number): number[] {
    const { nodeStarts, nodeIds, nodeScores, nodeBest, nodeNext, firstEnding } = this
    // Partial paths: the node they start with, the path behind it, the exact score of that and the bound of the whole.
    const nodes = [-1]
    const nexts = [-1]
    const tails = [0]
    const bounds = [this.forward[length]]
    const heap = [0]
    let found = 0
    while (heap.length > 0) {
      const path = pop(heap, bounds)
      const node = nodes[path]
      if (node === -2) {
        if (++found < 2) continue
        const out: number[] = []
        for (let p = nexts[path]; nexts[p] >= 0; p = nexts[p]) out.push(nodeIds[nodes[p]])
        return out
      }
      const position = node < 0 ? length : nodeStarts[node]
      const push = (left: number, tail: number, bound: number) => {
        nodes.push(left)
        nexts.push(path)
        tails.push(tail)
        bounds.push(bound)
        pushUp(heap, bounds, nodes.length - 1)
      }
      if (position === 0) push(-2, tails[path], tails[path])
      else {
        for (let left = firstEnding[position]; left >= 0; left = nodeNext[left]) {
          push(left, fround(nodeScores[left] + tails[path]), fround(nodeBest[left] + tails[path]))
        }
      }
    }
    return []
  }

  private setUnknownScore(): void {
    this.unknownScore = fround(this.lowestScore - UNKNOWN_PENALTY)
  }

  private growNodes(size: number): void {
    this.nodeStarts = new Int32Array(size)
    this.nodeEnds = new Int32Array(size)
    this.nodeIds = new Int32Array(size)
    this.nodeScores = new Float32Array(size)
    this.nodeBest = new Float32Array(size)
    this.nodeNext = new Int32Array(size)
  }
}

/** log(exp(a) + exp(b)) in single precision; -Infinity is the sum of nothing. */
function logAdd(a: number, b: number): number {
  const low = Math.min(a, b)
  const high = Math.max(a, b)
  if (high > fround(low + 50)) return high
  return fround(high + Math.log(Math.exp(fround(low - high)) + 1))
}

// A binary heap with the order of C++'s push_heap and pop_heap, since equal bounds come out as that leaves them.

function pushUp(heap: number[], keys: readonly number[], item: number): void {
  heap.push(item)
  siftUp(heap, keys, heap.length - 1, item)
}

function siftUp(heap: number[], keys: readonly number[], at: number, item: number): void {
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!(keys[heap[parent]] < keys[item])) break
    heap[at] = heap[parent]
    at = parent
  }
  heap[at] = item
}

function pop(heap: number[], keys: readonly number[]): number {
  const top = heap[0]
  const item = heap.pop()!
  const n = heap.length
  if (n === 0) return top
  // The hole goes down to a leaf by the larger child, then the last item rises from there.
  let at = 0
  let child = 2
  while (child < n) {
    if (keys[heap[child]] < keys[heap[child - 1]]) child--
    heap[at] = heap[child]
    at = child
    child = 2 * at + 2
  }
  if (child === n) {
    heap[at] = heap[child - 1]
    at = child - 1
  }
  siftUp(heap, keys, at, item)
  return top
}

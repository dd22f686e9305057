// The lattice of a word while Unigram trains: expected counts of pieces (forward and backward sums), the best cut, and the
// best two. Positions are UTF-16 units; pieces are numbers into the list, -1 is an unknown character.

import { Lattice } from '../models/lattice.ts'
import { UnitTrie } from '../models/unit-trie.ts'
import type { Sentence } from './unigram.ts'

export type Piece = { text: string; score: number }

const UNKNOWN_PENALTY = 10

export function pieceTrie(pieces: readonly Piece[]): UnitTrie {
  const trie = new UnitTrie()
  pieces.forEach((piece, id) => trie.add(piece.text, id))
  return trie
}

const lowest = (pieces: readonly Piece[]) => pieces.reduce((low, piece) => Math.min(low, piece.score), 0)

/** Calls back with every piece of the word, by start and then by end. */
function edges(
  pieces: readonly Piece[],
  trie: UnitTrie,
  unknown: number,
  text: string,
  visit: (start: number, end: number, id: number, score: number) => void,
): void {
  for (let start = 0; start < text.length; ) {
    const charEnd = start + (text.codePointAt(start)! > 0xffff ? 2 : 1)
    let single = false
    let node = 0
    for (let at = start; at < text.length; ) {
      node = trie.child(node, text.charCodeAt(at++))
      if (node < 0) break
      const id = trie.value(node)
      if (id < 0) continue
      if (at === charEnd) single = true
      visit(start, at, id, pieces[id].score)
    }
    if (!single) visit(start, charEnd, -1, unknown)
    start = charEnd
  }
}

/** The E step: how often each piece is expected over all cuts of all words, by their probability. */
export function expectedCounts(pieces: readonly Piece[], sentences: readonly Sentence[]): Float64Array {
  const expected = new Float64Array(pieces.length)
  const trie = pieceTrie(pieces)
  const unknown = lowest(pieces) - UNKNOWN_PENALTY
  let starts = new Int32Array(256)
  let ends = new Int32Array(256)
  let ids = new Int32Array(256)
  let scores = new Float64Array(256)
  let size = 0
  const add = (start: number, end: number, id: number, score: number) => {
    if (size === starts.length) {
      const grow = <T extends Int32Array | Float64Array>(old: T, next: T): T => {
        next.set(old)
        return next
      }
      starts = grow(starts, new Int32Array(size * 2))
      ends = grow(ends, new Int32Array(size * 2))
      ids = grow(ids, new Int32Array(size * 2))
      scores = grow(scores, new Float64Array(size * 2))
    }
    starts[size] = start
    ends[size] = end
    ids[size] = id
    scores[size++] = score
  }
  for (const { text, count } of sentences) {
    const n = text.length
    size = 0
    edges(pieces, trie, unknown, text, add)
    // Edges come by start, so the forward sums are ready when an edge needs them; backward goes the other way.
    const forward = new Float64Array(n + 1)
    const backward = new Float64Array(n + 1)
    const reached = new Uint8Array(n + 1)
    reached[0] = 1
    for (let e = 0; e < size; e++) {
      const value = forward[starts[e]] + scores[e]
      forward[ends[e]] = reached[ends[e]] ? logAdd(forward[ends[e]], value) : value
      reached[ends[e]] = 1
    }
    reached.fill(0)
    reached[n] = 1
    for (let e = size - 1; e >= 0; e--) {
      const value = backward[ends[e]] + scores[e]
      backward[starts[e]] = reached[starts[e]] ? logAdd(backward[starts[e]], value) : value
      reached[starts[e]] = 1
    }
    for (let e = 0; e < size; e++) {
      if (ids[e] < 0) continue
      expected[ids[e]] += count * Math.exp(forward[starts[e]] + scores[e] + backward[ends[e]] - forward[n])
    }
  }
  return expected
}

function logAdd(a: number, b: number): number {
  const high = Math.max(a, b)
  const low = Math.min(a, b)
  return high - low > 50 ? high : high + Math.log1p(Math.exp(low - high))
}

/** The pieces of the best cut. */
export function viterbi(pieces: readonly Piece[], trie: UnitTrie, text: string): number[] {
  const n = text.length
  const best = new Float64Array(n + 1)
  const from = new Int32Array(n + 1).fill(-1)
  const piece = new Int32Array(n + 1)
  edges(pieces, trie, -1e6, text, (start, end, id, score) => {
    const value = best[start] + score
    if (from[end] >= 0 && value <= best[end]) return
    best[end] = value
    from[end] = start
    piece[end] = id
  })
  const out: number[] = []
  for (let at = n; at > 0; at = from[at]) out.push(piece[at])
  return out.reverse()
}

/** The pieces of the best cut and of the second best, if there is one. */
export function twoBest(pieces: readonly Piece[], trie: UnitTrie, text: string): [number[], number[] | undefined] {
  const lattice = new Lattice(text.length)
  const byPlace = new Map<string, number>()
  edges(pieces, trie, -1e6, text, (start, end, id, score) => {
    lattice.add(start, end, score)
    byPlace.set(`${start},${end}`, id)
  })
  const [best, second] = lattice.nbest(2).map(({ ends }) => {
    let start = 0
    return ends.map(end => {
      const id = byPlace.get(`${start},${end}`)!
      start = end
      return id
    })
  })
  return [best, second]
}

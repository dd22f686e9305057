// The ids of a Unigram model without tokens or strings, word by word. No best cut runs across the start of a word if no piece
// has a sign for white space inside, nor across a character that is in no piece; so what lies between is cut alone, and a
// bounded cache knows most of it. One thing does reach across: sums of scores are rounded, and two cuts that are almost
// equally good may change places with the sum that stands before them. So each word is kept with the margin by which its cut
// won, and where that is not above all rounding, the word is cut again behind the true sum.
import { utf8Into } from '../unicode/utf8.ts'
import { UnitBuffer } from '../unicode/utf16.ts'
import type { IdList } from './id-list.ts'
import type { UnitTrie } from './unit-trie.ts'
import { LONGEST_KEPT, type WordIds, WordRecords } from './word-records.ts'

const SPACE = 0x2581

export type UnigramPieces = {
  trie: UnitTrie
  /** By id. */
  scores: Float64Array
  unknownScore: number
  unkId: number
  fuseUnk: boolean
  singlePrecision: boolean
  /** The ids of bytes, which stand for unknown characters if given. */
  byteIds: Int32Array | undefined
  /** All that may occur in text. */
  pieces: Iterable<string>
}

// What a unit does.
/** It is in no piece. */
const APART = 0
const INSIDE = 1
/** It is at the start of pieces and nowhere else in them. */
const STARTS = 2

// How a word is kept: the margin, then for each piece its id, for an unknown character UNKNOWN, and behind what is unknown a
// byte b of it as BYTES - its id, if bytes stand for it.
const UNKNOWN = -1
const BYTES = -2

export class UnigramWords {
  private readonly model: UnigramPieces
  private readonly kinds = new Uint8Array(1 << 16)
  private readonly words: WordRecords
  /** The records' places as single-precision numbers: margins are such. */
  private readonly margins: Float32Array
  /** A word's cut is the same anywhere if its margin is above this, times its length, times the units up to its end. */
  private readonly rounding: number
  private readonly buffer = new UnitBuffer()
  // Of the word at work, by where a piece ends: the best score, the next best, where the piece starts, and which it is.
  private best = new Float64Array(256)
  private next = new Float64Array(256)
  private starts = new Int32Array(256)
  private ids = new Int32Array(256)
  private readonly cut = { ids: new Int32Array(256), length: 0 }
  private margin = new Float32Array(this.cut.ids.buffer, 0, 1)
  private bytes = new Uint8Array(256)

  constructor(model: UnigramPieces) {
    this.model = model
    const { kinds } = this
    kinds.fill(INSIDE, 0xd800, 0xe000)
    let isStart = true
    for (const piece of model.pieces) {
      for (let i = 0; i < piece.length; i++) kinds[piece.charCodeAt(i)] = INSIDE
      if (piece.includes('\u2581', 1)) isStart = false
    }
    if (isStart && kinds[SPACE] === INSIDE) kinds[SPACE] = STARTS
    let largest = Math.abs(model.unknownScore)
    for (const score of model.scores) largest = Math.max(largest, Math.abs(score))
    // Each of two sums, here and behind what stands before, is off by half a unit in the last place for each piece.
    this.rounding = 8 * 2 ** (model.singlePrecision ? -24 : -53) * largest
    this.words = new WordRecords((units, start, end) => this.alone(units, start, end))
    this.margins = new Float32Array(this.words.records.buffer)
  }

  /** Appends the ids of a text, of which each space is read as another unit. */
  encode(text: string, out: IdList, space: number): void {
    const units = this.buffer.units(text)
    const { length } = units
    if (space !== 32) for (let i = 0; i < length; i++) if (units[i] === 32) units[i] = space
    const { kinds, words, margins, rounding } = this
    const { scores, unknownScore, singlePrecision, unkId, fuseUnk, byteIds } = this.model
    const { records } = words
    let sum = 0
    let afterUnknown = false
    for (let at = 0; at < length; ) {
      let end = at + 1
      const isApart = kinds[units[at]] === APART
      if (isApart && !byteIds) {
        sum += unknownScore
        if (singlePrecision) sum = Math.fround(sum)
        if (!afterUnknown || !fuseUnk) out.push(unkId)
        afterUnknown = true
        at = end
        continue
      }
      if (!isApart) while (end < length && kinds[units[end]] === INSIDE) end++
      const size = end - at
      let entries: ArrayLike<number> = records
      let from = 0
      if (size <= LONGEST_KEPT) from = words.find(units, at, end)
      let to = from + 1 + (records[from] >>> 8)
      if (size > LONGEST_KEPT || !(margins[from + 1] > rounding * (size + 1) * end)) {
        const { ids, length } = this.behind(sum, units, at, end)
        entries = ids
        from = -1
        to = length
      }
      if (out.length + to - from > out.ids.length) out.reserve(to - from)
      const { ids } = out
      let count = out.length
      for (let i = from + 2; i < to; i++) {
        const entry = entries[i]
        if (entry >= 0 && entry !== unkId) {
          sum += scores[entry]
          ids[count++] = entry
          afterUnknown = false
        } else if (entry <= BYTES) {
          ids[count++] = BYTES - entry
          continue
        } else {
          sum += entry === UNKNOWN ? unknownScore : scores[unkId]
          if (!byteIds) {
            if (!afterUnknown || !fuseUnk) ids[count++] = unkId
            afterUnknown = true
          }
        }
        if (singlePrecision) sum = Math.fround(sum)
      }
      out.length = count
      at = end
    }
  }

  private alone(units: Uint16Array, start: number, end: number): WordIds {
    return this.behind(0, units, start, end)
  }

  /** The best cut of units [start, end) behind pieces of such a sum. Viterbi, as `Unigram.search` has it. */
  private behind(sum: number, units: Uint16Array, start: number, end: number): WordIds {
    const size = end - start
    if (this.best.length <= size) {
      this.best = new Float64Array(2 * size)
      this.next = new Float64Array(2 * size)
      this.starts = new Int32Array(2 * size)
      this.ids = new Int32Array(2 * size)
    }
    const { best, next, starts, ids } = this
    const { trie, scores, unknownScore, singlePrecision } = this.model
    best.fill(Number.NEGATIVE_INFINITY, 0, size + 1)
    next.fill(Number.NEGATIVE_INFINITY, 0, size + 1)
    starts.fill(-1, 0, size + 1)
    best[0] = sum
    for (let at = 0; at < size; ) {
      const here = best[at]
      const unit = units[start + at]
      const charEnd = unit >= 0xd800 && unit <= 0xdbff ? at + 2 : at + 1
      let single = false
      let node = 0
      for (let to = at; to < size; ) {
        node = trie.child(node, units[start + to++])
        if (node < 0) break
        const id = trie.value(node)
        if (id < 0) continue
        if (to === charEnd) single = true
        const candidate = scores[id] + here
        if (starts[to] >= 0 && candidate <= best[to]) {
          if (candidate > next[to]) next[to] = candidate
          continue
        }
        next[to] = best[to]
        best[to] = singlePrecision ? Math.fround(candidate) : candidate
        starts[to] = at
        ids[to] = id
      }
      if (!single) {
        const candidate = unknownScore + here
        if (starts[charEnd] < 0 || candidate > best[charEnd]) {
          next[charEnd] = best[charEnd]
          best[charEnd] = singlePrecision ? Math.fround(candidate) : candidate
          starts[charEnd] = at
          ids[charEnd] = -1
        } else if (candidate > next[charEnd]) next[charEnd] = candidate
      }
      at = charEnd
    }
    return this.written(units, start, size)
  }

  private written(units: Uint16Array, start: number, size: number): WordIds {
    const { best, next, starts, ids, cut } = this
    const { unkId, byteIds } = this.model
    // In reverse into the end of the list, which holds three bytes and a sign for each unit; then to its start.
    if (cut.ids.length < 4 * size + 1) {
      cut.ids = new Int32Array(8 * size)
      this.margin = new Float32Array(cut.ids.buffer, 0, 1)
    }
    const list = cut.ids
    let at = list.length
    let margin = Number.POSITIVE_INFINITY
    for (let end = size; end > 0; end = starts[end]) {
      const id = ids[end]
      margin = Math.min(margin, best[end] - next[end])
      if (byteIds && (id < 0 || id === unkId)) {
        if (this.bytes.length < 3 * (end - starts[end])) this.bytes = new Uint8Array(6 * (end - starts[end]))
        const n = utf8Into(units, start + starts[end], start + end, this.bytes)
        for (let i = n - 1; i >= 0; i--) list[--at] = BYTES - byteIds[this.bytes[i]]
      }
      list[--at] = id < 0 ? UNKNOWN : id
    }
    list.copyWithin(1, at)
    this.margin[0] = margin
    cut.length = 1 + list.length - at
    return cut
  }
}

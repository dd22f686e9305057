// BPE as sentencepiece trains it (bpe_model_trainer.cc of 0.1.97): the most frequent pair of neighbours becomes a piece, ties
// to the shorter and then to the one that comes first in order of code points; pairs that may not be pieces are never
// joined. Every hundred pieces it looks which pairs are the most frequent, and chooses among those and the new ones only.
import { compareCodePoints } from './alphabet.ts'
import { HashOrder, pairKey, selectLargest } from './hash-order.ts'
import { type AlphabetOptions, type PieceCorpus, pieceCorpus } from './piece-corpus.ts'
import { type PieceRules, pieceValidity, UNKNOWN } from './piece-rules.ts'
import type { TrainerOptions } from './trainer.ts'

export type BpePieceOptions = AlphabetOptions & PieceRules & Pick<TrainerOptions, 'onProgress'>

const UPDATE_INTERVAL = 100
/** The pairs to choose from: this many or this share of all symbols, whatever is more. */
const FEWEST_ACTIVE = 1000
const SHARE_ACTIVE = Math.fround(0.05)

/**
 * Pieces in the order of their merges, then the alphabet; their scores count down from 0.
 * @param options `vocabSize` counts `reserved` entries that are no pieces
 */
export function bpePieces(
  words: ReadonlyMap<string, number>,
  options: BpePieceOptions & { vocabSize: number; reserved: number },
): string[] {
  const { vocabSize, reserved, onProgress } = options
  const corpus = pieceCorpus(words, undefined, options)
  const wanted = vocabSize - reserved - corpus.alphabet.length
  const pairs = new Pairs(corpus, options)
  const pieces: string[] = []
  const seen = new Set<string>()
  while (pieces.length < wanted) {
    if (pieces.length % UPDATE_INTERVAL === 0) {
      pairs.update()
      onProgress?.({ stage: 'train', done: pieces.length, total: wanted })
    }
    const best = pairs.takeBest()
    if (best < 0) break
    const text = pairs.texts[best]
    // The same piece may come about in two ways; the second time it is not merged.
    if (seen.has(text)) pairs.forget(best)
    else {
      seen.add(text)
      pieces.push(text)
      pairs.merge(best)
    }
  }
  onProgress?.({ stage: 'train', done: pieces.length, total: pieces.length })
  for (const [char] of corpus.alphabet) pieces.push(char)
  return pieces
}

const NONE = -1

class Pairs {
  /** The text of each pair joined. */
  readonly texts: string[] = []
  private readonly isValid: ReturnType<typeof pieceValidity>
  // All words as one chain of symbols with gaps between words: a symbol stands where its first character stands.
  private readonly symbols: Int32Array
  private readonly next: Int32Array
  private readonly previous: Int32Array
  private readonly wordOf: Int32Array
  private readonly counts: Float64Array
  // Symbols: the characters first, then merged pairs, with their 64-bit keys.
  private readonly symbolTexts: string[] = []
  private readonly symbolHighs: number[] = []
  private readonly symbolLows: number[] = []
  // Pairs of symbols.
  private readonly ids = new Map<number, number>()
  private readonly lefts: number[] = []
  private readonly rights: number[] = []
  private readonly lengths: number[] = []
  private readonly highs: number[] = []
  private readonly lows: number[] = []
  private readonly frequencies: number[] = []
  /** Where the left symbol of a pair stood when the pair came about, in order. */
  private readonly positions: number[][] = []
  /** Pairs of equal symbols overlap, so they are counted anew when something near them changed. */
  private stale = new Set<number>()
  private readonly isActive: boolean[] = []
  private fresh: number[] = []
  /** Characters (below `characters`) and pairs, in the order of sentencepiece's table. */
  private readonly order = new HashOrder()
  private readonly characters: number
  private heap: number[] = []
  /** The frequency under which each heap entry was filed. */
  private keys: number[] = []

  constructor(corpus: PieceCorpus, rules: PieceRules) {
    this.isValid = pieceValidity(rules)
    this.counts = corpus.counts
    const words = corpus.words.map(word => Array.from(word))
    let size = 0
    for (const word of words) size += word.length
    this.symbols = new Int32Array(size).fill(NONE)
    this.next = new Int32Array(size).fill(NONE)
    this.previous = new Int32Array(size).fill(NONE)
    this.wordOf = new Int32Array(size)
    const known = new Map<string, number>()
    const unknown = String.fromCodePoint(UNKNOWN)
    let entries = 0
    let at = 0
    words.forEach((word, index) => {
      word.forEach((char, i) => {
        let id = known.get(char)
        if (id === undefined) {
          const code = char.codePointAt(0)!
          id = char === unknown ? NONE : this.addSymbol(char, 0, code)
          known.set(char, id)
          this.order.insert(entries++, 0, code)
        }
        this.wordOf[at] = index
        this.symbols[at] = id
        if (i > 0) {
          this.previous[at] = at - 1
          this.next[at - 1] = at
        }
        at++
      })
    })
    this.characters = entries
    for (let i = 0; i < size; i++) this.add(i, this.next[i])
  }

  /** Finds the most frequent pairs, from which the next ones are taken. */
  update(): void {
    const { order, characters, frequencies } = this
    for (const pair of this.stale) this.recount(pair)
    const entries = new Int32Array(order.size)
    const listed = order.list(entries)
    let count = 0
    for (let i = 0; i < listed; i++) if (entries[i] >= characters) entries[count++] = entries[i] - characters
    const share = Math.trunc(Math.fround(Math.fround(order.size) * SHARE_ACTIVE))
    const size = Math.min(Math.max(FEWEST_ACTIVE, share), count)
    selectLargest(entries, count, size, frequencies)
    this.isActive.fill(false)
    this.heap = []
    this.keys = []
    this.fresh = []
    for (const pair of entries.subarray(0, size)) this.activate(pair)
  }

  /** The most frequent active pair, which is not offered again; -1 if there is none. */
  takeBest(): number {
    const { heap, keys, frequencies } = this
    for (const pair of this.stale) if (this.isActive[pair]) this.recount(pair)
    while (heap.length > 0) {
      const pair = heap[0]
      const key = keys[0]
      this.pop()
      if (key === frequencies[pair]) return pair
      this.push(pair)
    }
    return NONE
  }

  /** Takes a pair out of the table. */
  forget(pair: number): void {
    this.ids.delete(this.lefts[pair] * 0x4000000 + this.rights[pair])
    this.order.remove(this.characters + pair)
    this.stale.delete(pair)
    this.isActive[pair] = false
    this.positions[pair] = []
  }

  /** Joins a pair wherever it stands. */
  merge(pair: number): void {
    const { symbols, next, previous } = this
    const left = this.lefts[pair]
    const right = this.rights[pair]
    const merged = this.addSymbol(this.texts[pair], this.highs[pair], this.lows[pair])
    for (const at of this.positions[pair]) {
      const behind = next[at]
      if (symbols[at] !== left || behind < 0 || symbols[behind] !== right) continue
      const before = previous[at]
      const after = next[behind]
      this.drop(before, at, pair)
      this.drop(behind, after, pair)
      symbols[at] = merged
      symbols[behind] = NONE
      next[at] = after
      if (after >= 0) previous[after] = at
      this.add(before, at)
      this.add(at, after)
    }
    this.forget(pair)
    for (const pair of this.fresh) {
      if (this.stale.has(pair)) this.recount(pair)
      this.activate(pair)
    }
    this.fresh = []
  }

  private addSymbol(text: string, high: number, low: number): number {
    this.symbolTexts.push(text)
    this.symbolHighs.push(high)
    this.symbolLows.push(low)
    return this.symbolTexts.length - 1
  }

  /** The pair of two positions; -1 if it may not be a piece. */
  private pair(left: number, right: number): number {
    if (left < 0 || right < 0) return NONE
    const a = this.symbols[left]
    const b = this.symbols[right]
    if (a < 0 || b < 0) return NONE
    const key = a * 0x4000000 + b
    let id = this.ids.get(key)
    if (id !== undefined) return id
    const text = this.symbolTexts[a] + this.symbolTexts[b]
    const points = Array.from(text, char => char.codePointAt(0)!)
    id = NONE
    if (this.isValid(points, 0, points.length)) {
      id = this.texts.length
      const { symbolHighs, symbolLows } = this
      const [high, low] = pairKey(symbolHighs[a], symbolLows[a], symbolHighs[b], symbolLows[b])
      this.texts.push(text)
      this.lefts.push(a)
      this.rights.push(b)
      this.lengths.push(points.length)
      this.highs.push(high)
      this.lows.push(low)
      this.frequencies.push(0)
      this.positions.push([])
      this.isActive.push(false)
      this.order.insert(this.characters + id, high, low)
    }
    this.ids.set(key, id)
    return id
  }

  private add(left: number, right: number): void {
    const id = this.pair(left, right)
    if (id < 0) return
    if (this.positions[id].length === 0) this.fresh.push(id)
    this.positions[id].push(left)
    if (this.lefts[id] === this.rights[id]) this.stale.add(id)
    else this.frequencies[id] += this.counts[this.wordOf[left]]
  }

  /** A neighbour is about to be merged away. */
  private drop(left: number, right: number, best: number): void {
    const id = this.pair(left, right)
    if (id < 0 || id === best) return
    if (this.lefts[id] === this.rights[id]) this.stale.add(id)
    else if (this.positions[id].length > 0) this.frequencies[id] -= this.counts[this.wordOf[left]]
  }

  /** Counts a pair of equal symbols: of two that overlap, the first. Places passed over are forgotten. */
  private recount(pair: number): void {
    const { symbols, next } = this
    const symbol = this.lefts[pair]
    let frequency = 0
    let end = NONE
    this.positions[pair] = this.positions[pair].filter(at => {
      const behind = next[at]
      const stands = symbols[at] === symbol && behind >= 0 && symbols[behind] === symbol
      if (!stands || at === end) {
        end = NONE
        return false
      }
      frequency += this.counts[this.wordOf[at]]
      end = behind
      return true
    })
    this.frequencies[pair] = frequency
    this.stale.delete(pair)
  }

  private activate(pair: number): void {
    this.isActive[pair] = true
    this.push(pair)
  }

  /** Does pair a, filed under a frequency, come before pair b? */
  private before(a: number, keyA: number, b: number, keyB: number): boolean {
    if (keyA !== keyB) return keyA > keyB
    if (this.lengths[a] !== this.lengths[b]) return this.lengths[a] < this.lengths[b]
    const order = compareCodePoints(this.texts[a], this.texts[b])
    return order === 0 ? a < b : order < 0
  }

  private push(pair: number): void {
    const { heap, keys } = this
    const key = this.frequencies[pair]
    let at = heap.length
    heap.push(pair)
    keys.push(key)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(pair, key, heap[parent], keys[parent])) break
      heap[at] = heap[parent]
      keys[at] = keys[parent]
      at = parent
    }
    heap[at] = pair
    keys[at] = key
  }

  private pop(): void {
    const { heap, keys } = this
    const pair = heap.pop()!
    const key = keys.pop()!
    const n = heap.length
    if (n === 0) return
    let at = 0
    for (let child = 1; child < n; child = 2 * at + 1) {
      if (child + 1 < n && this.before(heap[child + 1], keys[child + 1], heap[child], keys[child])) child++
      if (!this.before(heap[child], keys[child], pair, key)) break
      heap[at] = heap[child]
      keys[at] = keys[child]
      at = child
    }
    heap[at] = pair
    keys[at] = key
  }
}

// BPE as sentencepiece trains it (bpe_model_trainer.cc): the most frequent pair of neighbours becomes a piece, ties to the
// shorter and then to the one that comes first in order of code points; pairs that may not be pieces are never joined.
import { compareCodePoints } from './alphabet.ts'
import { type AlphabetOptions, type PieceCorpus, pieceCorpus } from './piece-corpus.ts'
import { type PieceRules, pieceValidity, UNKNOWN } from './piece-rules.ts'
import type { TrainerOptions } from './trainer.ts'

export type BpePieceOptions = AlphabetOptions & PieceRules & Pick<TrainerOptions, 'onProgress'>

/**
 * Pieces in the order of their merges, then the alphabet; their scores count down from 0.
 * @param options `vocabSize` counts `reserved` entries that are no pieces
 */
export function bpePieces(
  words: ReadonlyMap<string, number>,
  options: BpePieceOptions & { vocabSize: number; reserved: number },
): { pieces: string[] } {
  const { vocabSize, reserved, onProgress } = options
  const corpus = pieceCorpus(words, undefined, options)
  const wanted = vocabSize - reserved - corpus.alphabet.length
  const pairs = new Pairs(corpus, options)
  const pieces: string[] = []
  const seen = new Set<string>()
  while (pieces.length < wanted) {
    const best = pairs.takeBest()
    if (best < 0) break
    const text = pairs.texts[best]
    // The same piece may come about in two ways; the second time it is not merged.
    if (seen.has(text)) continue
    seen.add(text)
    pieces.push(text)
    pairs.merge(best)
    if (onProgress && (pieces.length & 63) === 0) onProgress({ stage: 'train', done: pieces.length, total: wanted })
  }
  onProgress?.({ stage: 'train', done: pieces.length, total: pieces.length })
  for (const [char] of corpus.alphabet) pieces.push(char)
  return { pieces }
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
  // Symbols: the characters first, then merged pairs.
  private readonly symbolTexts: string[] = []
  // Pairs of symbols.
  private readonly ids = new Map<number, number>()
  private readonly lefts: number[] = []
  private readonly rights: number[] = []
  private readonly lengths: number[] = []
  private readonly frequencies: number[] = []
  /** Where the left symbol of a pair stood when the pair came about, in order. */
  private readonly positions: number[][] = []
  /** Pairs of equal symbols overlap, so they are counted anew when something near them changed. */
  private readonly isStale: boolean[] = []
  private readonly heap: number[] = []
  /** The frequency under which each heap entry was filed. */
  private readonly keys: number[] = []
  private fresh: number[] = []

  constructor(corpus: PieceCorpus, rules: PieceRules) {
    this.isValid = pieceValidity(rules)
    this.counts = corpus.counts
    const characters = corpus.words.map(word => Array.from(word))
    let size = 0
    for (const word of characters) size += word.length
    this.symbols = new Int32Array(size).fill(NONE)
    this.next = new Int32Array(size).fill(NONE)
    this.previous = new Int32Array(size).fill(NONE)
    this.wordOf = new Int32Array(size)
    const known = new Map<string, number>()
    const unknown = String.fromCodePoint(UNKNOWN)
    let at = 0
    characters.forEach((word, index) => {
      const start = at
      for (const char of word) {
        this.wordOf[at] = index
        if (char !== unknown) {
          let id = known.get(char)
          if (id === undefined) {
            id = this.addSymbol(char)
            known.set(char, id)
          }
          this.symbols[at] = id
        }
        if (at > start) {
          this.previous[at] = at - 1
          this.next[at - 1] = at
        }
        at++
      }
      for (let i = start; i + 1 < at; i++) this.add(i, i + 1)
    })
    this.file()
  }

  /** The most frequent pair, which is not offered again; -1 if there is none. */
  takeBest(): number {
    const { heap, keys, frequencies } = this
    while (heap.length > 0) {
      const pair = heap[0]
      if (this.isStale[pair]) this.recount(pair)
      const key = keys[0]
      this.pop()
      if (key === frequencies[pair]) return pair
      this.push(pair)
    }
    return NONE
  }

  /** Joins a pair wherever it stands. */
  merge(pair: number): void {
    const { symbols, next, previous } = this
    const left = this.lefts[pair]
    const right = this.rights[pair]
    const merged = this.addSymbol(this.texts[pair])
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
    this.positions[pair] = []
    this.file()
  }

  private addSymbol(text: string): number {
    this.symbolTexts.push(text)
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
      this.texts.push(text)
      this.lefts.push(a)
      this.rights.push(b)
      this.lengths.push(points.length)
      this.frequencies.push(0)
      this.positions.push([])
      this.isStale.push(false)
      this.fresh.push(id)
    }
    this.ids.set(key, id)
    return id
  }

  private add(left: number, right: number): void {
    const id = this.pair(left, right)
    if (id < 0) return
    this.positions[id].push(left)
    if (this.lefts[id] === this.rights[id]) this.isStale[id] = true
    else this.frequencies[id] += this.counts[this.wordOf[left]]
  }

  /** A neighbour is about to be merged away. */
  private drop(left: number, right: number, best: number): void {
    const id = this.pair(left, right)
    if (id < 0 || id === best) return
    if (this.lefts[id] === this.rights[id]) this.isStale[id] = true
    else this.frequencies[id] -= this.counts[this.wordOf[left]]
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
    this.isStale[pair] = false
  }

  /** Puts the pairs made since the last time into the heap. */
  private file(): void {
    for (const pair of this.fresh) {
      if (this.isStale[pair]) this.recount(pair)
      this.push(pair)
    }
    this.fresh = []
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

// Unigram (Kudo 2018): of all ways to cut a text into pieces, the one whose log probabilities sum highest (Viterbi). The
// best cuts beyond the first, and cuts drawn by their probability, come from the same lattice (lattice.ts).
import { TokenizerError } from '../errors.ts'
import { asArray, asBoolean, asId, asNumber, asString, type JsonObject, optional, wrong } from '../json.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { byteToken } from './bpe.ts'
import type { IdList } from './id-list.ts'
import { Lattice } from './lattice.ts'
import type { Model, Token } from './model.ts'
import { UnigramWords } from './unigram-words.ts'
import { UnitTrie } from './unit-trie.ts'
import { WordCache } from './word-cache.ts'

export type UnigramOptions = {
  /** Pieces and their log probabilities, by id. */
  vocab?: Iterable<readonly [piece: string, score: number]>
  /** The id for text that no piece covers. */
  unkId?: number | null
  /** Text that no piece covers becomes the tokens of its UTF-8 bytes, if all are there. */
  byteFallback?: boolean
  /** Neighbouring unknown characters become one unknown token. Default true. */
  fuseUnk?: boolean
  /** Keep sums of scores in single precision, as sentencepiece does; near-ties then fall as they do there. */
  singlePrecision?: boolean
  /** Pieces that must be taken where they occur (sentencepiece's user-defined symbols). */
  forced?: Iterable<string>
  /** Pieces that never occur in text: control tokens, bytes, unused entries. By id. */
  excluded?: Iterable<number>
  /** Draw a cut by probability instead of taking the best: smoothing alpha, and how many best cuts to draw from. */
  sampling?: { alpha: number; nbest?: number; random?: () => number } | null
}

/** An unknown character costs this much more than the least likely piece. */
const UNKNOWN_PENALTY = 10

export class Unigram implements Model {
  readonly type = 'Unigram'
  readonly pieces: readonly string[]
  readonly scores: Float64Array
  readonly unkId: number | null
  readonly byteFallback: boolean
  readonly fuseUnk: boolean
  readonly singlePrecision: boolean
  sampling: UnigramOptions['sampling']
  private readonly ids = new Map<string, number>()
  private readonly trie = new UnitTrie()
  private readonly unknownScore: number
  private readonly forced: ReadonlySet<number>
  private bestScores = new Float64Array(256)
  private bestStarts = new Int32Array(256)
  private readonly excluded: ReadonlySet<number>
  private words: UnigramWords | null | undefined
  private readonly cache = new WordCache()
  private readonly split = (text: string) => this.toTokens(text, this.best(text))

  constructor(options: UnigramOptions = {}) {
    const entries = [...(options.vocab ?? [])]
    this.pieces = entries.map(([piece]) => piece)
    this.scores = Float64Array.from(entries, ([, score]) => score)
    this.unkId = options.unkId ?? null
    this.byteFallback = options.byteFallback ?? false
    this.fuseUnk = options.fuseUnk ?? true
    this.singlePrecision = options.singlePrecision ?? false
    this.sampling = options.sampling ?? null
    if (this.unkId !== null && this.unkId >= entries.length)
      wrong('model.unk_id', 'an id of the vocabulary', this.unkId)
    const forced = new Set(options.forced ?? [])
    const excluded = new Set(options.excluded ?? [])
    this.excluded = excluded
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    entries.forEach(([piece, score], id) => {
      this.ids.set(piece, id)
      if (excluded.has(id)) return
      if (piece !== '') this.trie.add(piece, id)
      if (forced.has(piece)) return
      min = Math.min(min, score)
      max = Math.max(max, score)
    })
    this.unknownScore = min - UNKNOWN_PENALTY
    // Their score is such that nothing beats them: sentencepiece gives a long one more than its parts could sum to.
    this.forced = new Set([...forced].map(piece => this.ids.get(piece)!))
    for (const id of this.forced) {
      const bytes = utf8Bytes(this.pieces[id]).length
      this.scores[id] = Math.fround(bytes * Math.fround(max)) - 0.1
    }
  }

  static fromJSON(json: JsonObject, where: string): Unigram {
    return new Unigram({
      vocab: asArray(json.vocab, `${where}.vocab`).map((entry, i) => {
        const [piece, score] = asArray(entry, `${where}.vocab[${i}]`)
        return [asString(piece, `${where}.vocab[${i}][0]`), asNumber(score, `${where}.vocab[${i}][1]`)] as const
      }),
      unkId: optional(json.unk_id, `${where}.unk_id`, asId, null),
      byteFallback: optional(json.byte_fallback, `${where}.byte_fallback`, asBoolean, false),
    })
  }

  get vocabSize(): number {
    return this.pieces.length
  }

  tokenToId(token: string): number | undefined {
    return this.ids.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.pieces[id]
  }

  *vocab(): Iterable<[string, number]> {
    for (let id = 0; id < this.pieces.length; id++) yield [this.pieces[id], id]
  }

  tokenize(text: string): Token[] {
    const { sampling } = this
    if (sampling) {
      const { alpha, nbest = -1, random = Math.random } = sampling
      return this.toTokens(text, this.lattice(text).sample(alpha, nbest, random))
    }
    return this.cache.get(text, this.split)
  }

  /** The best `n` cuts of a text with their scores, the best first. */
  nbest(text: string, n: number): { tokens: Token[]; score: number }[] {
    return this.lattice(text)
      .nbest(n)
      .map(({ ends, score }) => ({ tokens: this.toTokens(text, ends), score }))
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      unk_id: this.unkId,
      vocab: this.pieces.map((piece, id) => [piece, this.scores[id]]),
      byte_fallback: this.byteFallback,
    }
  }

  /** Calls back with every piece that starts at a position, and with the unknown character if no piece is one character. */
  private piecesAt(text: string, start: number, visit: (end: number, id: number, score: number) => void): void {
    const { trie, scores } = this
    const charEnd = start + (text.codePointAt(start)! > 0xffff ? 2 : 1)
    let single = false
    let node = 0
    for (let at = start; at < text.length; ) {
      node = trie.child(node, text.charCodeAt(at++))
      if (node < 0) break
      const id = trie.value(node)
      if (id < 0) continue
      if (at === charEnd) single = true
      visit(at, id, scores[id])
    }
    if (!single) visit(charEnd, -1, this.unknownScore)
  }

  /** Where the pieces of the best cut end. The same pieces as `piecesAt` gives, without a call for each. */
  private best(text: string): number[] {
    this.search(text)
    const { bestStarts } = this
    const ends: number[] = []
    for (let end = text.length; end > 0; end = bestStarts[end]) ends.push(end)
    return ends.reverse()
  }

  /** Leaves in `bestStarts`, by where a piece ends, the best cut of all before it. */
  private search(text: string): void {
    const { trie, unknownScore } = this
    const pieceScores = this.scores
    const n = text.length
    if (this.bestScores.length <= n) {
      this.bestScores = new Float64Array(2 * n)
      this.bestStarts = new Int32Array(2 * n)
    }
    const { bestScores: scores, bestStarts: starts } = this
    scores[0] = 0
    starts.fill(-1, 0, n + 1)
    // Sentencepiece adds in double precision, and rounds what it keeps to single.
    const { singlePrecision } = this
    for (let start = 0; start < n; ) {
      const here = scores[start]
      const charEnd = start + (text.codePointAt(start)! > 0xffff ? 2 : 1)
      let single = false
      let node = 0
      for (let at = start; at < n; ) {
        node = trie.child(node, text.charCodeAt(at++))
        if (node < 0) break
        const id = trie.value(node)
        if (id < 0) continue
        if (at === charEnd) single = true
        const candidate = pieceScores[id] + here
        if (starts[at] >= 0 && candidate <= scores[at]) continue
        scores[at] = singlePrecision ? Math.fround(candidate) : candidate
        starts[at] = start
      }
      if (!single) {
        const candidate = unknownScore + here
        if (starts[charEnd] < 0 || candidate > scores[charEnd]) {
          scores[charEnd] = singlePrecision ? Math.fround(candidate) : candidate
          starts[charEnd] = start
        }
      }
      start = charEnd
    }
  }

  /**
   * Appends the ids of `tokenize(text)` and nothing else, several times as fast; false where that cannot be done.
   * @param space what each space of the text is read as
   */
  encode(text: string, out: IdList, space = 32): boolean {
    if (this.sampling) return false
    if (this.words === undefined) this.words = this.idWords() ?? null
    this.words?.encode(text, out, space)
    return this.words !== null
  }

  private idWords(): UnigramWords | undefined {
    const { ids, trie, scores, unknownScore, unkId, fuseUnk, singlePrecision, excluded } = this
    if (unkId === null) return undefined
    // A character that is such a piece, or text that is two pieces, has the id of the last one in `toTokens`.
    for (const id of excluded) {
      const piece = this.pieces[id]
      if (piece === undefined || [...piece].length < 2 || ids.get(piece) !== id) return undefined
    }
    const pieces = this.pieces.filter((piece, id) => !excluded.has(id) && piece !== '')
    if (pieces.some(piece => excluded.has(ids.get(piece)!))) return undefined
    const byteIds = this.byteFallback
      ? Int32Array.from({ length: 256 }, (_, b) => ids.get(byteToken(b)) ?? -1)
      : undefined
    if (byteIds?.includes(-1)) return undefined
    return new UnigramWords({ trie, scores, unknownScore, unkId, fuseUnk, singlePrecision, byteIds, pieces })
  }

  private lattice(text: string): Lattice {
    const lattice = new Lattice(text.length)
    for (let start = 0; start < text.length; start += text.codePointAt(start)! > 0xffff ? 2 : 1) {
      this.piecesAt(text, start, (end, _id, score) => lattice.add(start, end, score))
    }
    return lattice
  }

  private toTokens(text: string, ends: readonly number[]): Token[] {
    const out: Token[] = []
    let start = 0
    let unknownFrom = -1
    const flush = (end: number) => {
      if (unknownFrom >= 0) this.pushUnknown(out, text.slice(unknownFrom, end), unknownFrom, end)
      unknownFrom = -1
    }
    for (const end of ends) {
      const value = text.slice(start, end)
      const id = this.ids.get(value)
      if (id !== undefined && id !== this.unkId) {
        flush(start)
        out.push({ id, value, start, end })
      } else {
        if (!this.fuseUnk) flush(start)
        if (unknownFrom < 0) unknownFrom = start
      }
      start = end
    }
    flush(text.length)
    return out
  }

  private pushUnknown(out: Token[], value: string, start: number, end: number): void {
    if (this.byteFallback) {
      const tokens = utf8Bytes(value).map(byteToken)
      const ids = tokens.map(token => this.ids.get(token))
      if (ids.every(id => id !== undefined)) {
        tokens.forEach((token, i) => out.push({ id: ids[i]!, value: token, start, end }))
        return
      }
    }
    if (this.unkId === null) {
      throw new TokenizerError('Unigram: a character is in no piece and the model has no unkId: set it')
    }
    out.push({ id: this.unkId, value, start, end })
  }
}

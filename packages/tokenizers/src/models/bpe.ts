// Byte pair encoding (Sennrich et al. 2016), with the options that tokenizer.json knows: dropout (Provilkov et al.
// 2020), unknown token and its fusing, continuing-word prefix, end-of-word suffix, byte fallback and ignoreMerges.
import { asArray, asBoolean, asNumber, asString, type Json, type JsonObject, optional, wrong } from '../json.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { Merger } from './merger.ts'
import type { Model, Token } from './model.ts'
import { PairTable } from './pair-table.ts'
import type { RankTokens } from './rank-tokens.ts'
import { Vocabulary } from './vocabulary.ts'
import { WordCache } from './word-cache.ts'

export type BPEOptions = {
  /** Tokens and their ids. */
  vocab?: Iterable<readonly [string, number]>
  /** Pairs of tokens in order of priority, or their table. Pairs with the same third member have the same priority. */
  merges?: Iterable<readonly [left: string, right: string, priority?: number]> | PairTable
  /** In place of `vocab` and `merges`: tokens by rank, in bytes. The two are then made from them when they are asked for. */
  ranks?: RankTokens
  /** Probability of leaving out a merge, drawn anew for each; 0 to 1. */
  dropout?: number | null
  /** Stands for characters outside the vocabulary; without it they are dropped. */
  unkToken?: string | null
  /** Put before every symbol of a word but the first, e.g. `##`. */
  continuingSubwordPrefix?: string | null
  /** Put after the last symbol of a word, e.g. `</w>`. */
  endOfWordSuffix?: string | null
  /** Neighbouring unknown characters become one unknown token. */
  fuseUnk?: boolean
  /** Characters outside the vocabulary become the tokens `<0x00>` to `<0xFF>` of their UTF-8 bytes, if all are there. */
  byteFallback?: boolean
  /** A pre-token that is itself in the vocabulary is one token, whatever the merges say. */
  ignoreMerges?: boolean
  /** Source of randomness for dropout: numbers in [0, 1). */
  random?: () => number
}

export class BPE implements Model {
  readonly type = 'BPE'
  readonly ranks: RankTokens | undefined
  readonly dropout: number | null
  readonly unkToken: string | null
  readonly continuingSubwordPrefix: string | null
  readonly endOfWordSuffix: string | null
  readonly fuseUnk: boolean
  readonly byteFallback: boolean
  readonly ignoreMerges: boolean
  private readonly random: () => number
  private readonly unkId: number
  private readonly byteIds: Int32Array | undefined
  private knownVocabulary: Vocabulary | undefined
  private knownPairs: PairTable | undefined
  private knownMerger: Merger | undefined
  private readonly cache = new WordCache()
  private readonly mergeWord = (word: string) => this.merge(word)

  constructor(options: BPEOptions = {}) {
    this.ranks = options.ranks
    if (!this.ranks) this.knownVocabulary = new Vocabulary(options.vocab ?? [])
    this.dropout = options.dropout ?? null
    this.unkToken = options.unkToken ?? null
    this.continuingSubwordPrefix = options.continuingSubwordPrefix ?? null
    this.endOfWordSuffix = options.endOfWordSuffix ?? null
    this.fuseUnk = options.fuseUnk ?? false
    this.byteFallback = options.byteFallback ?? false
    this.ignoreMerges = options.ignoreMerges ?? false
    this.random = options.random ?? Math.random
    if (this.dropout !== null && !(this.dropout >= 0 && this.dropout <= 1)) {
      wrong('model.dropout', 'a probability from 0 to 1', this.dropout)
    }
    if (options.merges instanceof PairTable) this.knownPairs = options.merges
    else if (!this.ranks) this.knownPairs = this.pairTable(options.merges ?? [])
    this.unkId = this.unkToken === null ? -1 : (this.vocabulary.ids.get(this.unkToken) ?? -1)
    this.byteIds = this.byteFallback ? this.fallbackIds() : undefined
  }

  static fromJSON(json: JsonObject, where: string): BPE {
    const merges = asArray(json.merges, `${where}.merges`).map((merge, i) => readMerge(merge, `${where}.merges[${i}]`))
    return new BPE({
      vocab: Vocabulary.fromJSON(json.vocab, `${where}.vocab`).entries(),
      merges,
      dropout: optional(json.dropout, `${where}.dropout`, asNumber, null),
      unkToken: optional(json.unk_token, `${where}.unk_token`, asString, null),
      continuingSubwordPrefix: optional(
        json.continuing_subword_prefix,
        `${where}.continuing_subword_prefix`,
        asString,
        null,
      ),
      endOfWordSuffix: optional(json.end_of_word_suffix, `${where}.end_of_word_suffix`, asString, null),
      fuseUnk: optional(json.fuse_unk, `${where}.fuse_unk`, asBoolean, false),
      byteFallback: optional(json.byte_fallback, `${where}.byte_fallback`, asBoolean, false),
      ignoreMerges: optional(json.ignore_merges, `${where}.ignore_merges`, asBoolean, false),
    })
  }

  get vocabulary(): Vocabulary {
    this.knownVocabulary ??= new Vocabulary(this.ranks!.vocab())
    return this.knownVocabulary
  }

  /** The merges by the ids of their tokens. */
  get pairs(): PairTable {
    this.knownPairs ??= this.ranks!.pairs()
    return this.knownPairs
  }

  private get merger(): Merger {
    this.knownMerger ??= new Merger(this.pairs)
    return this.knownMerger
  }

  get vocabSize(): number {
    return this.vocabulary.size
  }

  tokenToId(token: string): number | undefined {
    return this.vocabulary.ids.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.vocabulary.tokens[id]
  }

  vocab(): Iterable<[string, number]> {
    return this.vocabulary.entries()
  }

  /** The merge list: pairs of tokens in order of rank. */
  *merges(): Iterable<[left: string, right: string]> {
    const { left, right, size } = this.pairs
    const { tokens } = this.vocabulary
    for (let i = 0; i < size; i++) yield [tokens[left[i]]!, tokens[right[i]]!]
  }

  tokenize(text: string): Token[] {
    if (text.length === 0) return []
    if (this.dropout !== null && this.dropout > 0) {
      const { dropout } = this
      return this.merge(text, () => this.random() < dropout)
    }
    if (this.ignoreMerges) {
      const id = this.vocabulary.ids.get(text)
      if (id !== undefined) return [{ id, value: text, start: 0, end: text.length }]
    }
    return this.cache.get(text, this.mergeWord)
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      dropout: this.dropout,
      unk_token: this.unkToken,
      continuing_subword_prefix: this.continuingSubwordPrefix,
      end_of_word_suffix: this.endOfWordSuffix,
      fuse_unk: this.fuseUnk,
      byte_fallback: this.byteFallback,
      ignore_merges: this.ignoreMerges,
      vocab: this.vocabulary.toJSON(),
      merges: [...this.merges()],
    }
  }

  private merge(text: string, skip?: () => boolean): Token[] {
    const { merger } = this
    this.symbols(text)
    merger.run(skip)
    const { ids, starts, ends, length } = merger
    const { tokens } = this.vocabulary
    const out = new Array<Token>(length)
    for (let i = 0; i < length; i++) {
      out[i] = { id: ids[i], value: tokens[ids[i]]!, start: starts[i], end: ends[i] }
    }
    return out
  }

  /** Loads the characters of a word into the merger as symbols. */
  private symbols(text: string): void {
    const { merger, continuingSubwordPrefix, endOfWordSuffix, unkId } = this
    const { ids } = this.vocabulary
    merger.reset()
    // An unknown run waits, so that the next unknown may join it.
    let unkStart = -1
    let unkEnd = -1
    for (let at = 0; at < text.length; ) {
      const char = String.fromCodePoint(text.codePointAt(at)!)
      const end = at + char.length
      let symbol = char
      if (at > 0 && continuingSubwordPrefix !== null) symbol = continuingSubwordPrefix + symbol
      if (end === text.length && endOfWordSuffix !== null) symbol += endOfWordSuffix
      const id = ids.get(symbol)
      if (id !== undefined) {
        if (unkStart >= 0) merger.push(unkId, unkStart, unkEnd)
        unkStart = -1
        merger.push(id, at, end)
      } else if (!this.pushBytes(symbol, at, end) && unkId >= 0) {
        if (unkStart >= 0 && !this.fuseUnk) merger.push(unkId, unkStart, unkEnd)
        if (unkStart < 0 || !this.fuseUnk) unkStart = at
        unkEnd = end
      }
      at = end
    }
    if (unkStart >= 0) merger.push(unkId, unkStart, unkEnd)
  }

  /** Pushes a symbol as its bytes, if all of them have tokens; each byte stands for the whole character. */
  private pushBytes(symbol: string, start: number, end: number): boolean {
    const { byteIds, merger } = this
    if (!byteIds) return false
    const bytes = utf8Bytes(symbol)
    if (bytes.some(byte => byteIds[byte] < 0)) return false
    for (const byte of bytes) merger.push(byteIds[byte], start, end)
    return true
  }

  private fallbackIds(): Int32Array {
    return Int32Array.from({ length: 256 }, (_, byte) => this.vocabulary.ids.get(byteToken(byte)) ?? -1)
  }

  private pairTable(merges: Iterable<readonly [string, string, number?]>): PairTable {
    const { ids } = this.vocabulary
    const strip = this.continuingSubwordPrefix?.length ?? 0
    const rows = [...merges]
    const table = new PairTable(rows.length)
    const idOf = (token: string) => {
      const id = ids.get(token)
      if (id === undefined) wrong(`model.merges[${table.size}]`, 'tokens of the vocabulary', token)
      return id
    }
    for (const [left, right, priority] of rows) {
      table.add(idOf(left), idOf(right), idOf(left + right.slice(strip)), priority)
    }
    return table
  }
}

/** The token of a raw byte: `<0x0A>`. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}

/** A merge is a pair, or in older files one string with a space between. */
function readMerge(merge: Json, where: string): [string, string] {
  if (typeof merge === 'string') {
    const space = merge.indexOf(' ')
    if (space < 0 || merge.indexOf(' ', space + 1) >= 0) wrong(where, 'two tokens with a space between', merge)
    return [merge.slice(0, space), merge.slice(space + 1)]
  }
  const pair = asArray(merge, where)
  if (pair.length !== 2) wrong(where, 'a pair of tokens', merge)
  return [asString(pair[0], where), asString(pair[1], where)]
}

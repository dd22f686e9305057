// WordPiece (Schuster and Nakajima 2012, as BERT has it): the longest token from the left, again and again; a word with a
// part that no token covers is unknown as a whole.
import { TokenizerError } from '../errors.ts'
import { asCount, asString, type JsonObject, optional } from '../json.ts'
import type { Model, Token } from './model.ts'
import { UnitTrie } from './unit-trie.ts'
import { Vocabulary } from './vocabulary.ts'
import { WordCache } from './word-cache.ts'
import type { WordIds } from './word-records.ts'

export type WordPieceOptions = {
  vocab?: Iterable<readonly [string, number]>
  unkToken?: string
  /** Put before every part of a word but the first. */
  continuingSubwordPrefix?: string
  /** Longer words are unknown. */
  maxInputCharsPerWord?: number
}

export class WordPiece implements Model {
  readonly type = 'WordPiece'
  readonly vocabulary: Vocabulary
  readonly unkToken: string
  readonly continuingSubwordPrefix: string
  readonly maxInputCharsPerWord: number
  private readonly starts = new UnitTrie()
  private readonly continuations = new UnitTrie()
  private readonly cache = new WordCache()
  private readonly split = (word: string) => this.pieces(word)
  private readonly found = { ids: new Int32Array(64), length: 0 }

  constructor(options: WordPieceOptions = {}) {
    this.vocabulary = new Vocabulary(options.vocab ?? [])
    this.unkToken = options.unkToken ?? '[UNK]'
    this.continuingSubwordPrefix = options.continuingSubwordPrefix ?? '##'
    this.maxInputCharsPerWord = options.maxInputCharsPerWord ?? 100
    const prefix = this.continuingSubwordPrefix
    for (const [token, id] of this.vocabulary.ids) {
      if (token === '') continue
      this.starts.add(token, id)
      if (token.startsWith(prefix) && token.length > prefix.length)
        this.continuations.add(token.slice(prefix.length), id)
    }
  }

  static fromJSON(json: JsonObject, where: string): WordPiece {
    return new WordPiece({
      vocab: Vocabulary.fromJSON(json.vocab, `${where}.vocab`).entries(),
      unkToken: optional(json.unk_token, `${where}.unk_token`, asString, '[UNK]'),
      continuingSubwordPrefix: optional(
        json.continuing_subword_prefix,
        `${where}.continuing_subword_prefix`,
        asString,
        '##',
      ),
      maxInputCharsPerWord: optional(json.max_input_chars_per_word, `${where}.max_input_chars_per_word`, asCount, 100),
    })
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

  tokenize(text: string): Token[] {
    return this.cache.get(text, this.split)
  }

  /** The ids of `tokenize` for a word of characters of one unit each, given as units [start, end). */
  idsOf(units: Uint16Array, start: number, end: number): WordIds {
    const { found } = this
    if (end - start > this.maxInputCharsPerWord) return this.unknownId()
    if (found.ids.length < end - start) found.ids = new Int32Array(2 * (end - start))
    const { ids } = found
    let count = 0
    let trie = this.starts
    for (let from = start; from < end; ) {
      let node = 0
      let id = -1
      let to = from
      for (let at = from; at < end; ) {
        node = trie.child(node, units[at++])
        if (node < 0) break
        const value = trie.value(node)
        if (value >= 0) {
          id = value
          to = at
        }
      }
      if (id < 0) return this.unknownId()
      ids[count++] = id
      from = to
      trie = this.continuations
    }
    found.length = count
    return found
  }

  private unknownId(): WordIds {
    this.found.ids[0] = this.unknown('')[0].id
    this.found.length = 1
    return this.found
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      unk_token: this.unkToken,
      continuing_subword_prefix: this.continuingSubwordPrefix,
      max_input_chars_per_word: this.maxInputCharsPerWord,
      vocab: this.vocabulary.toJSON(),
    }
  }

  private pieces(word: string): Token[] {
    const max = this.maxInputCharsPerWord
    if (word.length > max && (word.length > 2 * max || [...word].length > max)) return this.unknown(word)
    const out: Token[] = []
    for (let start = 0; start < word.length; ) {
      const trie = start === 0 ? this.starts : this.continuations
      let node = 0
      let end = -1
      let id = -1
      for (let at = start; at < word.length; ) {
        node = trie.child(node, word.charCodeAt(at++))
        if (node < 0) break
        const value = trie.value(node)
        if (value >= 0) {
          id = value
          end = at
        }
      }
      if (id < 0) return this.unknown(word)
      out.push({ id, value: this.vocabulary.tokens[id]!, start, end })
      start = end
    }
    return out
  }

  private unknown(word: string): Token[] {
    const id = this.vocabulary.ids.get(this.unkToken)
    if (id === undefined) {
      throw new TokenizerError(`WordPiece: a word is unknown and ${this.unkToken} is not in the vocabulary: add it`)
    }
    return [{ id, value: this.unkToken, start: 0, end: word.length }]
  }
}

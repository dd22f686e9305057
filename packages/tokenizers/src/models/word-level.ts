// Whole words: in the vocabulary or unknown.
import { TokenizerError } from '../errors.ts'
import { asString, type JsonObject, optional } from '../json.ts'
import type { Model, Token } from './model.ts'
import { Vocabulary } from './vocabulary.ts'

export type WordLevelOptions = { vocab?: Iterable<readonly [string, number]>; unkToken?: string }

export class WordLevel implements Model {
  readonly type = 'WordLevel'
  readonly vocabulary: Vocabulary
  readonly unkToken: string

  constructor(options: WordLevelOptions = {}) {
    this.vocabulary = new Vocabulary(options.vocab ?? [])
    this.unkToken = options.unkToken ?? '<unk>'
  }

  static fromJSON(json: JsonObject, where: string): WordLevel {
    return new WordLevel({
      vocab: Vocabulary.fromJSON(json.vocab, `${where}.vocab`).entries(),
      unkToken: optional(json.unk_token, `${where}.unk_token`, asString, '<unk>'),
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
    const known = this.vocabulary.ids.get(text)
    if (known !== undefined) return [{ id: known, value: text, start: 0, end: text.length }]
    const id = this.vocabulary.ids.get(this.unkToken)
    if (id === undefined) {
      throw new TokenizerError(`WordLevel: a word is unknown and ${this.unkToken} is not in the vocabulary: add it`)
    }
    return [{ id, value: this.unkToken, start: 0, end: text.length }]
  }

  toJSON(): JsonObject {
    return { type: this.type, vocab: this.vocabulary.toJSON(), unk_token: this.unkToken }
  }
}

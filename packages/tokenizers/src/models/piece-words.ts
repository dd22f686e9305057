// Sentencepiece's word models: the normalized text is cut before every sign for white space, and what is not in the
// vocabulary is unknown, neighbours of that kind together. tokenizer.json has WordLevel, which cannot join unknown words.
import { TokenizerError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Model, Token } from './model.ts'
import { Vocabulary } from './vocabulary.ts'

const SPACE = '\u2581'

export class PieceWords implements Model {
  readonly type = 'WordLevel'
  readonly vocabulary: Vocabulary
  readonly unkToken: string

  constructor(vocab: Iterable<readonly [string, number]>, unkToken: string) {
    this.vocabulary = new Vocabulary(vocab)
    this.unkToken = unkToken
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
    const out: Token[] = []
    const { ids } = this.vocabulary
    let unknown: Token | undefined
    for (let start = 0; start < text.length; ) {
      const next = text.indexOf(SPACE, start + 1)
      const end = next < 0 ? text.length : next
      const value = text.slice(start, end)
      const id = ids.get(value)
      if (id !== undefined) {
        out.push({ id, value, start, end })
        unknown = undefined
      } else if (unknown) {
        unknown.value += value
        unknown.end = end
      } else {
        const unkId = ids.get(this.unkToken)
        if (unkId === undefined) throw new TokenizerError(`sentencepiece: ${value} is unknown and there is no <unk>`)
        unknown = { id: unkId, value, start, end }
        out.push(unknown)
      }
      start = end
    }
    return out
  }

  /** The nearest that tokenizer.json has. */
  toJSON(): JsonObject {
    return { type: this.type, vocab: this.vocabulary.toJSON(), unk_token: this.unkToken }
  }
}

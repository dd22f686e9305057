// Words that are one token whatever the model inside would make of them: runs of line ends in Gemma 4's GGUF files.
import type { JsonObject } from '../json.ts'
import type { Model, Token } from './model.ts'

export class WholeWords implements Model {
  readonly type: string
  readonly inner: Model
  private readonly isWhole: (token: string) => boolean

  constructor(inner: Model, isWhole: (token: string) => boolean) {
    this.type = inner.type
    this.inner = inner
    this.isWhole = isWhole
  }

  get vocabSize(): number {
    return this.inner.vocabSize
  }

  tokenToId(token: string): number | undefined {
    return this.inner.tokenToId(token)
  }

  idToToken(id: number): string | undefined {
    return this.inner.idToToken(id)
  }

  vocab(): Iterable<[string, number]> {
    return this.inner.vocab()
  }

  tokenize(text: string): Token[] {
    const id = this.isWhole(text) ? this.inner.tokenToId(text) : undefined
    return id === undefined ? this.inner.tokenize(text) : [{ id, value: text, start: 0, end: text.length }]
  }

  /** The nearest that tokenizer.json has: the model inside. */
  toJSON(): JsonObject {
    return this.inner.toJSON()
  }
}

// Symbols that are one token wherever they stand, around a model that knows nothing of them: sentencepiece's user-defined
// pieces in models other than Unigram. At each place the longest symbol is taken.
import { Matcher } from '../added/matcher.ts'
import type { JsonObject } from '../json.ts'
import type { Model, Token } from './model.ts'

export class ForcedSymbols implements Model {
  readonly type: string
  readonly inner: Model
  private readonly symbols: readonly (readonly [symbol: string, id: number])[]
  private readonly matcher: Matcher

  constructor(inner: Model, symbols: readonly (readonly [symbol: string, id: number])[]) {
    this.type = inner.type
    this.inner = inner
    this.symbols = symbols
    this.matcher = new Matcher(symbols.map(([symbol]) => symbol))
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
    const out: Token[] = []
    const addPart = (from: number, to: number) => {
      if (from === to) return
      for (const token of this.inner.tokenize(text.slice(from, to))) {
        out.push({ ...token, start: token.start + from, end: token.end + from })
      }
    }
    let done = 0
    for (const { pattern, start, end } of this.matcher.matches(text)) {
      addPart(done, start)
      const [value, id] = this.symbols[pattern]
      out.push({ id, value, start, end })
      done = end
    }
    addPart(done, text.length)
    return out
  }

  /** The nearest that tokenizer.json has: the model inside. */
  toJSON(): JsonObject {
    return this.inner.toJSON()
  }
}

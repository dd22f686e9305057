// Carbon's tokenizer, `tokenizer.ggml.model` hybriddna in llama.cpp: text goes through BPE, but what stands between <dna> and
// </dna> is cut into six bases at a time. Two halves: a pre-tokenizer that keeps each stretch whole, a model that knows them by their
// tag. Six bases are a vocabulary entry that ends in U+E000, so that CCCCCC in text may be another token.
import { TokenizerError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { PreTokenizer } from '../pretokenizers/pre-tokenizer.ts'
import { PreTokenizedText } from '../text/pre-tokenized.ts'
import type { Model, Token } from './model.ts'

const OPEN = '<dna>'
const CLOSE = '</dna>'
const UNKNOWN = '<oov>'
const MARK = '\ue000'
const SIZE = 6

/** The model and the pre-tokenizer over those for text; as they are if the vocabulary has no token for a tag or for what is not DNA. */
export function hybridDna(model: Model, preTokenizer: PreTokenizer): [Model, PreTokenizer] {
  const isComplete = [OPEN, CLOSE, UNKNOWN].every(token => model.tokenToId(token) !== undefined)
  return isComplete ? [new HybridDna(model), new DnaApart(preTokenizer)] : [model, preTokenizer]
}

class DnaApart implements PreTokenizer {
  readonly type = 'HybridDNA'
  private readonly inner: PreTokenizer

  constructor(inner: PreTokenizer) {
    this.inner = inner
  }

  preTokenize(text: PreTokenizedText): void {
    text.pieces = text.pieces.flatMap(piece => {
      if (piece.tokens) return [piece]
      const out: typeof text.pieces = []
      const { length } = piece.text.text
      for (let at = 0; at < length; ) {
        const found = piece.text.text.indexOf(OPEN, at)
        const start = found < 0 ? length : found
        if (start > at) {
          const between = new PreTokenizedText([{ text: piece.text.slice(at, start) }])
          this.inner.preTokenize(between)
          out.push(...between.pieces)
        }
        const close = piece.text.text.indexOf(CLOSE, start + OPEN.length)
        at = close < 0 ? length : close + CLOSE.length
        if (at > start) out.push({ text: piece.text.slice(start, at) })
      }
      return out
    })
  }

  toJSON(): JsonObject {
    return unwritable()
  }
}

class HybridDna implements Model {
  readonly type = 'HybridDNA'
  private readonly inner: Model

  constructor(inner: Model) {
    this.inner = inner
  }

  get vocabSize(): number {
    return this.inner.vocabSize
  }

  /** Six bases go by their entry, U+E000 at the end. */
  tokenToId(token: string): number | undefined {
    return this.inner.tokenToId(token)
  }

  idToToken(id: number): string | undefined {
    const token = this.inner.idToToken(id)
    return token?.endsWith(MARK) ? token.slice(0, -1) : token
  }

  vocab(): Iterable<[string, number]> {
    return this.inner.vocab()
  }

  tokenize(text: string): Token[] {
    // No other piece starts so: the pre-tokenizer leaves no tag in what it cuts.
    if (!text.startsWith(OPEN)) return this.inner.tokenize(text)
    const end = text.endsWith(CLOSE) ? text.length - CLOSE.length : text.length
    const out: Token[] = []
    const push = (name: string, start: number, until: number) => {
      const id = this.inner.tokenToId(name) ?? this.inner.tokenToId(UNKNOWN)!
      out.push({ id, value: this.idToToken(id)!, start, end: until })
    }
    push(OPEN, 0, OPEN.length)
    // Six bytes of UTF-8, whatever they hold: of the bytes, only those of one-byte characters can be bases.
    let bases = ''
    let from = OPEN.length
    for (let at = from; at < end; ) {
      const code = text.codePointAt(at)!
      const next = at + (code > 0xffff ? 2 : 1)
      const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      for (let byte = 0; byte < size; byte++) {
        if (bases === '') from = at
        bases += code < 0x80 ? text[at].toUpperCase() : MARK
        if (bases.length === SIZE) {
          push(bases + MARK, from, next)
          bases = ''
        }
      }
      at = next
    }
    if (bases !== '') push(bases.padEnd(SIZE, 'A') + MARK, from, end)
    if (end < text.length) push(CLOSE, end, text.length)
    return out
  }

  toJSON(): JsonObject {
    return unwritable()
  }
}

function unwritable(): never {
  throw new TokenizerError('tokenizer.json has no model of hybrid DNA: keep the GGUF file')
}

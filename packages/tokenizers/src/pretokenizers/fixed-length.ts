// Cuts into pieces of so many characters.
import { asCount, type JsonObject, optional, wrong } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class FixedLength implements PreTokenizer {
  readonly type = 'FixedLength'
  readonly length: number

  constructor(length = 5) {
    if (!(length >= 1)) wrong('FixedLength.length', 'at least 1', length)
    this.length = length
  }

  static fromJSON(json: JsonObject, where: string): FixedLength {
    return new FixedLength(optional(json.length, `${where}.length`, asCount, 5))
  }

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => {
      const parts: AlignedText[] = []
      let start = 0
      let count = 0
      for (let at = 0; at < piece.text.length; ) {
        at += piece.text.codePointAt(at)! > 0xffff ? 2 : 1
        if (++count % this.length !== 0 && at < piece.text.length) continue
        parts.push(piece.slice(start, at))
        start = at
      }
      return parts
    })
  }

  toJSON(): JsonObject {
    return { type: this.type, length: this.length }
  }
}

// Cuts at one character, which goes.
import { asChar, type JsonObject } from '../json.ts'
import { cut } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class CharDelimiterSplit implements PreTokenizer {
  readonly type = 'CharDelimiterSplit'
  readonly delimiter: string

  constructor(delimiter: string) {
    this.delimiter = delimiter
  }

  static fromJSON(json: JsonObject, where: string): CharDelimiterSplit {
    return new CharDelimiterSplit(asChar(json.delimiter, `${where}.delimiter`))
  }

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => cut(piece, this.delimiter, 'Removed'))
  }

  toJSON(): JsonObject {
    return { type: this.type, delimiter: this.delimiter }
  }
}

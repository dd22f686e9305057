// Keeps numbers apart from what is around them, as a whole or digit by digit.
import { asBoolean, type JsonObject, optional } from '../json.ts'
import { cut } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { categoryMask, categoryTable } from '../unicode/categories.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class Digits implements PreTokenizer {
  readonly type = 'Digits'
  readonly individualDigits: boolean

  constructor(individualDigits = false) {
    this.individualDigits = individualDigits
  }

  static fromJSON(json: JsonObject, where: string): Digits {
    return new Digits(optional(json.individual_digits, `${where}.individual_digits`, asBoolean, false))
  }

  preTokenize(text: PreTokenizedText): void {
    const isNumber = categoryMask('N')
    const category = categoryTable()
    const behavior = this.individualDigits ? 'Isolated' : 'Contiguous'
    text.split(piece => cut(piece, cp => isNumber[category[cp]] === 1, behavior))
  }

  toJSON(): JsonObject {
    return { type: this.type, individual_digits: this.individualDigits }
  }
}

// Cuts at white space, which goes.
import type { JsonObject } from '../json.ts'
import { cut } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { isWhitespace } from '../unicode/categories.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class WhitespaceSplit implements PreTokenizer {
  readonly type = 'WhitespaceSplit'

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => cut(piece, isWhitespace, 'Removed'))
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

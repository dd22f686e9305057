// BERT's words: white space separates and goes, each punctuation mark is a word of its own.
import type { JsonObject } from '../json.ts'
import { cut } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { isWhitespace } from '../unicode/categories.ts'
import { isPunctuation } from '../unicode/punctuation.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class BertPreTokenizer implements PreTokenizer {
  readonly type = 'BertPreTokenizer'

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => cut(piece, isWhitespace, 'Removed'))
    text.split(piece => cut(piece, isPunctuation, 'Isolated'))
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

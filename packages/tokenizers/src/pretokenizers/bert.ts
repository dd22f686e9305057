// BERT's words: white space separates and goes, each punctuation mark is a word of its own.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { isWhitespace } from '../unicode/categories.ts'
import { isPunctuation } from '../unicode/punctuation.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

/** The words and marks of a piece, in one walk. */
function words(piece: AlignedText): AlignedText[] {
  const { text } = piece
  const out: AlignedText[] = []
  let start = -1
  for (let at = 0; at < text.length; ) {
    const cp = text.codePointAt(at)!
    const end = at + (cp > 0xffff ? 2 : 1)
    const isMark = isPunctuation(cp)
    if (isMark || isWhitespace(cp)) {
      if (start >= 0) out.push(piece.slice(start, at))
      if (isMark) out.push(piece.slice(at, end))
      start = -1
    } else if (start < 0) start = at
    at = end
  }
  if (start >= 0) out.push(piece.slice(start, text.length))
  return out
}

export class BertPreTokenizer implements PreTokenizer {
  readonly type = 'BertPreTokenizer'

  preTokenize(text: PreTokenizedText): void {
    text.split(words)
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

// Runs of word characters, and runs of what is neither word nor white space: `\\w+|[^\\w\\s]+`.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { isWhitespace } from '../unicode/categories.ts'
import { isWordChar } from '../unicode/word.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

const kindOf = (cp: number) => (isWordChar(cp) ? 1 : isWhitespace(cp) ? 0 : 2)

function* runs(piece: AlignedText): Iterable<AlignedText> {
  const { text } = piece
  for (let start = 0; start < text.length; ) {
    const kind = kindOf(text.codePointAt(start)!)
    let end = start
    while (end < text.length && kindOf(text.codePointAt(end)!) === kind) end += text.codePointAt(end)! > 0xffff ? 2 : 1
    if (kind !== 0) yield piece.slice(start, end)
    start = end
  }
}

export class Whitespace implements PreTokenizer {
  readonly type = 'Whitespace'

  preTokenize(text: PreTokenizedText): void {
    text.split(runs)
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

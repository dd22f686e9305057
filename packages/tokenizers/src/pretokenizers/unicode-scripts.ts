// Cuts where the script changes; Hiragana, Katakana and Han count as one, a space belongs to either side.
import type { JsonObject } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { scriptNames, scriptTable } from '../unicode/scripts.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

function* byScript(piece: AlignedText, scriptOf: (cp: number) => number, any: number): Iterable<AlignedText> {
  const { text } = piece
  let last = -1
  // Spaces before the first character that has a script are left out, as in the Rust library.
  let start = -1
  for (let at = 0; at < text.length; ) {
    const cp = text.codePointAt(at)!
    const script = scriptOf(cp)
    if (script !== any && script !== last) {
      if (start >= 0) yield piece.slice(start, at)
      start = at
    }
    if (script !== any) last = script
    at += cp > 0xffff ? 2 : 1
  }
  if (start >= 0) yield piece.slice(start, text.length)
}

export class UnicodeScripts implements PreTokenizer {
  readonly type = 'UnicodeScripts'

  preTokenize(text: PreTokenizedText): void {
    const names = scriptNames()
    const table = scriptTable()
    const number = (name: string) => names.indexOf(name)
    const han = number('Han')
    const asHan = new Set([number('Hiragana'), number('Katakana')])
    const any = number('')
    const scriptOf = (cp: number) => {
      // The long vowel mark is common to scripts, and Japanese.
      if (cp === 0x30fc) return han
      if (cp === 0x20) return any
      return asHan.has(table[cp]) ? han : table[cp]
    }
    text.split(piece => byScript(piece, scriptOf, any))
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

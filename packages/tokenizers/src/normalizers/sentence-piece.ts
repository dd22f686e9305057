// Sentencepiece's own normalizer (normalizer.cc): at each position the longest rule that matches, then spaces: runs
// folded, those at the ends dropped, one put in front, each shown as U+2581. tokenizer.json has no such normalizer;
// written out, it becomes the nearest sequence of those it has.
import type { JsonObject } from '../json.ts'
import type { AlignedText, Change } from '../text/aligned-text.ts'
import { utf8Bytes, utf8Length } from '../unicode/utf8.ts'
import type { Normalizer } from './normalizer.ts'
import { CharsMap } from './precompiled.ts'

export type SentencePieceRules = {
  /** What the rules are called in a .model file. */
  name?: string
  /** The compiled rules, if there are any. */
  charsMap?: Uint8Array
  addDummyPrefix?: boolean
  removeExtraWhitespaces?: boolean
  escapeWhitespaces?: boolean
  /** Put the space at the end of the text instead of the start. */
  whitespaceAsSuffix?: boolean
  /** Symbols that no rule touches. */
  protectedSymbols?: readonly string[]
}

export class SentencePieceNormalizer implements Normalizer {
  readonly type = 'SentencePiece'
  readonly rules: SentencePieceRules
  private readonly map: CharsMap | undefined
  private readonly symbols: readonly string[]
  /** For each ASCII character: no rule starts with it. Anything else is looked up. */
  private readonly plainAscii: readonly boolean[]

  constructor(rules: SentencePieceRules = {}) {
    this.rules = rules
    this.map = rules.charsMap && rules.charsMap.length > 0 ? new CharsMap(rules.charsMap) : undefined
    this.plainAscii = Array.from({ length: 128 }, (_, byte) => !this.map?.startsWith(byte))
    this.symbols = [...(rules.protectedSymbols ?? [])].sort((a, b) => b.length - a.length)
  }

  normalize(text: AlignedText): void {
    const {
      addDummyPrefix = true,
      removeExtraWhitespaces = true,
      escapeWhitespaces = true,
      whitespaceAsSuffix = false,
    } = this.rules
    const space = escapeWhitespaces ? '\u2581' : ' '
    if (!text.tracked) {
      text.replaceAll([[0, text.text.length]], this.plain(text.text, space))
      return
    }
    // Each chunk: what stands for so many characters of the old text.
    const chunks = this.chunks(text.text)
    let first = 0
    if (removeExtraWhitespaces) while (first < chunks.length && chunks[first].image === ' ') first++
    if (first === chunks.length) {
      text.transform([])
      return
    }
    let dropped = 0
    for (let i = 0; i < first; i++) dropped += chunks[i].chars
    const out: [char: string, change: number][] = []
    let lastReplacing = -1
    const drop = (count: number) => {
      if (lastReplacing >= 0) out[lastReplacing][1] -= count
      else dropped += count
    }
    let inSpace = removeExtraWhitespaces
    for (let i = first; i < chunks.length; i++) {
      let { image } = chunks[i]
      if (removeExtraWhitespaces) {
        if (inSpace) image = image.replace(/^ +/, '')
        if (image !== '') inSpace = image.endsWith(' ')
      }
      if (image === '') {
        drop(chunks[i].chars)
        continue
      }
      const chars = [...image]
      lastReplacing = out.length
      chars.forEach((char, k) => out.push([char === ' ' ? space : char, k === 0 ? 1 - chunks[i].chars : 1]))
    }
    if (removeExtraWhitespaces) while (out.length > 0 && out[out.length - 1][0] === space) out.pop()
    const changes: Change[] = out
    if (addDummyPrefix && out.length > 0) {
      if (whitespaceAsSuffix) changes.push([space, 1])
      else {
        // The space in front takes the place of the first character, which then counts as inserted behind it.
        const [char, change] = out[0]
        changes.splice(0, 1, [space, change], [char, 1])
      }
    }
    text.transform(changes, dropped)
  }

  /** The same without alignment. */
  private plain(text: string, space: string): string {
    const { addDummyPrefix = true, removeExtraWhitespaces = true, whitespaceAsSuffix = false } = this.rules
    let out = ''
    let inSpace = removeExtraWhitespaces
    const add = (image: string) => {
      if (removeExtraWhitespaces) {
        if (inSpace) image = image.replace(/^ +/, '')
        if (image === '') return
        inSpace = image.endsWith(' ')
      }
      out += image
    }
    const { map, plainAscii } = this
    if (this.symbols.length > 0) for (const { image } of this.chunks(text)) add(image)
    else {
      const bytes = map ? new TextEncoder().encode(text) : undefined
      let at = 0
      for (let i = 0; i < text.length; ) {
        const unit = text.charCodeAt(i)
        // A stretch of characters that no rule touches and that are not spaces goes over as it is.
        if (unit < 128 && unit !== 32 && plainAscii[unit]) {
          let end = i + 1
          while (end < text.length && text.charCodeAt(end) !== 32 && plainAscii[text.charCodeAt(end)]) end++
          out += text.slice(i, end)
          inSpace = false
          at += end - i
          i = end
          continue
        }
        const cp = text.codePointAt(i)!
        const found = bytes && map ? map.longest(bytes, at) : undefined
        if (!found || found.end < 0) {
          const units = cp > 0xffff ? 2 : 1
          if (unit === 32) add(' ')
          else {
            out += text.slice(i, i + units)
            inSpace = false
          }
          i += units
          at += utf8Length(cp)
          continue
        }
        add(map!.image(found.value))
        while (at < found.end) {
          const covered = text.codePointAt(i)!
          i += covered > 0xffff ? 2 : 1
          at += utf8Length(covered)
        }
      }
    }
    // A U+2581 that the text itself has at its end goes with the spaces, as it does in sentencepiece.
    if (removeExtraWhitespaces) out = out.replace(space === ' ' ? / +$/ : /[ \u2581]+$/, '')
    if (out === '') return ''
    if (addDummyPrefix) out = whitespaceAsSuffix ? `${out} ` : ` ${out}`
    return space === ' ' ? out : out.replaceAll(' ', space)
  }

  toJSON(): JsonObject {
    const { addDummyPrefix = true, removeExtraWhitespaces = true, escapeWhitespaces = true } = this.rules
    const normalizers: JsonObject[] = []
    if (this.rules.charsMap && this.map) {
      let binary = ''
      for (const byte of this.rules.charsMap) binary += String.fromCharCode(byte)
      normalizers.push({ type: 'Precompiled', precompiled_charsmap: btoa(binary) })
    }
    if (removeExtraWhitespaces) {
      normalizers.push({ type: 'Strip', strip_left: true, strip_right: true })
      normalizers.push({ type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' })
    }
    if (addDummyPrefix) normalizers.push({ type: 'Prepend', prepend: ' ' })
    if (escapeWhitespaces) normalizers.push({ type: 'Replace', pattern: { String: ' ' }, content: '\u2581' })
    return { type: 'Sequence', normalizers }
  }

  private chunks(text: string): { image: string; chars: number }[] {
    const out: { image: string; chars: number }[] = []
    const { map } = this
    if (!map && this.symbols.length === 0) {
      for (const char of text) out.push({ image: char, chars: 1 })
      return out
    }
    const bytes = new TextEncoder().encode(text)
    let at = 0
    for (let i = 0; i < text.length; ) {
      const symbol = this.symbols.find(s => text.startsWith(s, i))
      let chars = 1
      let units = text.codePointAt(i)! > 0xffff ? 2 : 1
      let image = text.slice(i, i + units)
      if (symbol !== undefined) {
        image = symbol
        units = symbol.length
        chars = [...symbol].length
      } else if (map) {
        const best = map.longest(bytes, at)
        if (best.end >= 0) {
          image = map.image(best.value)
          // Count the characters that the rule's bytes cover.
          let covered = utf8Length(text.codePointAt(i)!)
          while (covered < best.end - at) {
            const cp = text.codePointAt(i + units)!
            covered += utf8Length(cp)
            units += cp > 0xffff ? 2 : 1
            chars++
          }
        }
      }
      out.push({ image, chars })
      at += utf8Bytes(text.slice(i, i + units)).length
      i += units
    }
    return out
  }
}

// Sentencepiece's own normalizer (normalizer.cc): at each position the longest rule that matches, then spaces: runs
// folded, those at the ends dropped, one put in front, each shown as U+2581. tokenizer.json has no such normalizer;
// written out, it becomes the nearest sequence of those it has.
import type { JsonObject } from '../json.ts'
import type { AlignedText, Change } from '../text/aligned-text.ts'
import { utf8Bytes, utf8Length } from '../unicode/utf8.ts'
import type { Normalizer } from './normalizer.ts'
import { CharsMap } from './precompiled.ts'

export type SentencePieceRules = {
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

  constructor(rules: SentencePieceRules = {}) {
    this.rules = rules
    this.map = rules.charsMap && rules.charsMap.length > 0 ? new CharsMap(rules.charsMap) : undefined
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
        let best: readonly [number, number] | undefined
        for (const match of map.prefixes(bytes, at)) best = match
        if (best) {
          image = map.image(best[1])
          // Count the characters that the rule's bytes cover.
          let covered = utf8Length(text.codePointAt(i)!)
          while (covered < best[0] - at) {
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

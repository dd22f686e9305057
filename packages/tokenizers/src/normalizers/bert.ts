// BERT's cleaning (Devlin et al. 2018, tokenization.py): controls out, white space to a space, a space around each Chinese
// character, accents off, lower case; each step can be left out.
import { asBoolean, type JsonObject, optional } from '../json.ts'
import { AlignedText, type Change } from '../text/aligned-text.ts'
import { lowerCase } from '../unicode/case.ts'
import { categoryMask, categoryTable, isWhitespace } from '../unicode/categories.ts'
import { normalizeChanges } from '../unicode/normalize.ts'
import type { Normalizer } from './normalizer.ts'

export type BertNormalizerOptions = {
  cleanText?: boolean
  handleChineseChars?: boolean
  /** Default: what `lowercase` is. */
  stripAccents?: boolean | null
  lowercase?: boolean
}

/** The ranges that BERT's own code counts as Chinese. One start is off in the Rust library, and files depend on it. */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
]

function isChinese(cp: number): boolean {
  return cp >= 0x3400 && CHINESE.some(([first, last]) => cp >= first && cp <= last)
}

export class BertNormalizer implements Normalizer {
  readonly type = 'BertNormalizer'
  readonly cleanText: boolean
  readonly handleChineseChars: boolean
  readonly stripAccents: boolean | null
  readonly lowercase: boolean
  /** What becomes of each character met, null where that may depend on its neighbours. */
  private readonly images = new Map<string, string | null>()

  constructor(options: BertNormalizerOptions = {}) {
    this.cleanText = options.cleanText ?? true
    this.handleChineseChars = options.handleChineseChars ?? true
    this.stripAccents = options.stripAccents ?? null
    this.lowercase = options.lowercase ?? true
  }

  static fromJSON(json: JsonObject, where: string): BertNormalizer {
    return new BertNormalizer({
      cleanText: optional(json.clean_text, `${where}.clean_text`, asBoolean, true),
      handleChineseChars: optional(json.handle_chinese_chars, `${where}.handle_chinese_chars`, asBoolean, true),
      stripAccents: optional(json.strip_accents, `${where}.strip_accents`, asBoolean, null),
      lowercase: optional(json.lowercase, `${where}.lowercase`, asBoolean, true),
    })
  }

  normalize(text: AlignedText): void {
    // Printable ASCII has no controls, no Chinese and no accents.
    if (/^[ -~]*$/.test(text.text)) {
      if (this.lowercase) text.lowerAscii()
      return
    }
    if (!text.tracked) {
      const image = this.plain(text.text)
      if (image !== undefined) {
        text.replaceAll([[0, text.text.length]], image)
        return
      }
    }
    this.rewrite(text)
  }

  private rewrite(text: AlignedText): void {
    if (this.cleanText) clean(text)
    if (this.handleChineseChars) spaceChinese(text)
    if (this.stripAccents ?? this.lowercase) stripAccents(text)
    if (this.lowercase) text.mapChars(lowerCase)
  }

  /** The same without alignment, character by character; undefined where marks could change places with their neighbours. */
  private plain(text: string): string | undefined {
    let out = ''
    for (const char of text) {
      let image = this.images.get(char)
      if (image === undefined) {
        const single = AlignedText.untracked(char)
        this.rewrite(single)
        image = isMarked(single.text) ? null : single.text
        this.images.set(char, image)
      }
      if (image === null) return undefined
      out += image
    }
    return out
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      clean_text: this.cleanText,
      handle_chinese_chars: this.handleChineseChars,
      strip_accents: this.stripAccents,
      lowercase: this.lowercase,
    }
  }
}

/** Has a text marks left? Those are what decomposition puts in order across characters. */
function isMarked(text: string): boolean {
  const category = categoryTable()
  const isMark = categoryMask('M')
  for (const char of text) if (isMark[category[char.codePointAt(0)!]] === 1) return true
  return false
}

function clean(text: AlignedText): void {
  const category = categoryTable()
  const isOther = categoryMask('Cc', 'Cf', 'Co', 'Cs')
  text.filter(char => {
    const cp = char.codePointAt(0)!
    if (cp === 9 || cp === 10 || cp === 13) return true
    return cp !== 0 && cp !== 0xfffd && isOther[category[cp]] === 0
  })
  text.mapChars(char => (isWhitespace(char.codePointAt(0)!) ? ' ' : char))
}

function spaceChinese(text: AlignedText): void {
  const changes: Change[] = []
  let found = false
  for (const char of text.text) {
    if (isChinese(char.codePointAt(0)!)) {
      changes.push([' ', 0], [char, 1], [' ', 1])
      found = true
    } else changes.push([char, 0])
  }
  if (found) text.transform(changes)
}

function stripAccents(text: AlignedText): void {
  if (/^[\0-\x7f]*$/.test(text.text)) return
  const category = categoryTable()
  const isAccent = categoryMask('Mn')
  text.transform(normalizeChanges(text.text, 'NFD'))
  text.filter(char => isAccent[category[char.codePointAt(0)!]] === 0)
}

// GPT-2's pre-tokenizer: cut by its regex, then write each byte of the UTF-8 form as one character of the byte alphabet.
import { asBoolean, type JsonObject, optional } from '../json.ts'
import type { AlignedText, Change } from '../text/aligned-text.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import { byteChars } from '../unicode/byte-chars.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { utf16Units } from '../unicode/utf16.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'
import { scanGpt2 } from './scan.ts'

export type ByteLevelOptions = {
  /** Put a space before a text that does not start with one. */
  addPrefixSpace?: boolean
  /** Leave the white space at the edges of a token out of its offsets (done by the post-processor of the same name). */
  trimOffsets?: boolean
  /** Cut by GPT-2's regex first; without it the pieces are taken as they come. */
  useRegex?: boolean
}

export class ByteLevel implements PreTokenizer {
  readonly type = 'ByteLevel'
  readonly addPrefixSpace: boolean
  readonly trimOffsets: boolean
  readonly useRegex: boolean

  constructor(options: ByteLevelOptions = {}) {
    this.addPrefixSpace = options.addPrefixSpace ?? true
    this.trimOffsets = options.trimOffsets ?? true
    this.useRegex = options.useRegex ?? true
  }

  static fromJSON(json: JsonObject, where: string): ByteLevel {
    return new ByteLevel(readByteLevel(json, where))
  }

  /** The 256 characters of the byte alphabet, which a trainer should start from. */
  static alphabet(): string[] {
    return [...byteChars]
  }

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => {
      if (this.addPrefixSpace && !piece.text.startsWith(' ')) piece.prepend(' ')
      if (!this.useRegex) return [piece]
      const parts: AlignedText[] = []
      const units = utf16Units(piece.text)
      for (let at = 0; at < units.length; ) {
        const end = scanGpt2(units, at)
        parts.push(piece.slice(at, end))
        at = end
      }
      return parts
    })
    for (const piece of text.pieces) if (!piece.tokens) toByteChars(piece.text)
  }

  toJSON(): JsonObject {
    return {
      type: this.type,
      add_prefix_space: this.addPrefixSpace,
      trim_offsets: this.trimOffsets,
      use_regex: this.useRegex,
    }
  }
}

/** Rewrites a text in the byte alphabet; each byte maps to the whole character it is part of. */
export function toByteChars(text: AlignedText): void {
  const changes: Change[] = []
  for (const char of text.text) {
    const bytes = utf8Bytes(char)
    for (let i = 0; i < bytes.length; i++) changes.push([byteChars[bytes[i]], i === 0 ? 0 : 1])
  }
  text.transform(changes)
}

/** The options that `ByteLevel` has wherever it stands in tokenizer.json. */
export function readByteLevel(json: JsonObject, where: string): Required<ByteLevelOptions> {
  return {
    addPrefixSpace: optional(json.add_prefix_space, `${where}.add_prefix_space`, asBoolean, true),
    trimOffsets: optional(json.trim_offsets, `${where}.trim_offsets`, asBoolean, true),
    useRegex: optional(json.use_regex, `${where}.use_regex`, asBoolean, true),
  }
}

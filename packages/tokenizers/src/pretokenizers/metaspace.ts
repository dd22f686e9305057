// Sentencepiece's way with spaces: a visible character stands for them, one is put in front, words start with it.
import { asBoolean, asChar, type JsonObject, oneOf, optional } from '../json.ts'
import { cut, findSpans } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

/** Where the replacement is put in front: every piece, only the start of the text, or nowhere. */
export type PrependScheme = 'always' | 'first' | 'never'

export type MetaspaceOptions = { replacement?: string; prependScheme?: PrependScheme; split?: boolean }

/** The options that `Metaspace` has wherever it stands; older files say `add_prefix_space` instead of a scheme. */
export function readMetaspace(json: JsonObject, where: string): Required<MetaspaceOptions> {
  const addPrefixSpace = optional(json.add_prefix_space, `${where}.add_prefix_space`, asBoolean, true)
  const scheme = oneOf(['always', 'first', 'never'])
  return {
    replacement: asChar(json.replacement, `${where}.replacement`),
    prependScheme: addPrefixSpace
      ? optional(json.prepend_scheme, `${where}.prepend_scheme`, scheme, 'always')
      : 'never',
    split: optional(json.split, `${where}.split`, asBoolean, true),
  }
}

export class Metaspace implements PreTokenizer {
  readonly type = 'Metaspace'
  readonly replacement: string
  readonly prependScheme: PrependScheme
  readonly split: boolean

  constructor({ replacement = '\u2581', prependScheme = 'always', split = true }: MetaspaceOptions = {}) {
    this.replacement = replacement
    this.prependScheme = prependScheme
    this.split = split
  }

  static fromJSON(json: JsonObject, where: string): Metaspace {
    return new Metaspace(readMetaspace(json, where))
  }

  preTokenize(text: PreTokenizedText): void {
    const { replacement, prependScheme } = this
    text.split(piece => {
      const spaces = findSpans(piece.text, ' ').filter(span => span[2])
      piece.replaceAll(
        spaces.map(([start, end]) => [start, end] as const),
        replacement,
      )
      const wanted = prependScheme === 'always' || (prependScheme === 'first' && piece.originalStart === 0)
      if (wanted && !piece.text.startsWith(replacement)) piece.prepend(replacement)
      return this.split ? cut(piece, replacement, 'MergedWithNext') : [piece]
    })
  }

  toJSON(): JsonObject {
    return { type: this.type, replacement: this.replacement, prepend_scheme: this.prependScheme, split: this.split }
  }
}

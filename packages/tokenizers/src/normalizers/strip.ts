// Takes white space off the ends.
import { asBoolean, type JsonObject, optional } from '../json.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import { isWhitespace } from '../unicode/categories.ts'
import type { Normalizer } from './normalizer.ts'

export class Strip implements Normalizer {
  readonly type = 'Strip'
  readonly left: boolean
  readonly right: boolean

  constructor(left = true, right = true) {
    this.left = left
    this.right = right
  }

  static fromJSON(json: JsonObject, where: string): Strip {
    return new Strip(
      optional(json.strip_left, `${where}.strip_left`, asBoolean, true),
      optional(json.strip_right, `${where}.strip_right`, asBoolean, true),
    )
  }

  normalize(text: AlignedText): void {
    const old = text.text
    let start = 0
    let end = old.length
    if (this.left) while (start < end && isWhitespace(old.charCodeAt(start))) start++
    if (this.right) while (end > start && isWhitespace(old.charCodeAt(end - 1))) end--
    if (!text.tracked) {
      text.text = old.slice(start, end)
      return
    }
    // White space is one unit a character, so positions outside [start, end) can be counted as characters.
    let at = 0
    text.mapChars(char => {
      const keep = at >= start && at < end
      at += char.length
      return keep ? char : ''
    })
  }

  toJSON(): JsonObject {
    return { type: this.type, strip_left: this.left, strip_right: this.right }
  }
}

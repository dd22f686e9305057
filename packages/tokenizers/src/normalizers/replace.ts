// Replaces a string, or what a regular expression matches, by a text.
import { asString, type JsonObject } from '../json.ts'
import type { Regex } from '../regex/regex.ts'
import type { AlignedText } from '../text/aligned-text.ts'
import { findSpans, readPattern, writePattern } from '../text/find.ts'
import type { Normalizer } from './normalizer.ts'

export class Replace implements Normalizer {
  readonly type = 'Replace'
  readonly pattern: string | Regex
  readonly content: string

  /** The same pattern for `String.replace`, where it is so simple that both mean the same: a text, or a run of spaces. */
  private readonly plain: string | RegExp | undefined
  /** The content for `String.replace`, to which dollars mean something. */
  private readonly escaped: string

  constructor(pattern: string | Regex, content: string) {
    this.pattern = pattern
    this.content = content
    this.escaped = content.replaceAll('$', '$$$$')
    if (typeof pattern === 'string') this.plain = pattern || undefined
    else if (/^ (\+|\{\d,\})$/.test(pattern.source)) this.plain = new RegExp(pattern.source, 'g')
  }

  static fromJSON(json: JsonObject, where: string): Replace {
    return new Replace(readPattern(json.pattern, `${where}.pattern`), asString(json.content, `${where}.content`))
  }

  normalize(text: AlignedText): void {
    if (!text.tracked && this.plain !== undefined) {
      text.text = text.text.replaceAll(this.plain, this.escaped)
      return
    }
    const matches: [number, number][] = []
    for (const [start, end, isMatch] of findSpans(text.text, this.pattern)) if (isMatch) matches.push([start, end])
    text.replaceAll(matches, this.content)
  }

  toJSON(): JsonObject {
    return { type: this.type, pattern: writePattern(this.pattern), content: this.content }
  }
}

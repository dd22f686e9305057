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

  constructor(pattern: string | Regex, content: string) {
    this.pattern = pattern
    this.content = content
  }

  static fromJSON(json: JsonObject, where: string): Replace {
    return new Replace(readPattern(json.pattern, `${where}.pattern`), asString(json.content, `${where}.content`))
  }

  normalize(text: AlignedText): void {
    const matches: [number, number][] = []
    for (const [start, end, isMatch] of findSpans(text.text, this.pattern)) if (isMatch) matches.push([start, end])
    text.replaceAll(matches, this.content)
  }

  toJSON(): JsonObject {
    return { type: this.type, pattern: writePattern(this.pattern), content: this.content }
  }
}

// Cuts at a string or a regular expression.
import { asBoolean, type JsonObject, optional } from '../json.ts'
import type { Regex } from '../regex/regex.ts'
import { asBehavior, type Behavior, cut, readPattern, writePattern } from '../text/find.ts'
import type { PreTokenizedText } from '../text/pre-tokenized.ts'
import type { PreTokenizer } from './pre-tokenizer.ts'

export class Split implements PreTokenizer {
  readonly type = 'Split'
  readonly pattern: string | Regex
  readonly behavior: Behavior
  /** Swap what is a match and what is not. */
  readonly invert: boolean

  constructor(pattern: string | Regex, behavior: Behavior, invert = false) {
    this.pattern = pattern
    this.behavior = behavior
    this.invert = invert
  }

  static fromJSON(json: JsonObject, where: string): Split {
    return new Split(
      readPattern(json.pattern, `${where}.pattern`),
      asBehavior(json.behavior, `${where}.behavior`),
      optional(json.invert, `${where}.invert`, asBoolean, false),
    )
  }

  preTokenize(text: PreTokenizedText): void {
    text.split(piece => cut(piece, this.pattern, this.behavior, this.invert))
  }

  toJSON(): JsonObject {
    return { type: this.type, pattern: writePattern(this.pattern), behavior: this.behavior, invert: this.invert }
  }
}

// Replaces a string, or what a regular expression matches, in each token.
import { asString, type JsonObject } from '../json.ts'
import type { Regex } from '../regex/regex.ts'
import { findSpans, readPattern, writePattern } from '../text/find.ts'
import { type Decoder, perToken, type Sink } from './decoder.ts'

export class ReplaceDecoder implements Decoder {
  readonly type = 'Replace'
  readonly pattern: string | Regex
  readonly content: string

  constructor(pattern: string | Regex, content: string) {
    this.pattern = pattern
    this.content = content
  }

  static fromJSON(json: JsonObject, where: string): ReplaceDecoder {
    return new ReplaceDecoder(readPattern(json.pattern, `${where}.pattern`), asString(json.content, `${where}.content`))
  }

  start(sink: Sink): Sink {
    const { pattern, content } = this
    // A single character cannot be spread over fragments, so nothing has to wait.
    if (typeof pattern === 'string' && pattern.length === 1) {
      return {
        fragment: text => sink.fragment(text.replaceAll(pattern, content)),
        endToken: () => sink.endToken(),
        end: () => sink.end(),
      }
    }
    return perToken(sink, token => {
      let out = ''
      for (const [start, end, isMatch] of findSpans(token, pattern)) out += isMatch ? content : token.slice(start, end)
      return out
    })
  }

  toJSON(): JsonObject {
    return { type: this.type, pattern: writePattern(this.pattern), content: this.content }
  }
}

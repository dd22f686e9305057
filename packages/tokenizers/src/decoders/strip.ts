// Takes up to so many copies of one character off the start and the end of each token.
import { asChar, asCount, type JsonObject } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'

export class StripDecoder implements Decoder {
  readonly type = 'Strip'
  readonly content: string
  readonly left: number
  readonly right: number

  constructor(content: string, left: number, right: number) {
    this.content = content
    this.left = left
    this.right = right
  }

  static fromJSON(json: JsonObject, where: string): StripDecoder {
    return new StripDecoder(
      asChar(json.content, `${where}.content`),
      asCount(json.start, `${where}.start`),
      asCount(json.stop, `${where}.stop`),
    )
  }

  start(sink: Sink): Sink {
    const { content, left, right } = this
    let toStrip = left
    // The last characters that may yet turn out to be the end of the token.
    let held = ''
    return {
      fragment(text) {
        while (toStrip > 0 && text !== '') {
          if (text.startsWith(content)) {
            text = text.slice(content.length)
            toStrip--
          } else toStrip = 0
        }
        if (text === '') return
        text = held + text
        let keep = text.length
        for (let i = 0; i < right && text.slice(0, keep).endsWith(content); i++) keep -= content.length
        held = text.slice(keep)
        if (keep > 0) sink.fragment(text.slice(0, keep))
      },
      endToken() {
        held = ''
        toStrip = left
        sink.endToken()
      },
      end: () => sink.end(),
    }
  }

  toJSON(): JsonObject {
    return { type: this.type, content: this.content, start: this.left, stop: this.right }
  }
}

// Turns the end-of-word suffix into the space between words; the last word has none.
import { asString, type JsonObject, optional } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'

export class BPEDecoder implements Decoder {
  readonly type = 'BPEDecoder'
  readonly suffix: string

  constructor(suffix = '</w>') {
    this.suffix = suffix
  }

  static fromJSON(json: JsonObject, where: string): BPEDecoder {
    return new BPEDecoder(optional(json.suffix, `${where}.suffix`, asString, '</w>'))
  }

  start(sink: Sink): Sink {
    const { suffix } = this
    let token = ''
    // Whether a token is the last one is known only when another comes.
    let held: string | undefined
    const flush = (space: string) => {
      if (held === undefined) return
      sink.fragment(suffix === '' ? held : held.replaceAll(suffix, space))
      sink.endToken()
    }
    return {
      fragment(text) {
        token += text
      },
      endToken() {
        flush(' ')
        held = token
        token = ''
      },
      end() {
        flush('')
        sink.end()
      },
    }
  }

  toJSON(): JsonObject {
    return { type: this.type, suffix: this.suffix }
  }
}

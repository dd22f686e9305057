// Joins all tokens into one, so that the decoders after it see the whole text.
import type { JsonObject } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'

export class Fuse implements Decoder {
  readonly type = 'Fuse'

  start(sink: Sink): Sink {
    return {
      fragment: text => sink.fragment(text),
      endToken() {},
      end() {
        sink.endToken()
        sink.end()
      },
    }
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

// What every decoder is: a machine that tokens are fed to and text comes out of. Batch decoding feeds all of them, streaming
// feeds them as they arrive; there is no second implementation that could differ.
//
// A token travels as one or more fragments and an end mark. Decoders such as Fuse and ByteLevel join tokens: what leaves
// them are fragments of one long token, whose end comes last.
import type { JsonObject } from '../json.ts'

/** Where a run puts what it has decoded. */
export interface Sink {
  /** A part of the current token. */
  fragment(text: string): void
  /** The current token is complete. */
  endToken(): void
  /** A special token stood here that is not to be shown. */
  skip?(): void
  /** No more tokens will come. */
  end(): void
}

export interface Decoder {
  readonly type: string
  /** A fresh run that writes to `sink`. */
  start(sink: Sink): Sink
  toJSON(): JsonObject
}

/** A run that waits for whole tokens before it can say anything. */
export function perToken(sink: Sink, decode: (token: string, index: number) => string): Sink {
  let token = ''
  let index = 0
  return {
    fragment(text) {
      token += text
    },
    endToken() {
      const out = decode(token, index++)
      token = ''
      sink.fragment(out)
      sink.endToken()
    },
    end: () => sink.end(),
  }
}

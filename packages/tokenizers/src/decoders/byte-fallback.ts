// Undoes byte fallback: runs of `<0x..>` tokens are UTF-8. A run that is not valid UTF-8 gives one U+FFFD for each byte,
// so nothing can be said before the run ends.
import type { JsonObject } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'

const BYTE = /^<0x([0-9A-Fa-f]{2})>$/

export class ByteFallback implements Decoder {
  readonly type = 'ByteFallback'

  start(sink: Sink): Sink {
    const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    let token = ''
    let run: number[] = []
    const write = (text: string) => {
      sink.fragment(text)
      sink.endToken()
    }
    const flush = () => {
      if (run.length === 0) return
      let text: string | undefined
      try {
        text = utf8.decode(Uint8Array.from(run))
      } catch {
        for (const _ of run) write('\ufffd')
      }
      if (text !== undefined) write(text)
      run = []
    }
    return {
      fragment(text) {
        token += text
      },
      endToken() {
        const byte = BYTE.exec(token)
        if (byte) run.push(Number.parseInt(byte[1], 16))
        else {
          flush()
          write(token)
        }
        token = ''
      },
      end() {
        flush()
        sink.end()
      },
    }
  }

  toJSON(): JsonObject {
    return { type: this.type }
  }
}

// Undoes byte fallback: runs of `<0x..>` tokens are UTF-8. A run that is not valid UTF-8 gives one U+FFFD for each byte,
// so nothing can be said before the run ends.
import type { JsonObject } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'

/** The byte that a token of byte fallback stands for. */
export function byteOf(token: string): number | undefined {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)
  return byte ? Number.parseInt(byte[1], 16) : undefined
}

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
        const byte = byteOf(token)
        if (byte !== undefined) run.push(byte)
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

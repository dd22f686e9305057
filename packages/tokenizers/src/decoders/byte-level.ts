// Undoes the byte alphabet: characters back to bytes, bytes to text. A character may be spread over several tokens.
import type { JsonObject } from '../json.ts'
import { charToByte } from '../unicode/byte-chars.ts'
import { Utf8Stream, utf8Bytes } from '../unicode/utf8.ts'
import type { Decoder, Sink } from './decoder.ts'

export class ByteLevelDecoder implements Decoder {
  readonly type = 'ByteLevel'
  // These options mean nothing to a decoder; files carry them and they are written back.
  private readonly kept: JsonObject

  constructor(json: JsonObject = {}) {
    this.kept = json
  }

  start(sink: Sink): Sink {
    const utf8 = new Utf8Stream()
    let token = ''
    const write = (text: string) => {
      if (text !== '') sink.fragment(text)
    }
    return {
      fragment(text) {
        token += text
      },
      endToken() {
        write(utf8.push(Uint8Array.from(tokenBytes(token))))
        token = ''
      },
      end() {
        write(utf8.end())
        sink.endToken()
        sink.end()
      },
    }
  }

  toJSON(): JsonObject {
    const { add_prefix_space = true, trim_offsets = true, use_regex = true } = this.kept
    return { type: this.type, add_prefix_space, trim_offsets, use_regex }
  }
}

/** The bytes that a token stands for: by the byte alphabet, or its own UTF-8 if any character is outside it. */
export function tokenBytes(token: string): number[] {
  const bytes: number[] = []
  for (let i = 0; i < token.length; i++) {
    const byte = charToByte(token.charCodeAt(i))
    if (byte < 0) return utf8Bytes(token)
    bytes.push(byte)
  }
  return bytes
}

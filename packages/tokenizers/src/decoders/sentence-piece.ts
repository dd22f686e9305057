// How sentencepiece puts pieces together (sentencepiece_processor.cc, Decode): of the spaces before the text those go that normalizing put there, an
// unknown piece has a sign of its own, and runs of bytes are UTF-8 in which what is no character is one U+FFFD a byte. tokenizer.json has no
// such decoder; written out, it becomes the nearest sequence of those it has.
import type { JsonObject } from '../json.ts'
import type { Decoder, Sink } from './decoder.ts'

export type SentencePieceDecoding = {
  /** A space in front is one that normalizing put there. */
  addDummyPrefix: boolean
  /** A text has no space in front at all. */
  removeExtraWhitespaces: boolean
  /** The unknown piece, and what stands for it. */
  unknown?: { piece: string; surface: string }
  /** The byte that a piece stands for. */
  bytes: ReadonlyMap<string, number>
}

const SPACE = '\u2581'

export class SentencePieceDecoder implements Decoder {
  readonly type = 'SentencePiece'
  private readonly rules: SentencePieceDecoding

  constructor(rules: SentencePieceDecoding) {
    this.rules = rules
  }

  start(sink: Sink): Sink {
    const { addDummyPrefix, removeExtraWhitespaces, unknown, bytes } = this.rules
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
    let token = ''
    /** Bytes that are no whole character yet. */
    let run: number[] = []
    /** Whether a space of a piece would be one in front. */
    let atStart = addDummyPrefix || removeExtraWhitespaces
    const write = (text: string) => {
      if (text === '') return
      sink.fragment(text)
      atStart = false
    }
    /** @param isLast whether no byte follows that could complete a character */
    const decodeRun = (isLast: boolean) => {
      while (run.length > 0) {
        const length = characterAt(run)
        if (length === undefined && !isLast) return
        write(length ? utf8.decode(Uint8Array.from(run.slice(0, length))) : '\ufffd')
        run = run.slice(length || 1)
      }
    }
    const piece = (text: string): string => {
      if (text === unknown?.piece) return unknown.surface
      if (atStart && text.startsWith(SPACE)) {
        text = text.slice(SPACE.length)
        if (!removeExtraWhitespaces) atStart = false
      }
      return text.replaceAll(SPACE, ' ')
    }
    return {
      fragment(text) {
        token += text
      },
      endToken() {
        const byte = bytes.get(token)
        if (byte === undefined) {
          decodeRun(true)
          write(piece(token))
        } else {
          run.push(byte)
          decodeRun(false)
        }
        token = ''
      },
      skip: () => decodeRun(true),
      end() {
        decodeRun(true)
        sink.endToken()
        sink.end()
      },
    }
  }

  toJSON(): JsonObject {
    const { addDummyPrefix, removeExtraWhitespaces, unknown, bytes } = this.rules
    const replace = (from: string, content: string) => ({ type: 'Replace', pattern: { String: from }, content })
    const decoders: JsonObject[] = [replace(SPACE, ' ')]
    if (unknown) decoders.push(replace(unknown.piece, unknown.surface))
    if (bytes.size > 0) decoders.push({ type: 'ByteFallback' })
    decoders.push({ type: 'Fuse' })
    if (addDummyPrefix || removeExtraWhitespaces) decoders.push({ type: 'Strip', content: ' ', start: 1, stop: 0 })
    return { type: 'Sequence', decoders }
  }
}

/** How many bytes the first character of a list has: 0 if it begins with none, undefined if what is there may become one. */
function characterAt(bytes: readonly number[]): number | undefined {
  const [first, second] = bytes
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0) return 0
  // No character is written longer than it has to be, is a surrogate, or lies above U+10FFFF.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second !== undefined && (second < least || second > most)) return 0
  for (let i = 2; i < Math.min(length, bytes.length); i++) if (bytes[i] >> 6 !== 2) return 0
  return bytes.length < length ? undefined : length
}

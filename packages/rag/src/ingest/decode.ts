// From bytes to text, without guessing: a byte order mark says what it is, everything else must be UTF-8. A file in another encoding
// is refused with the place of its first wrong byte, because a wrong guess would only be found out by whoever reads the answer.
import { RagIngestError } from '../errors.ts'
import type { FileInput } from './loader.ts'

const marks: readonly [encoding: string, mark: readonly number[]][] = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
]

/** The encoding that a byte order mark names, or the declared one. */
export function encodingOf(head: Uint8Array, declared = 'utf-8'): string {
  return marks.find(([, mark]) => mark.every((byte, i) => head[i] === byte))?.[0] ?? declared
}

function decoderFor(path: string, encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true })
  } catch (error) {
    throw new RagIngestError('wrong encoding', path, `${encoding} is not known`, { cause: error })
  }
}

const refusal = (path: string, encoding: string, from: number, to: number, cause?: unknown) =>
  new RagIngestError(
    'wrong encoding',
    path,
    `not ${encoding} between byte ${from} and ${to}; convert it, or name its encoding`,
    { cause },
  )

/** The text of bytes; a byte order mark is not part of it. @throws RagIngestError */
export function decode(path: string, bytes: Uint8Array, declared?: string): string {
  const encoding = encodingOf(bytes, declared)
  try {
    return decoderFor(path, encoding).decode(bytes)
  } catch (error) {
    if (error instanceof RagIngestError) throw error
    throw refusal(path, encoding, 0, bytes.length, error)
  }
}

/**
 * The text of a stream, piece by piece; a piece never ends inside of a pair of surrogates.
 * @throws RagIngestError for another encoding, and for bytes that are no text (NUL)
 */
export async function* decodeStream(input: FileInput, declared?: string): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined
  let encoding = ''
  let at = 0
  let held = ''
  for await (const bytes of input.stream()) {
    if (bytes.length === 0) continue
    if (!decoder) {
      encoding = encodingOf(bytes, declared)
      decoder = decoderFor(input.path, encoding)
    }
    let text: string
    try {
      text = held + decoder.decode(bytes, { stream: true })
    } catch (error) {
      throw refusal(input.path, encoding, at, at + bytes.length, error)
    }
    const nul = text.indexOf('\0')
    if (nul >= 0) throw new RagIngestError('malformed', input.path, `a NUL near byte ${at}: it is no text`)
    at += bytes.length
    const last = text.charCodeAt(text.length - 1)
    held = last >= 0xd800 && last < 0xdc00 ? text.slice(-1) : ''
    if (held) text = text.slice(0, -1)
    if (text) yield text
  }
  try {
    const rest = held + (decoder?.decode() ?? '')
    if (rest) yield rest
  } catch (error) {
    throw refusal(input.path, encoding, at, at, error)
  }
}

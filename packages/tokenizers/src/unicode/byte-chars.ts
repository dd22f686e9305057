// GPT-2's byte alphabet: each byte has a printable character, so that byte-level vocabularies can be written as text.
// Printable Latin-1 bytes stand for themselves; the others take U+0100 and up, in order (Radford et al. 2019, encoder.py).

function build(): { chars: string[]; bytes: Int16Array } {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  const chars: string[] = []
  const bytes = new Int16Array(0x144).fill(-1)
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const code = printable(byte) ? byte : next++
    chars.push(String.fromCharCode(code))
    bytes[code] = byte
  }
  return { chars, bytes }
}

const tables = /* @__PURE__ */ build()

/** The character of each byte. */
export const byteChars: readonly string[] = tables.chars

/** The byte of a character code, or -1. */
export function charToByte(code: number): number {
  return code < 0x144 ? tables.bytes[code] : -1
}

/** Bytes written in the byte alphabet. */
export function bytesToText(bytes: ArrayLike<number>): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += byteChars[bytes[i]]
  return text
}

/** The bytes of a text in the byte alphabet; undefined if a character is outside it. */
export function textToBytes(text: string): Uint8Array | undefined {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const byte = charToByte(text.charCodeAt(i))
    if (byte < 0) return undefined
    out[i] = byte
  }
  return out
}

// UTF-8 by hand where a TextEncoder's call costs more than the work: single characters and short words.

/** The UTF-8 bytes of a text; a lone surrogate becomes U+FFFD, as everywhere on the web. */
export function utf8Bytes(text: string): number[] {
  const out: number[] = []
  for (let i = 0; i < text.length; i++) {
    let cp = text.codePointAt(i)!
    if (cp > 0xffff) i++
    else if (cp >= 0xd800 && cp <= 0xdfff) cp = 0xfffd
    if (cp < 0x80) out.push(cp)
    else if (cp < 0x800) out.push(0xc0 | (cp >> 6), 0x80 | (cp & 63))
    else if (cp < 0x10000) out.push(0xe0 | (cp >> 12), 0x80 | ((cp >> 6) & 63), 0x80 | (cp & 63))
    else out.push(0xf0 | (cp >> 18), 0x80 | ((cp >> 12) & 63), 0x80 | ((cp >> 6) & 63), 0x80 | (cp & 63))
  }
  return out
}

/** Writes the UTF-8 bytes of units [start, end) of a well-formed text into `out`; returns how many. */
export function utf8Into(units: Uint16Array, start: number, end: number, out: Uint8Array): number {
  let n = 0
  for (let i = start; i < end; i++) {
    const unit = units[i]
    if (unit < 0x80) out[n++] = unit
    else if (unit < 0x800) {
      out[n++] = 0xc0 | (unit >> 6)
      out[n++] = 0x80 | (unit & 63)
    } else if (unit < 0xd800 || unit > 0xdbff || i + 1 >= end) {
      out[n++] = 0xe0 | (unit >> 12)
      out[n++] = 0x80 | ((unit >> 6) & 63)
      out[n++] = 0x80 | (unit & 63)
    } else {
      const cp = (unit << 10) + units[++i] - 0x35fdc00
      out[n++] = 0xf0 | (cp >> 18)
      out[n++] = 0x80 | ((cp >> 12) & 63)
      out[n++] = 0x80 | ((cp >> 6) & 63)
      out[n++] = 0x80 | (cp & 63)
    }
  }
  return n
}

/** The number of UTF-8 bytes of a code point. */
export function utf8Length(cp: number): number {
  return cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4
}

/**
 * Decodes bytes that arrive in any portions. Malformed bytes become U+FFFD by the WHATWG rules, which are also those of
 * Rust's `from_utf8_lossy`. U+FEFF is kept: it is text here, not a byte order mark.
 */
export class Utf8Stream {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  push(bytes: Uint8Array): string {
    return this.decoder.decode(bytes, { stream: true })
  }

  end(): string {
    return this.decoder.decode()
  }
}

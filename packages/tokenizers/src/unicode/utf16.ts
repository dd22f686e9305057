// A text as an array of its UTF-16 units, for loops that look at every one of them several times.
import { copyUtf16 } from '#platform'

/** From this length on, the call of a platform's own copy is worth it. */
const COPIED = 64

/** The units of a text, `text.length` of them. Into `buffer` if it is large enough; valid until that is used again. */
export function utf16Units(text: string, buffer?: Uint16Array): Uint16Array {
  const { length } = text
  const units = buffer && buffer.length >= length ? buffer.subarray(0, length) : new Uint16Array(length)
  if (length > COPIED) copyUtf16(text, units)
  else for (let i = 0; i < length; i++) units[i] = text.charCodeAt(i)
  return units
}

/** The text of units [start, end). */
export function utf16Text(units: Uint16Array, start: number, end: number): string {
  let text = ''
  // A call takes only so many arguments.
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode.apply(null, units.subarray(at, Math.min(end, at + 4096)) as unknown as number[])
  }
  return text
}

/** Units of a buffer that is kept between calls; longer texts get one of their own. */
const KEPT_UNITS = 1 << 16

/** Gives the units of one text after the other, in the same memory where that is small. */
export class UnitBuffer {
  private buffer = new Uint16Array(0)

  /** The units of a text, valid until the next call. */
  units(text: string): Uint16Array {
    if (this.buffer.length < text.length && text.length <= KEPT_UNITS) {
      this.buffer = new Uint16Array(Math.min(KEPT_UNITS, 2 * text.length))
    }
    return utf16Units(text, this.buffer)
  }
}

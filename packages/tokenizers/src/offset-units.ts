// Offsets in other units: JavaScript indexes strings by UTF-16 units, Python by code points, files by UTF-8 bytes.
import { Encoding, type Offsets } from './encoding.ts'
import { utf8Length } from './unicode/utf8.ts'

export type OffsetUnit = 'utf16' | 'codePoints' | 'bytes'

/** For each position in UTF-16 units, the position in the other unit. Inside a surrogate pair it is that of its start. */
function positions(text: string, unit: Exclude<OffsetUnit, 'utf16'>): Int32Array {
  const out = new Int32Array(text.length + 1)
  let count = 0
  for (let at = 0; at < text.length; ) {
    const cp = text.codePointAt(at)!
    const size = cp > 0xffff ? 2 : 1
    out.fill(count, at, at + size)
    count += unit === 'bytes' ? utf8Length(cp) : 1
    at += size
  }
  out[text.length] = count
  return out
}

/** The encoding of these texts with its offsets in another unit. */
export function withOffsetUnit(encoding: Encoding, texts: readonly string[], unit: OffsetUnit): Encoding {
  if (unit === 'utf16') return encoding
  const maps = texts.map(text => positions(text, unit))
  const convert = (window: Encoding): Encoding => {
    const offsets = window.offsets.map(([start, end], i): Offsets => {
      const sequence = window.sequenceIds[i]
      return sequence === null ? [start, end] : [maps[sequence][start], maps[sequence][end]]
    })
    return new Encoding({ ...window, offsets }, window.overflowing.map(convert))
  }
  return convert(encoding)
}

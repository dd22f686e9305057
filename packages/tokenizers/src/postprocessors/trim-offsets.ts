// Byte-level tokens carry the space before their word; trimming leaves it out of the offsets.
import { Encoding, type Offsets } from '../encoding.ts'
import { byteChars } from '../unicode/byte-chars.ts'
import { isWhitespace } from '../unicode/categories.ts'

const isSpace = (char: string) => char === byteChars[32] || isWhitespace(char.codePointAt(0)!)

export function trimOffsets(encoding: Encoding, addPrefixSpace: boolean): Encoding {
  const offsets = encoding.offsets.map(([start, end], i): Offsets => {
    const chars = [...encoding.tokens[i]]
    let leading = 0
    while (leading < chars.length && isSpace(chars[leading])) leading++
    let trailing = 0
    while (trailing < chars.length && isSpace(chars[chars.length - 1 - trailing])) trailing++
    // The one space that the pre-tokenizer put in front is not in the text; more than one are the text's own.
    const isPrefix = (i === 0 || start === 0) && addPrefixSpace && leading === 1
    const skip = isPrefix ? 0 : leading
    const from = skip > 0 ? Math.min(start + skip, end) : start
    const to = trailing > 0 && end >= trailing ? Math.max(end - trailing, from) : end
    return [from, to]
  })
  return new Encoding(
    { ...encoding, offsets },
    encoding.overflowing.map(window => trimOffsets(window, addPrefixSpace)),
  )
}

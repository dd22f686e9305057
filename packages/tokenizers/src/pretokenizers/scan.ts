// The well-known patterns of the GPT family by hand: given where a pre-token starts, where does it end? Each function gives
// what its regular expression in patterns.ts matches there, several times faster; the tests hold them together. Texts are
// well-formed and come as arrays of their UTF-16 units: a string would be asked for its representation at every character.
import { categoryCodes, categoryTable, isWhitespace } from '../unicode/categories.ts'
import { patterns } from './patterns.ts'
import type { Scanner } from './pre-tokenizer.ts'

const LETTER = 1
const NUMBER = 2
const SPACE = 4
/** Part of the first half of a word of o200k: upper case, or without case. */
const HEAD = 8
/** Part of the second half: lower case, or without case. */
const TAIL = 16
const NEWLINE = 32
const WORD = LETTER | NUMBER

let flags: Uint8Array | undefined

/** What each code point is, as bits. Shared: do not write to it. */
function flagTable(): Uint8Array {
  if (flags) return flags
  const byCategory = new Uint8Array(64)
  const mark = (bit: number, ...prefixes: string[]) => {
    for (const code of categoryCodes(...prefixes)) byCategory[code] |= bit
  }
  mark(LETTER, 'L')
  mark(NUMBER, 'N')
  mark(HEAD, 'Lu', 'Lt', 'Lm', 'Lo', 'M')
  mark(TAIL, 'Ll', 'Lm', 'Lo', 'M')
  const table = categoryTable().map(code => byCategory[code])
  for (let cp = 0; cp <= 0x3000; cp++) if (isWhitespace(cp)) table[cp] |= SPACE
  table[10] |= NEWLINE
  table[13] |= NEWLINE
  return (flags = table)
}

/** The code point of the surrogate pair at `at`. */
const codePoint = (text: Uint16Array, at: number): number => (text[at] << 10) + text[at + 1] - 0x35fdc00

/** The bits of the character at `at`, which is inside the text. */
function flagsAt(table: Uint8Array, text: Uint16Array, at: number): number {
  const unit = text[at]
  return unit < 0xd800 || unit > 0xdbff ? table[unit] : table[codePoint(text, at)]
}

const sizeAt = (text: Uint16Array, at: number): number => {
  const unit = text[at]
  return unit >= 0xd800 && unit <= 0xdbff ? 2 : 1
}

/** The end of the run of characters that have one of the bits. */
function runWith(table: Uint8Array, text: Uint16Array, at: number, bits: number): number {
  const { length } = text
  while (at < length) {
    const unit = text[at]
    if (unit < 0xd800 || unit > 0xdbff) {
      if ((table[unit] & bits) === 0) break
      at++
    } else {
      if ((table[codePoint(text, at)] & bits) === 0) break
      at += 2
    }
  }
  return at
}

/** The end of the run of characters that have none of the bits. */
function runWithout(table: Uint8Array, text: Uint16Array, at: number, bits: number): number {
  const { length } = text
  while (at < length) {
    const unit = text[at]
    if (unit < 0xd800 || unit > 0xdbff) {
      if ((table[unit] & bits) !== 0) break
      at++
    } else {
      if ((table[codePoint(text, at)] & bits) !== 0) break
      at += 2
    }
  }
  return at
}

/** White space at `start`, as `\s+(?!\S)|\s+`: all but the last of it, unless it ends the text or is one character. */
function scanSpace(table: Uint8Array, text: Uint16Array, start: number): number {
  const end = runWith(table, text, start, SPACE)
  return end < text.length && end - start > 1 ? end - 1 : end
}

/** White space at `start`, as `\s*[\r\n]+|\s+(?!\S)|\s+`: up to its last line break, if it has one. */
function scanSpaceAndLines(table: Uint8Array, text: Uint16Array, start: number): number {
  const end = runWith(table, text, start, SPACE)
  for (let at = end; at > start; at--) {
    const unit = text[at - 1]
    if (unit === 10 || unit === 13) return at
  }
  return end < text.length && end - start > 1 ? end - 1 : end
}

/** The end of `'s 't 're 've 'm 'll 'd` at `start`, lower case; 0 if none is there. */
function contraction(text: Uint16Array, start: number): number {
  if (start + 1 >= text.length || text[start] !== 39) return 0
  const a = text[start + 1]
  if (a === 115 || a === 116 || a === 109 || a === 100) return start + 2
  if (start + 2 >= text.length) return 0
  const b = text[start + 2]
  if ((a === 114 && b === 101) || (a === 118 && b === 101) || (a === 108 && b === 108)) return start + 3
  return 0
}

/** The same in any case; U+017F, the long s, is an s. */
function anyCaseContraction(text: Uint16Array, start: number): number {
  if (start + 1 >= text.length || text[start] !== 39) return 0
  const unit = text[start + 1]
  const a = unit | 32
  if (unit === 0x17f || a === 115 || a === 116 || a === 109 || a === 100)
    return unit < 128 || unit === 0x17f ? start + 2 : 0
  const next = start + 2 < text.length ? text[start + 2] : 0
  if (unit >= 128 || next >= 128) return 0
  const b = next | 32
  if ((a === 114 && b === 101) || (a === 118 && b === 101) || (a === 108 && b === 108)) return start + 3
  return 0
}

export function scanGpt2(text: Uint16Array, start: number): number {
  const table = flags ?? flagTable()
  const first = text[start]
  if (first === 39) {
    const end = contraction(text, start)
    if (end > 0) return end
  }
  let at = start
  if (first === 32) {
    if (start + 1 >= text.length) return start + 1
    if ((flagsAt(table, text, start + 1) & SPACE) !== 0) return scanSpace(table, text, start)
    at++
  }
  const bits = flagsAt(table, text, at)
  if ((bits & LETTER) !== 0) return runWith(table, text, at, LETTER)
  if ((bits & NUMBER) !== 0) return runWith(table, text, at, NUMBER)
  if ((bits & SPACE) !== 0) return scanSpace(table, text, at)
  return runWithout(table, text, at, WORD | SPACE)
}

/** One to `most` numbers. */
function scanNumber(table: Uint8Array, text: Uint16Array, start: number, most: number): number {
  let at = start
  for (let i = 0; i < most && at < text.length && (flagsAt(table, text, at) & NUMBER) !== 0; i++) at += sizeAt(text, at)
  return at
}

function scanCl100k(text: Uint16Array, start: number, most: number): number {
  const table = flags ?? flagTable()
  const first = text[start]
  if (first === 39) {
    const end = anyCaseContraction(text, start)
    if (end > 0) return end
  }
  const bits = flagsAt(table, text, start)
  if ((bits & LETTER) !== 0) return runWith(table, text, start, LETTER)
  if ((bits & NUMBER) !== 0) return scanNumber(table, text, start, most)
  const next = start + sizeAt(text, start)
  const after = next < text.length ? flagsAt(table, text, next) : SPACE
  // Anything but a line break goes with the letters behind it.
  if ((bits & NEWLINE) === 0 && (after & LETTER) !== 0) return runWith(table, text, next, LETTER)
  if ((bits & SPACE) === 0) return runWith(table, text, runWithout(table, text, start, WORD | SPACE), NEWLINE)
  if (first === 32 && (after & (WORD | SPACE)) === 0) {
    return runWith(table, text, runWithout(table, text, next, WORD | SPACE), NEWLINE)
  }
  return scanSpaceAndLines(table, text, start)
}

/** A word of o200k from `start`: letters without lower case, then letters without upper case; 0 if there is none. */
function scanCasedWord(table: Uint8Array, text: Uint16Array, start: number): number {
  const head = runWith(table, text, start, HEAD)
  const end = runWith(table, text, head, TAIL)
  if (end > head) return end
  // No lower case follows: the word ends behind the last letter of the head that has no case.
  for (let at = head; at > start; ) {
    const size = at - start >= 2 && text[at - 1] >= 0xdc00 && text[at - 1] <= 0xdfff ? 2 : 1
    if ((flagsAt(table, text, at - size) & TAIL) !== 0) return at
    at -= size
  }
  return 0
}

function scanO200k(text: Uint16Array, start: number): number {
  const table = flags ?? flagTable()
  const { length } = text
  const bits = flagsAt(table, text, start)
  const next = start + sizeAt(text, start)
  const canLead = (bits & (WORD | NEWLINE)) === 0
  // Anything but a line break, letter or number may lead a word; a mark may also be its first letter.
  let end = 0
  const led = canLead && next < length && (flagsAt(table, text, next) & (HEAD | TAIL)) !== 0
  if (led) end = scanCasedWord(table, text, next)
  const isBody = (bits & (HEAD | TAIL)) !== 0
  if (end === 0 && isBody) end = scanCasedWord(table, text, start)
  if (end === 0 && led) {
    const head = runWith(table, text, next, HEAD)
    if (head > next) end = head
  }
  if (end === 0 && isBody) end = runWith(table, text, start, HEAD)
  if (end > start) return anyCaseContraction(text, end) || end
  if ((bits & NUMBER) !== 0) return scanNumber(table, text, start, 3)
  const isSpaced = text[start] === 32 && next < length && (flagsAt(table, text, next) & (WORD | SPACE)) === 0
  if ((bits & SPACE) === 0 || isSpaced) {
    let at = runWithout(table, text, isSpaced ? next : start, WORD | SPACE)
    while (at < length) {
      const unit = text[at]
      if (unit !== 10 && unit !== 13 && unit !== 47) break
      at++
    }
    return at
  }
  return scanSpaceAndLines(table, text, start)
}

/** The hand-written scanner of a pattern, if there is one. */
export const scanners: ReadonlyMap<string, Scanner> = new Map<string, Scanner>([
  [patterns.gpt2, scanGpt2],
  [patterns.cl100k, (text, start) => scanCl100k(text, start, 3)],
  [patterns.qwen2, (text, start) => scanCl100k(text, start, 1)],
  [patterns.o200k, scanO200k],
])

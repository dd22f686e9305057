// GPT-2's pre-tokenization (Radford et al. 2019, encoder.py) by hand instead of by regex:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// The last two alternatives: a run of white space leaves its last character to the word after it, unless it ends the
// text or is one character long.
import { type CharClass, classOf, LETTER, NUMBER, OTHER, SPACE } from './char-class.ts'

export function scanGpt2(text: string, start: number): number {
  const { length } = text
  const first = text.charCodeAt(start)
  if (first === 39) {
    const end = contraction(text, start)
    if (end > 0) return end
  }
  let at = start
  let kind: CharClass
  if (first === 32) {
    if (start + 1 >= length) return length
    kind = classOf(text, start + 1)
    if (kind !== SPACE) at = start + 1
  } else kind = classOf(text, start)
  switch (kind) {
    case LETTER:
    case NUMBER:
    case OTHER:
      return runOf(text, at, kind)
    case SPACE: {
      const end = runOf(text, at, SPACE)
      return end < length && end - start > 1 ? end - 1 : end
    }
    default:
      return kind satisfies never
  }
}

/** The end of the run of one class that starts at `start`. */
export function runOf(text: string, start: number, kind: CharClass): number {
  const { length } = text
  let at = start
  while (at < length && classOf(text, at) === kind) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return at
}

/** The end of `'s 't 'm 'd 're 've 'll` at `start`, lower case only; 0 if none is there. */
function contraction(text: string, start: number): number {
  const a = text.charCodeAt(start + 1)
  if (a === 115 || a === 116 || a === 109 || a === 100) return start + 2
  const b = text.charCodeAt(start + 2)
  if ((a === 114 && b === 101) || (a === 118 && b === 101) || (a === 108 && b === 108)) return start + 3
  return 0
}

// Finds the words of a text in one walk over its UTF-16 units, in the spirit of UAX #29 but for searching: letters and digits of
// any script with their marks; `don't` and `3.14` and `U.S.A.` are whole; hyphens, underscores and dots in names divide. Chinese,
// Japanese and Korean give overlapping pairs of characters; Thai, Lao, Khmer and Burmese are divided by the engine's dictionaries.
import { asciiKinds, kindOf, kinds, unitKinds } from './characters.ts'

let spans = new Int32Array(1024)
let found = 0
let dictionary: Intl.Segmenter | undefined

function take(start: number, end: number): void {
  if (found + 2 > spans.length) {
    const larger = new Int32Array(spans.length * 2)
    larger.set(spans)
    spans = larger
  }
  spans[found++] = start
  spans[found++] = end
}

/**
 * The words of a text as start, end, start, end ... in UTF-16 units: a view that the next call overwrites.
 */
export function wordSpans(text: string): Int32Array {
  found = 0
  const { length } = text
  const { letter, digit, mark, cjk, dictionary: undivided, apostrophe, point, pair } = kinds
  let table = asciiKinds
  let at = 0
  while (at < length) {
    let code = text.charCodeAt(at)
    if (code >= table.length) table = unitKinds()
    let kind = table[code]!
    if (kind === pair) kind = kindAt(text, at)
    if (kind === letter || kind === digit) {
      const start = at
      let part = at // where the stretch without joiners begins
      for (;;) {
        at += code >= 0xd800 && code < 0xdc00 ? 2 : 1
        if (at >= length) break
        const before = kind
        code = text.charCodeAt(at)
        if (code >= table.length) table = unitKinds()
        kind = table[code]!
        if (kind === pair) kind = kindAt(text, at)
        if (kind === letter || kind === digit) continue
        if (kind === mark) {
          kind = before
          continue
        }
        if (kind !== apostrophe && kind !== point) break
        const next = at + 1 < length ? text.charCodeAt(at + 1) : 0
        if (next >= table.length) table = unitKinds()
        const after = table[next]!
        if (after !== before || after > digit) break
        if (kind === apostrophe ? after !== letter : after === letter && !(code === 46 && isInitial(text, part, at)))
          break
        at++
        part = at
        code = next
        kind = after
      }
      take(start, at)
    } else if (kind === cjk) {
      const start = at
      let previous = at
      at = after(text, at)
      let end = at
      while (at < length && kindOfUnit(text, at) === cjk) {
        end = after(text, at)
        take(previous, end)
        previous = at
        at = end
      }
      if (previous === start) take(start, end)
    } else if (kind === undivided) {
      const start = at
      while (at < length && (kindOfUnit(text, at) === undivided || kindOfUnit(text, at) === mark)) at++
      dictionary ??= new Intl.Segmenter('th', { granularity: 'word' })
      for (const { segment, index, isWordLike } of dictionary.segment(text.slice(start, at)))
        if (isWordLike) take(start + index, start + index + segment.length)
    } else at++
  }
  return spans.subarray(0, found)
}

/** Is the dot at `at` one of `U.S.A.`: a single letter before it and a single letter after it? */
function isInitial(text: string, part: number, at: number): boolean {
  if (at - part !== 1) return false
  const beyond = at + 2 < text.length ? kindOfUnit(text, at + 2) : kinds.other
  return beyond !== kinds.letter && beyond !== kinds.digit && beyond !== kinds.mark
}

function kindOfUnit(text: string, at: number): number {
  const kind = unitKinds()[text.charCodeAt(at)]!
  return kind === kinds.pair ? kindAt(text, at) : kind
}

const kindAt = (text: string, at: number): number => {
  const point = text.codePointAt(at)!
  return point > 0xffff ? kindOf(String.fromCodePoint(point)) : kinds.other
}

const after = (text: string, at: number): number => at + (text.codePointAt(at)! > 0xffff ? 2 : 1)

// Cuts source code where its syntax allows it: between declarations, with the comments above them; inside of one that is too long,
// between its parts. What brackets, strings and comments look like comes from the table of languages.
import { assemble, between, type Chunker, checkSize, chunksOf, fits, type SizeOptions, type Stretch } from './chunk.ts'
import { type Language, languages } from './languages.ts'
import { divide } from './plain.ts'

interface Line {
  readonly start: number
  readonly end: number
  /** How deep it stands: open brackets, or the column of its first character. */
  readonly depth: number
  /** Nothing can be cut before it: it is inside of a string or comment, closes a block or is empty. */
  readonly bound: boolean
  /** It belongs to what follows it: a comment, a decorator, an attribute. */
  readonly leads: boolean
}

const plain: Language = { name: 'text', extensions: [], blocks: 'lines', strings: [] }

/** The lines of a program and how deep each stands. One walk over the text. */
function linesOf(text: string, language: Language): Line[] {
  const { blocks, lineComment = [], blockComment = [], strings } = language
  const lines: Line[] = []
  let depth = 0
  let inside: { close: string; lines: boolean } | undefined
  for (let start = 0; start < text.length; ) {
    const stop = text.indexOf('\n', start)
    const end = stop < 0 ? text.length : stop + 1
    let at = start
    while (at < end && (text[at] === ' ' || text[at] === '\t')) at++
    const column = at - start
    const empty = at >= end || text[at] === '\n' || text[at] === '\r'
    const continues = inside !== undefined
    const closes = /[)\]}]/.test(text[at] ?? '')
    const leads =
      !continues &&
      !empty &&
      (text[at] === '@' ||
        text.startsWith('#[', at) ||
        lineComment.some(mark => text.startsWith(mark, at)) ||
        blockComment.some(([mark]) => text.startsWith(mark, at)))
    const before = depth
    while (at < end) {
      if (inside) {
        if (text[at] === '\\' && !inside.lines) at += 2
        else if (text.startsWith(inside.close, at)) {
          at += inside.close.length
          inside = undefined
        } else at++
        continue
      }
      if (lineComment.some(mark => text.startsWith(mark, at))) {
        at = end
        break
      }
      const comment = blockComment.find(([mark]) => text.startsWith(mark, at))
      const quote = comment ? undefined : strings.find(mark => text.startsWith(mark, at))
      if (comment) {
        inside = { close: comment[1], lines: true }
        at += comment[0].length
      } else if (quote) {
        inside = { close: quote, lines: false }
        at += quote.length
      } else {
        const char = text[at++]
        if (char === '(' || char === '[' || char === '{') depth++
        else if (char === ')' || char === ']' || char === '}') depth = Math.max(0, depth - 1)
      }
    }
    // A string in single quotes ends with its line whatever is missing, so that an apostrophe harms one line only.
    if (inside && !inside.lines && inside.close.length === 1 && inside.close !== '`') inside = undefined
    const shown = blocks === 'brackets' ? before : blocks === 'indentation' ? column : 0
    const bracketed = blocks !== 'brackets' && before > 0
    lines.push({
      start,
      end,
      depth: closes ? Math.max(0, shown - 1) : shown,
      bound: continues || empty || closes || bracketed,
      leads,
    })
    start = end
  }
  return lines
}

/** Where units begin at a depth: a line at that depth, or the comments above it. */
function unitStarts(lines: readonly Line[], first: number, last: number, depth: number): number[] {
  const starts: number[] = []
  let leading = -1
  for (let i = first; i < last; i++) {
    const line = lines[i]
    if (line.leads && line.depth === depth) {
      if (leading < 0) leading = i
      continue
    }
    if (line.bound) continue
    if (line.depth === depth) starts.push(leading >= 0 ? leading : i)
    leading = -1
  }
  return starts
}

/** Declarations as far as they fit into a chunk; a longer one by its parts. */
export function codeChunker(options: SizeOptions = {}): Chunker {
  const sized = checkSize('codeChunker', options)
  return ({ text, language }) => {
    const lines = linesOf(text, languages.find(({ name }) => name === language) ?? plain)
    const cut = (first: number, last: number, depth: number): Stretch[] => {
      const whole: Stretch = [lines[first].start, lines[last - 1].end]
      if (fits(text, whole, sized)) return [whole]
      const deeper = lines.slice(first, last).flatMap(line => (!line.bound && line.depth >= depth ? [line.depth] : []))
      if (deeper.length === 0) return divide(text, whole, sized)
      const here = deeper.reduce((a, b) => Math.min(a, b))
      const starts = unitStarts(lines, first, last, here).filter(start => start > first)
      if (starts.length === 0) return cut(first, last, here + 1)
      const units = between(
        lines[first].start,
        lines[last - 1].end,
        starts.map(start => lines[start].start),
      )
      const edges = [first, ...starts, last]
      return assemble(text, units, sized, (_, i) => cut(edges[i], edges[i + 1], here))
    }
    if (lines.length === 0) return []
    return chunksOf(text, cut(0, lines.length, 0))
  }
}

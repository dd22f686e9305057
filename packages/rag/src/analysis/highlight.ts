// Where a text says what was asked for: the words whose terms are those of the query, and the stretch that has most of them.
import type { Analyzer } from './analyzer.ts'

/** A stretch of a text, in UTF-16 units. */
export interface Span {
  start: number
  end: number
}

export interface Snippet extends Span {
  text: string
  /** The words to mark, counted from the beginning of the snippet. */
  marks: Span[]
}

/** The words of a text whose terms are among those given, in order. */
export function highlight(text: string, terms: Iterable<string>, analyzer: Analyzer): Span[] {
  const wanted = terms instanceof Set ? (terms as ReadonlySet<string>) : new Set(terms)
  const spans: Span[] = []
  for (const { term, start, end } of analyzer.analyze(text)) {
    const last = spans.at(-1)
    // Pairs of Chinese characters overlap: they are marked as one stretch.
    if (!wanted.has(term)) continue
    if (last && start < last.end) last.end = Math.max(last.end, end)
    else spans.push({ start, end })
  }
  return spans
}

/**
 * The stretch of at most `length` units that has the most different terms of the query, then the most words, cut between words.
 */
export function snippet(text: string, terms: Iterable<string>, analyzer: Analyzer, length = 200): Snippet {
  const wanted = new Set(terms)
  const hits = analyzer.analyze(text).filter(token => wanted.has(token.term))
  let best = { first: 0, last: -1, value: -1 }
  for (let first = 0, last = 0; first < hits.length; first++) {
    last = Math.max(last, first)
    while (last + 1 < hits.length && hits[last + 1]!.end - hits[first]!.start <= length) last++
    const inside = hits.slice(first, last + 1)
    const value = new Set(inside.map(hit => hit.term)).size * 1000 + Math.min(999, inside.length)
    if (value > best.value) best = { first, last, value }
  }
  const from = hits[best.first]?.start ?? 0
  const to = best.last >= 0 ? hits[best.last]!.end : 0
  const spare = Math.max(0, length - (to - from))
  let start = Math.max(0, Math.min(from - Math.floor(spare / 2), text.length - length))
  let end = Math.min(text.length, Math.max(to, start + length))
  while (start > 0 && start < from && !/\s/.test(text[start - 1]!)) start++
  while (end < text.length && end > to && !/\s/.test(text[end]!)) end--
  const shown = text.slice(start, end)
  const marks = highlight(text, wanted, analyzer)
    .filter(span => span.start >= start && span.end <= end)
    .map(span => ({ start: span.start - start, end: span.end - start }))
  return { start, end, text: shown, marks }
}

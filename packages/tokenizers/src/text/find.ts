// Finding what a pattern matches in a text and cutting there, with the five behaviours that the Rust library has.
import { asObject, asString, type Json, type JsonObject, oneOf, wrong } from '../json.ts'
import { Regex } from '../regex/regex.ts'
import type { AlignedText } from './aligned-text.ts'

/** What becomes of a match: its own piece, dropped, joined to a neighbour, or joined to other matches beside it. */
export const behaviors = ['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const
export type Behavior = (typeof behaviors)[number]
export const asBehavior = oneOf(behaviors)

/** A range of a text and whether it is a match. */
export type Span = [start: number, end: number, isMatch: boolean]

/** Text that is searched for: a string, a regular expression, or a test of single characters. */
export type Pattern = string | Regex | ((cp: number) => boolean)

/** The whole text as spans, matches and what lies between. */
export function findSpans(text: string, pattern: Pattern): Span[] {
  if (text === '') return [[0, 0, false]]
  const spans: Span[] = []
  let done = 0
  const add = (start: number, end: number) => {
    if (done !== start) spans.push([done, start, false])
    spans.push([start, end, true])
    done = end
  }
  if (typeof pattern === 'string') {
    if (pattern === '') return [[0, text.length, false]]
    for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + pattern.length)) {
      add(at, at + pattern.length)
    }
  } else if (pattern instanceof Regex) {
    for (const [start, end] of pattern.matches(text)) add(start, end)
  } else {
    for (let at = 0; at < text.length; ) {
      const cp = text.codePointAt(at)!
      const end = at + (cp > 0xffff ? 2 : 1)
      if (pattern(cp)) add(at, end)
      at = end
    }
  }
  if (done !== text.length) spans.push([done, text.length, false])
  return spans
}

/** The pieces that cutting at a pattern leaves. `invert` swaps what is a match and what is not. */
export function cut(text: AlignedText, pattern: Pattern, behavior: Behavior, invert = false): AlignedText[] {
  const spans = findSpans(text.text, pattern)
  if (invert) for (const span of spans) span[2] = !span[2]
  return arrange(spans, behavior).map(([start, end]) => text.slice(start, end))
}

function arrange(spans: Span[], behavior: Behavior): Span[] {
  switch (behavior) {
    case 'Isolated':
      return spans
    case 'Removed':
      return spans.filter(span => !span[2])
    case 'Contiguous': {
      const out: Span[] = []
      for (const span of spans) {
        const last = out.at(-1)
        if (last && last[2] === span[2]) last[1] = span[1]
        else out.push(span)
      }
      return out
    }
    case 'MergedWithPrevious': {
      const out: Span[] = []
      let afterMatch = false
      for (const span of spans) {
        const last = out.at(-1)
        if (span[2] && !afterMatch && last) last[1] = span[1]
        else out.push([span[0], span[1], false])
        afterMatch = span[2]
      }
      return out
    }
    case 'MergedWithNext': {
      const out: Span[] = []
      let afterMatch = false
      for (const span of spans.reverse()) {
        const last = out.at(-1)
        if (span[2] && !afterMatch && last) last[0] = span[0]
        else out.push([span[0], span[1], false])
        afterMatch = span[2]
      }
      return out.reverse()
    }
    default:
      return behavior satisfies never
  }
}

/** A pattern as tokenizer.json writes it: `{"String": ..}` or `{"Regex": ..}`. */
export function readPattern(json: Json | undefined, where: string): string | Regex {
  if (typeof json === 'string') return json
  const value = asObject(json, where)
  if ('String' in value) return asString(value.String, `${where}.String`)
  if ('Regex' in value) return new Regex(asString(value.Regex, `${where}.Regex`))
  return wrong(where, '{"String": ..} or {"Regex": ..}', json)
}

export function writePattern(pattern: string | Regex): JsonObject {
  return typeof pattern === 'string' ? { String: pattern } : { Regex: pattern.source }
}

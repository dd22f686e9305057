// Which documents of a part match a query with structure, as one byte per document.
import { type Counts, findTerm, type Part } from './part.ts'

export type Match =
  | { kind: 'terms'; terms: readonly { term: number; field: number | null }[] }
  | { kind: 'phrase'; terms: readonly number[]; field: number | null; slop: number }
  | { kind: 'and' | 'or'; of: readonly Match[] }
  | { kind: 'not'; of: Match }

/** Has every document that matches at least one of the terms that score? */
export function covers(match: Match): boolean {
  if (match.kind === 'terms' || match.kind === 'phrase') return true
  if (match.kind === 'and') return match.of.some(covers)
  if (match.kind === 'or') return match.of.every(covers)
  return false
}

/** 1 for each document that matches, dead ones included. */
export function matchDocuments(part: Part, match: Match): Uint8Array {
  const matched = new Uint8Array(part.count)
  switch (match.kind) {
    case 'terms':
      for (const { term, field } of match.terms) {
        const at = findTerm(part, term)
        if (at < 0) continue
        const counts: Counts | null = field === null ? null : part.counts[field]
        for (let p = part.offsets[at]; p < part.offsets[at + 1]; p++)
          if (!counts || counts[p] > 0) matched[part.docs[p]] = 1
      }
      return matched
    case 'phrase': {
      const { terms, field, slop } = match
      // Documents that have all the words, beginning with those of the rarest one.
      const places = [...new Set(terms)].map(term => findTerm(part, term))
      if (places.some(at => at < 0)) return matched
      const size = (at: number) => part.offsets[at + 1] - part.offsets[at]
      places.sort((a, b) => size(a) - size(b))
      const seen = new Uint16Array(part.count)
      places.forEach((at, i) => {
        for (let p = part.offsets[at]; p < part.offsets[at + 1]; p++)
          if (seen[part.docs[p]] === i) seen[part.docs[p]] = i + 1
      })
      const [rarest] = places
      for (let p = part.offsets[rarest]; p < part.offsets[rarest + 1]; p++) {
        const doc = part.docs[p]
        if (seen[doc] === places.length && hasPhrase(part, doc, terms, field, slop)) matched[doc] = 1
      }
      return matched
    }
    case 'and': {
      matched.fill(1)
      for (const inner of match.of) {
        const other = matchDocuments(part, inner)
        for (let doc = 0; doc < matched.length; doc++) matched[doc] &= other[doc]
      }
      return matched
    }
    case 'or': {
      for (const inner of match.of) {
        const other = matchDocuments(part, inner)
        for (let doc = 0; doc < matched.length; doc++) matched[doc] |= other[doc]
      }
      return matched
    }
    case 'not': {
      const other = matchDocuments(part, match.of)
      for (let doc = 0; doc < matched.length; doc++) matched[doc] = 1 - other[doc]
      return matched
    }
    default:
      return match satisfies never
  }
}

/** Do the terms follow each other in a field of the document, with at most `slop` others between the first and the last? */
function hasPhrase(part: Part, doc: number, terms: readonly number[], field: number | null, slop: number): boolean {
  const { tokens, starts, fields } = part
  const first = field ?? 0
  const last = field ?? fields - 1
  for (let f = first; f <= last; f++) {
    const end = starts[doc * fields + f + 1]
    for (let from = starts[doc * fields + f]; from + terms.length <= end; from++) {
      if (tokens[from] !== terms[0]) continue
      // Taking each term as early as possible leaves the fewest others between.
      let at = from
      let next = 1
      const limit = Math.min(end, from + terms.length + slop)
      while (next < terms.length && ++at < limit) if (tokens[at] === terms[next]) next++
      if (next === terms.length) return true
    }
  }
  return false
}

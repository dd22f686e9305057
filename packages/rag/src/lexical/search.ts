// Searching: a query becomes terms with weights, which score, and, if it is more than a bag of words, a structure that says which
// documents match at all.
import type { Synonyms } from '../analysis/synonyms.ts'
import { RagArgumentError } from '../errors.ts'
import { checkFilter, type Filter, type Metadata, matches, type Scalar } from '../stores/filter.ts'
import { searchLists, Window } from './block-max.ts'
import { type Bm25Options, bm25Variants, formulaOf } from './bm25.ts'
import { Bm25List, fieldNorm } from './bm25-list.ts'
import { expandQuery, type FeedbackDocument, type FeedbackOptions } from './feedback.ts'
import type { IndexView, PartEntry } from './lexical-index.ts'
import { covers, type Match, matchDocuments } from './match.ts'
import { findTerm } from './part.ts'
import { checkQuery, type Query } from './query.ts'
import { Top } from './top.ts'

export interface LexicalSearchOptions {
  /** How many documents at most. Default 10. */
  k?: number
  /** Only documents whose metadata meets it. */
  filter?: Filter
  /** Only documents for which it is true. It is asked about those that would be found, not about all. */
  accept?: (id: string) => boolean
  /** Instead of the index's own. */
  bm25?: Bm25Options
  /** Weights of fields instead of the index's own; 0 leaves a field out. */
  weights?: Readonly<Record<string, number>>
  /** A word that no document has is taken for what it may have been meant to be. Default false. */
  fuzzy?: boolean
  /** The last word may be the beginning of one, as while somebody types. Default false. */
  prefix?: boolean
  synonyms?: Synonyms
  /** Searches a second time with words of what the first search found. Default false. */
  feedback?: boolean | FeedbackOptions
  /** False scores every document that matches, for tests: the results are the same. */
  prune?: boolean
}

export interface LexicalHit {
  id: string
  score: number
  metadata?: Metadata
}

export interface FacetCounts {
  /** How many documents match. */
  total: number
  /** Per field, how many of them have each value, most frequent first. */
  facets: Map<string, Map<Scalar, number>>
}

/** A term that scores: in one field, or in all. */
interface WeightedTerm {
  term: number
  field: number | null
  weight: number
}

interface Plan {
  terms: WeightedTerm[]
  /** null: any document with any of the terms. */
  match: Match | null
}

/** What an inexact way to a term counts beside an exact one. */
const discounts = { synonym: 0.5, prefix: 0.75, expansions: 64 }

export class LexicalSearch {
  private readonly window = new Window()

  search(index: IndexView, query: Query, options: LexicalSearchOptions): LexicalHit[] {
    const { k = 10, feedback = false } = options
    if (!(Number.isInteger(k) && k >= 1))
      throw new RagArgumentError('search', `k is ${k}`, 'give a whole number from 1 up')
    if (options.filter) checkFilter('search', options.filter)
    checkBm25(options.bm25 ?? index.bm25)
    let plan = planOf(index, query, options)
    if (feedback) plan = this.withFeedback(index, plan, options, feedback === true ? {} : feedback)
    return this.run(index, plan, options, k).map(({ entry, doc, score }) => {
      const metadata = entry.metadata?.[doc]
      return { id: entry.ids[doc], score, ...(metadata && { metadata }) }
    })
  }

  terms(index: IndexView, query: Query, options: LexicalSearchOptions): string[] {
    return [...new Set(planOf(index, query, options).terms.map(({ term }) => index.term(term)))]
  }

  facets(index: IndexView, query: Query, fields: readonly string[], options: LexicalSearchOptions): FacetCounts {
    if (options.filter) checkFilter('facets', options.filter)
    const plan = planOf(index, query, options)
    const match: Match = plan.match ?? { kind: 'terms', terms: plan.terms }
    const facets = new Map(fields.map(field => [field, new Map<Scalar, number>()]))
    let total = 0
    for (const entry of index.entries) {
      const matched = matchDocuments(entry.part, match)
      const accept = acceptOf(entry, options, null)
      for (let doc = 0; doc < entry.part.count; doc++) {
        if (!matched[doc] || (accept && !accept(doc))) continue
        total++
        const metadata = entry.metadata?.[doc]
        if (!metadata) continue
        for (const [field, counts] of facets) {
          const value = Object.hasOwn(metadata, field) ? metadata[field] : undefined
          const values = value === undefined ? [] : Array.isArray(value) ? new Set<Scalar>(value) : [value as Scalar]
          for (const one of values) counts.set(one, (counts.get(one) ?? 0) + 1)
        }
      }
    }
    for (const [field, counts] of facets) facets.set(field, new Map([...counts].sort((a, b) => b[1] - a[1])))
    return { total, facets }
  }

  private run(
    index: IndexView,
    { terms, match }: Plan,
    options: LexicalSearchOptions,
    k: number,
  ): { entry: PartEntry; doc: number; score: number }[] {
    const { documents: N, entries } = index
    if (N === 0) return []
    const formula = formulaOf(options.bm25 ?? index.bm25)
    const norms = index.fieldOptions.map(({ weight, b }, field) =>
      fieldNorm(options.weights?.[index.fieldNames[field]] ?? weight, b ?? formula.b, index.averageLengths[field]),
    )
    const all = norms.map((_, field) => field).filter(field => norms[field].weight > 0)
    const weighted = terms
      .filter(({ term }) => index.documentsWith(term) > 0)
      .map(({ term, field, weight }) => ({
        term,
        fields: field === null ? all : all.filter(f => f === field),
        weight: weight * formula.idf(index.documentsWith(term), N),
      }))
      .filter(({ fields }) => fields.length > 0)
      // The heaviest first: light ones are those that pruning leaves out. The order is the same in every part.
      .sort((a, b) => b.weight - a.weight || a.term - b.term)
    const constant = weighted.reduce((sum, { weight }) => sum + weight * formula.atZero, 0)

    const top = new Top(Math.min(k, N))
    entries.forEach((entry, i) => {
      const { part } = entry
      const lists = weighted.flatMap(({ term, fields, weight }) => {
        const at = findTerm(part, term)
        return at < 0 ? [] : [new Bm25List(part, at, weight, formula, norms, fields)]
      })
      const matched = match && matchDocuments(part, match)
      const accept = acceptOf(entry, options, matched)
      const firstKey = i * 2 ** 32
      const shared = { lists, documents: part.count, accept, top, firstKey, window: this.window }
      searchLists({ ...shared, prune: options.prune !== false })
      // Documents that match without any of the terms (because of a NOT) come after those that score.
      if (matched && match && !covers(match)) {
        const scored = new Uint8Array(part.count)
        for (const list of lists) for (let p = list.from; p < list.to; p++) if (list.has(p)) scored[part.docs[p]] = 1
        for (let doc = 0; doc < part.count; doc++)
          if (!scored[doc] && (!accept || accept(doc))) top.add(0, firstKey + doc)
      }
    })
    return top.results().map(({ score, key }) => ({
      entry: entries[Math.floor(key / 2 ** 32)],
      doc: key % 2 ** 32,
      score: score + constant,
    }))
  }

  private withFeedback(index: IndexView, plan: Plan, options: LexicalSearchOptions, feedback: FeedbackOptions): Plan {
    const found = this.run(index, plan, options, feedback.documents ?? 10).map(
      ({ entry, doc, score }): FeedbackDocument => {
        const { part } = entry
        const tokens = part.tokens.subarray(part.starts[doc * part.fields], part.starts[(doc + 1) * part.fields])
        const counts = new Map<number, number>()
        for (const term of tokens) counts.set(term, (counts.get(term) ?? 0) + 1)
        return { counts, length: tokens.length, score }
      },
    )
    const inAll = plan.terms.filter(({ field }) => field === null)
    const query = new Map(inAll.map(({ term, weight }) => [term, weight]))
    const positive = found.filter(({ score }) => score > 0)
    const expanded = expandQuery(
      query,
      positive,
      { documentsWith: index.documentsWith, documents: index.documents },
      feedback,
    )
    return {
      match: plan.match,
      terms: [
        ...plan.terms.filter(({ field }) => field !== null),
        ...Array.from(expanded, ([term, weight]) => ({ term, field: null, weight })),
      ],
    }
  }
}

function checkBm25({ variant = 'lucene', k1 = 1.2, b = 0.75, delta = 0 }: Bm25Options): void {
  const fail = (problem: string, remedy: string): never => {
    throw new RagArgumentError('search', problem, remedy)
  }
  if (!bm25Variants.includes(variant))
    fail(`there is no BM25 variant ${variant}`, `variants are ${bm25Variants.join(', ')}`)
  if (!(k1 >= 0 && Number.isFinite(k1))) fail(`k1 is ${k1}`, 'give a number from 0 up')
  if (!(b >= 0 && b <= 1)) fail(`b is ${b}`, 'give a number from 0 to 1')
  if (!(delta >= 0 && Number.isFinite(delta))) fail(`delta is ${delta}`, 'give a number from 0 up')
}

/** Everything that may keep a document out: death, the query's structure, the filter, the caller. */
function acceptOf(
  { part, ids, metadata }: PartEntry,
  { filter, accept }: LexicalSearchOptions,
  matched: Uint8Array | null,
): ((doc: number) => boolean) | null {
  const { alive } = part
  const dead = part.living < part.count
  if (!dead && !matched && !filter && !accept) return null
  return doc =>
    alive[doc] === 1 &&
    (!matched || matched[doc] === 1) &&
    (!filter || matches(filter, metadata?.[doc] ?? {})) &&
    (!accept || accept(ids[doc]))
}

function planOf(
  index: IndexView,
  query: Query,
  { fuzzy = false, prefix = false, synonyms }: Pick<LexicalSearchOptions, 'fuzzy' | 'prefix' | 'synonyms'>,
): Plan {
  checkQuery(query, index.fieldNames)
  const fields = index.fieldNames.length
  const weights = new Map<number, WeightedTerm>()
  /** Notes that a term scores, unless it stands under a NOT. */
  const score = (term: number, field: number | null, weight: number, scores: boolean): void => {
    if (!scores || weight === 0) return
    const key = term * (fields + 1) + (field === null ? 0 : field + 1)
    const known = weights.get(key)
    if (known) known.weight += weight
    else weights.set(key, { term, field, weight })
  }
  const fieldOf = (node: { field?: string }): number | null =>
    node.field === undefined ? null : index.fieldNames.indexOf(node.field)
  const present = (term: number | undefined): term is number => term !== undefined && index.documentsWith(term) > 0

  const similar = (word: string, edits?: number): { term: number; weight: number }[] =>
    index
      .dictionaries()
      .flatMap(dictionary => dictionary.within(word, edits))
      .map(({ term, distance }) => ({ term: index.termNumber(term)!, weight: 1 - distance / (word.length + 1) }))
      .filter(({ term }) => present(term))
      .sort((a, b) => b.weight - a.weight || index.documentsWith(b.term) - index.documentsWith(a.term))
      .slice(0, discounts.expansions)

  const beginning = (letters: string): number[] =>
    index
      .dictionaries()
      .flatMap(dictionary => dictionary.withPrefix(letters))
      .map(term => index.termNumber(term)!)
      .filter(present)
      .sort((a, b) => index.documentsWith(b) - index.documentsWith(a))
      .slice(0, discounts.expansions)

  const termsOf = (found: readonly number[], field: number | null): Match => ({
    kind: 'terms',
    terms: found.map(term => ({ term, field })),
  })

  const bag = (text: string, field: number | null, boost: number, scores: boolean, last: boolean): Match => {
    const found: number[] = []
    const note = (term: number, weight: number): void => {
      found.push(term)
      score(term, field, boost * weight, scores)
    }
    for (const word of index.analyzer.terms(text)) {
      const term = index.termNumber(word)
      if (present(term)) note(term, 1)
      else if (fuzzy) {
        // The nearest ones only: of farther ones most are other words.
        const near = similar(word)
        for (const { term, weight } of near) if (weight === near[0].weight) note(term, weight)
      }
      for (const other of synonyms?.of(word) ?? []) {
        const known = index.termNumber(other)
        if (present(known)) note(known, discounts.synonym)
      }
    }
    if (last) {
      const letters = /[\p{L}\p{N}\p{M}]+$/u.exec(text)?.[0].toLowerCase()
      if (letters) for (const term of beginning(letters)) if (!found.includes(term)) note(term, discounts.prefix)
    }
    return termsOf(found, field)
  }

  const walk = (node: Query, scores: boolean): Match => {
    if (typeof node === 'string') return bag(node, null, 1, scores, prefix)
    if ('text' in node) return bag(node.text, fieldOf(node), node.boost ?? 1, scores, prefix)
    if ('and' in node)
      return { kind: 'and', of: node.and.filter(inner => !isEmpty(inner)).map(inner => walk(inner, scores)) }
    if ('or' in node) return { kind: 'or', of: node.or.map(inner => walk(inner, scores)) }
    if ('not' in node) return { kind: 'not', of: walk(node.not, false) }
    const field = fieldOf(node)
    const { boost = 1 } = node
    if ('phrase' in node) {
      const numbers = index.analyzer.terms(node.phrase).map(term => index.termNumber(term))
      if (!numbers.every(present)) return termsOf([], null)
      for (const term of numbers) score(term, field, boost, scores)
      if (numbers.length < 2) return termsOf(numbers, field)
      return { kind: 'phrase', terms: numbers, field, slop: node.slop ?? 0 }
    }
    if ('prefix' in node) {
      const found = beginning(node.prefix.normalize('NFKC').toLowerCase())
      for (const term of found) score(term, field, boost, scores)
      return termsOf(found, field)
    }
    if ('fuzzy' in node) {
      const found = index.analyzer.terms(node.fuzzy).flatMap(word => similar(word, node.edits))
      for (const { term, weight } of found) score(term, field, boost * weight, scores)
      return termsOf(
        found.map(({ term }) => term),
        field,
      )
    }
    return node satisfies never
  }

  /** Words that are all stop words ask for nothing: beside others they must not forbid everything. */
  const isEmpty = (node: Query): boolean => {
    const text = typeof node === 'string' ? node : 'text' in node ? node.text : 'phrase' in node ? node.phrase : null
    return text !== null && index.analyzer.terms(text).length === 0
  }

  const match = walk(query, true)
  return { terms: [...weights.values()], match: isBag(query) ? null : match }
}

/** Does any document with a scoring term match? Then no structure is needed. */
function isBag(query: Query): boolean {
  return (
    typeof query === 'string' ||
    'text' in query ||
    'prefix' in query ||
    'fuzzy' in query ||
    ('or' in query && query.or.every(isBag))
  )
}

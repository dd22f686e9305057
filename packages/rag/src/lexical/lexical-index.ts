// An index of words: documents go in and out one at a time, searches see every change, and scores never depend on the order of
// changes: statistics are those of the documents that are there now.
//
// New documents wait in a builder until a search asks; then they become a part, and parts of similar size are merged, so there are
// few of them and each document is inverted about log2(n) times (the logarithmic method of Bentley and Saxe 1980).
import type { Analyzer } from '../analysis/analyzer.ts'
import { TermDictionary } from '../analysis/dictionary.ts'
import { RagArgumentError, RagFormatError } from '../errors.ts'
import { checkMetadata, type Metadata } from '../stores/filter.ts'
import type { Bm25Options } from './bm25.ts'
import { concatenate, InversionScratch, invert, type Part, PartBuilder } from './part.ts'
import type { Query } from './query.ts'
import { readPart, writePart } from './saved-part.ts'
import { type FacetCounts, type LexicalHit, LexicalSearch, type LexicalSearchOptions } from './search.ts'
import { WordTable } from './word-table.ts'

export interface LexicalDocument {
  /** Adding a document with an id that is there replaces it. */
  id: string
  /** Its text, or a text for each field; one string goes into the first field. */
  text: string | Readonly<Record<string, string>>
  /** What filters and facets see. */
  metadata?: Metadata
}

export interface FieldOptions {
  /** How much an occurrence counts beside one in another field. Default 1. */
  weight?: number
  /** How much this field's length counts, instead of BM25's b. */
  b?: number
}

export interface LexicalIndexOptions {
  analyzer: Analyzer
  /** Default: one field, `text`. */
  fields?: Readonly<Record<string, FieldOptions>>
  bm25?: Bm25Options
}

/** A part as the index keeps it. */
export interface PartEntry {
  /** Its name for as long as it exists: merging gives the result a new one. */
  readonly serial: number
  /** Grows when one of its documents dies. */
  revision: number
  readonly part: Part
  readonly ids: readonly string[]
  readonly metadata: readonly (Metadata | undefined)[] | null
}

/** What a search needs of an index. */
export interface IndexView {
  readonly entries: readonly PartEntry[]
  readonly analyzer: Analyzer
  readonly fieldNames: readonly string[]
  readonly fieldOptions: readonly (FieldOptions & { weight: number })[]
  readonly bm25: Bm25Options
  readonly documents: number
  readonly averageLengths: readonly number[]
  termNumber(term: string): number | undefined
  term(number: number): string
  documentsWith(term: number): number
  dictionaries(): readonly TermDictionary[]
}

/** Tokens that one part takes before it is closed, and that a merged part may have: what inverting holds in memory at a time. */
const partTokens = { closed: 1 << 23, merged: 1 << 24 }
/** Words whose terms are remembered. */
const rememberedWords = 1 << 18
const local32 = 2 ** 32

export class LexicalIndex {
  readonly analyzer: Analyzer
  readonly fields: readonly string[]
  private readonly fieldOptions: IndexView['fieldOptions']
  private readonly bm25: Bm25Options
  private readonly vocabulary = new Map<string, number>()
  private readonly terms: string[] = []
  /** Living documents with each term. */
  private documentsWith = new Uint32Array(1024)
  /** A word as it stands in texts: its term, or -1 for none, or -2 - i for the several terms `several[i]`. */
  private readonly words = new WordTable()
  private several: Uint32Array[] = []
  private readonly totals: number[]
  /** Where each document is: serial of the part * 2^32 + its number there. */
  private readonly places = new Map<string, number>()
  private entries: PartEntry[] = []
  private readonly builder: PartBuilder
  private builderSerial = 1
  private nextSerial = 2
  private builderIds: string[] = []
  private builderMetadata: (Metadata | undefined)[] | null = null
  private readonly scratch = new InversionScratch()
  private sorted: { dictionaries: TermDictionary[]; known: number; base: number } = {
    dictionaries: [],
    known: 0,
    base: 0,
  }
  private readonly searcher = new LexicalSearch()

  constructor({ analyzer, fields = { text: {} }, bm25 = {} }: LexicalIndexOptions) {
    this.analyzer = analyzer
    this.fields = Object.keys(fields)
    if (this.fields.length === 0) throw new RagArgumentError('LexicalIndex', 'there are no fields', 'name at least one')
    this.fieldOptions = Object.values(fields).map(options => ({ ...options, weight: options.weight ?? 1 }))
    for (const { weight } of this.fieldOptions)
      if (!(weight >= 0 && Number.isFinite(weight)))
        throw new RagArgumentError('LexicalIndex', `a field has weight ${weight}`, 'give a number from 0 up')
    this.bm25 = bm25
    this.totals = this.fields.map(() => 0)
    this.builder = new PartBuilder(this.fields.length)
  }

  /** Documents in the index. */
  get size(): number {
    return this.places.size
  }

  has(id: string): boolean {
    return this.places.has(id)
  }

  ids(): Iterable<string> {
    return this.places.keys()
  }

  /**
   * Adds a document, or replaces the one of the same id.
   * @throws RagArgumentError for an id, text or metadata that is none; the index is then as it was
   */
  add(document: LexicalDocument): void {
    const { id, text, metadata } = document
    if (typeof id !== 'string' || id === '' || !id.isWellFormed())
      throw new RagArgumentError(
        'add',
        `a document has the id ${JSON.stringify(id)}`,
        'ids are strings that are not empty',
      )
    checkMetadata('add', metadata, `document ${id}`)
    if (typeof text === 'object' && text !== null)
      for (const [name, value] of Object.entries(text)) {
        if (!this.fields.includes(name))
          throw new RagArgumentError(
            'add',
            `document ${id} has a field ${name}`,
            `fields are ${this.fields.join(', ')}`,
          )
        if (typeof value !== 'string')
          throw new RagArgumentError('add', `field ${name} of document ${id} is ${typeof value}`, 'fields are strings')
      }
    else if (typeof text !== 'string')
      throw new RagArgumentError(
        'add',
        `the text of document ${id} is ${typeof text}`,
        'give a string, or one for each field',
      )

    this.delete(id)
    const { builder } = this
    for (let field = 0; field < this.fields.length; field++) {
      const words = typeof text === 'string' ? (field === 0 ? text : '') : (text[this.fields[field]] ?? '')
      if (words !== '') this.push(words)
      builder.endField()
    }
    builder.endDocument()
    this.places.set(id, this.builderSerial * local32 + this.builderIds.length)
    this.builderIds.push(id)
    if (metadata && !this.builderMetadata) this.builderMetadata = new Array(this.builderIds.length - 1).fill(undefined)
    this.builderMetadata?.push(metadata)
    if (builder.size > partTokens.closed) this.flush()
  }

  addAll(documents: Iterable<LexicalDocument>): void {
    for (const document of documents) this.add(document)
  }

  /** Removes a document. @returns whether it was there */
  delete(id: string): boolean {
    const place = this.places.get(id)
    if (place === undefined) return false
    // Only parts have dead documents; merging keeps them few when one document is replaced again and again.
    if (Math.floor(place / local32) === this.builderSerial) this.flush()
    const serial = Math.floor(this.places.get(id)! / local32)
    const doc = this.places.get(id)! % local32
    const entry = this.entries.find(candidate => candidate.serial === serial)!
    const { part } = entry
    part.alive[doc] = 0
    part.living--
    entry.revision++
    const fields = this.fields.length
    const from = part.starts[doc * fields]
    const to = part.starts[(doc + 1) * fields]
    for (const term of new Set(part.tokens.subarray(from, to))) this.documentsWith[term]--
    for (let field = 0; field < fields; field++) this.totals[field] -= part.lengths[field][doc]
    this.places.delete(id)
    return true
  }

  /**
   * The best documents for a query, best first; of equal scores the one added earlier.
   * @throws RagArgumentError for a query, filter or k that is none
   */
  search(query: Query, options: LexicalSearchOptions = {}): LexicalHit[] {
    return this.searcher.search(this.view(), query, options)
  }

  /** How many documents match, and how often each value of some metadata fields occurs among them. */
  facets(
    query: Query,
    fields: readonly string[],
    options: Pick<LexicalSearchOptions, 'filter' | 'accept' | 'fuzzy' | 'prefix' | 'synonyms'> = {},
  ): FacetCounts {
    return this.searcher.facets(this.view(), query, fields, options)
  }

  /** The terms that a query is looked up by, for highlighting: those of its words, and what stands for them. */
  queryTerms(query: Query, options: Pick<LexicalSearchOptions, 'fuzzy' | 'prefix' | 'synonyms'> = {}): string[] {
    return this.searcher.terms(this.view(), query, options)
  }

  /** Puts waiting documents where searches see them; searches do it by themselves. */
  flush(): void {
    this.close()
    this.merge()
  }

  /** One part, without the dead: for an index that will be read more than written. Inverts everything once. */
  optimize(): void {
    this.close()
    if (this.entries.length > 1 || this.entries.some(({ part }) => part.living < part.count))
      this.replace(0, this.entries.length)
  }

  /** The parts that hold the documents now. Bytes of a part stay right as long as its revision does. */
  parts(): { serial: number; revision: number; documents: number }[] {
    this.flush()
    return this.entries.map(({ serial, revision, part }) => ({ serial, revision, documents: part.living }))
  }

  /** One part as a segment that needs nothing else to be read but the analyzer. */
  savePart(serial: number): Uint8Array<ArrayBuffer> {
    const entry = this.entries.find(candidate => candidate.serial === serial)
    if (!entry) throw new RagArgumentError('savePart', `there is no part ${serial}`, 'take one of parts()')
    return writePart(entry, this.fields, this.analyzer.settings, number => this.terms[number])
  }

  /** All parts as segments. */
  save(): Uint8Array<ArrayBuffer>[] {
    return this.parts().map(({ serial }) => this.savePart(serial))
  }

  /**
   * An index of saved parts; where they have a document in common the last one counts.
   * @throws RagFormatError for a damaged segment, or one made with other fields or another analyzer
   */
  static load(segments: Iterable<Uint8Array>, options: LexicalIndexOptions): LexicalIndex {
    const index = new LexicalIndex(options)
    for (const bytes of segments) index.addPart(bytes)
    return index
  }

  /** Adds the documents of a saved part. @returns the serial it has here @throws RagFormatError */
  addPart(bytes: Uint8Array): number {
    const saved = readPart(bytes, this.fields, this.analyzer.settings)
    this.close()
    const numbers = Uint32Array.from(saved.terms, term => this.termNumber(term))
    const tokens = saved.documents.tokens
    const own = new Uint32Array(tokens.length)
    for (let i = 0; i < tokens.length; i++) {
      if (tokens[i] >= numbers.length)
        throw new RagFormatError('lexical segment', 'tokens', `term ${tokens[i]} does not exist`)
      own[i] = numbers[tokens[i]]
    }
    for (const id of saved.ids) this.delete(id)
    return this.insert({ ...saved.documents, tokens: own }, saved.ids, saved.metadata)
  }

  private push(text: string): void {
    const { builder, words, analyzer } = this
    const spans = analyzer.spans(text)
    for (let i = 0; i < spans.length; i += 2) {
      const start = spans[i]
      const end = spans[i + 1]
      const known = words.get(text, start, end) ?? this.learn(text.slice(start, end))
      if (known >= 0) builder.push(known)
      else if (known < -1) for (const term of this.several[-2 - known]) builder.push(term)
    }
  }

  private learn(word: string): number {
    if (this.words.size >= rememberedWords) {
      this.words.clear()
      this.several = []
    }
    const terms = this.analyzer.termsOf(word)
    let known: number
    if (terms.length === 0) known = -1
    else if (terms.length === 1) known = this.termNumber(terms[0])
    else known = -2 - (this.several.push(Uint32Array.from(terms, term => this.termNumber(term))) - 1)
    this.words.add(owned(word), known)
    return known
  }

  private termNumber(term: string): number {
    const known = this.vocabulary.get(term)
    if (known !== undefined) return known
    const number = this.terms.length
    const kept = owned(term)
    this.vocabulary.set(kept, number)
    this.terms.push(kept)
    if (number >= this.documentsWith.length) {
      const larger = new Uint32Array(this.documentsWith.length * 2)
      larger.set(this.documentsWith)
      this.documentsWith = larger
    }
    return number
  }

  /** Makes a part of the documents that wait. */
  private close(): void {
    if (this.builder.count === 0) return
    const ids = this.builderIds
    const metadata = this.builderMetadata
    this.builderIds = []
    this.builderMetadata = null
    const serial = this.builderSerial
    this.builderSerial = this.nextSerial++
    this.insert(this.builder.take(), ids, metadata, serial)
  }

  private insert(
    documents: Parameters<typeof invert>[0],
    ids: readonly string[],
    metadata: PartEntry['metadata'],
    serial = this.nextSerial++,
  ): number {
    const part = invert(documents, this.terms.length, this.scratch)
    for (let t = 0; t < part.terms.length; t++)
      this.documentsWith[part.terms[t]] += part.offsets[t + 1] - part.offsets[t]
    for (let field = 0; field < this.fields.length; field++)
      for (const length of part.lengths[field]) this.totals[field] += length
    ids.forEach((id, doc) => {
      this.places.set(id, serial * local32 + doc)
    })
    this.entries.push({ serial, revision: 0, part, ids, metadata })
    return serial
  }

  private merge(): void {
    const { entries } = this
    // A part that is mostly dead is made anew, an empty one goes.
    for (let i = entries.length - 1; i >= 0; i--)
      if (entries[i].part.living * 2 < entries[i].part.count) this.replace(i, i + 1)
    // Each part is at least twice as large as the one behind it, but for those that are as large as parts may become.
    for (let i = this.entries.length - 2; i >= 0; i = Math.min(i - 1, this.entries.length - 2)) {
      const [a, b] = [this.entries[i].part, this.entries[i + 1].part]
      if (a.living >= 2 * b.living || a.tokens.length + b.tokens.length > partTokens.merged) continue
      this.replace(i, i + 2)
      // What it became may be too large for the one behind it now.
      i = Math.min(i + 2, this.entries.length)
    }
  }

  /** Puts one part with the living documents of some neighbours in their place. */
  private replace(from: number, to: number): void {
    const old = this.entries.slice(from, to)
    const ids: string[] = []
    const metadata: (Metadata | undefined)[] | null = old.some(entry => entry.metadata) ? [] : null
    for (const entry of old)
      for (let doc = 0; doc < entry.part.count; doc++) {
        if (!entry.part.alive[doc]) continue
        ids.push(entry.ids[doc])
        metadata?.push(entry.metadata?.[doc])
      }
    const documents = concatenate(
      old.map(entry => entry.part),
      this.fields.length,
    )
    if (documents.count === 0) {
      this.entries.splice(from, to - from)
      return
    }
    const serial = this.nextSerial++
    const part = invert(documents, this.terms.length, this.scratch)
    ids.forEach((id, doc) => {
      this.places.set(id, serial * local32 + doc)
    })
    this.entries.splice(from, to - from, { serial, revision: 0, part, ids, metadata })
  }

  private view(): IndexView {
    this.flush()
    const documents = this.places.size
    return {
      entries: this.entries,
      analyzer: this.analyzer,
      fieldNames: this.fields,
      fieldOptions: this.fieldOptions,
      bm25: this.bm25,
      documents,
      averageLengths: this.totals.map(total => (documents ? total / documents : 0)),
      termNumber: term => this.vocabulary.get(term),
      term: number => this.terms[number],
      documentsWith: term => this.documentsWith[term],
      dictionaries: () => this.dictionaries(),
    }
  }

  /** All terms in sorted lists: a large one, and a small one of the terms that came since it was made. */
  private dictionaries(): readonly TermDictionary[] {
    const { sorted, terms } = this
    if (sorted.known === terms.length) return sorted.dictionaries
    const base = terms.length > sorted.base * 1.1 ? terms.length : sorted.base
    const first = base === sorted.base ? sorted.dictionaries[0] : new TermDictionary(terms)
    const rest = base < terms.length ? [new TermDictionary(terms.slice(base))] : []
    this.sorted = { dictionaries: [first, ...rest], known: terms.length, base }
    return this.sorted.dictionaries
  }
}

/** A copy that does not keep the text alive that it was cut from: V8 makes slices of 13 units and more by reference. */
function owned(text: string): string {
  return text.length < 13 ? text : Array.from({ length: text.length }, (_, i) => text[i]).join('')
}

// The store on an OpenSearch server: `@cairn/rag/opensearch`. Words are searched by its BM25 over terms that this package's analyzer
// made, vectors by its k-NN plugin with Lucene's graph, which takes a filter inside the search; access, time and metadata are that filter.
// https://docs.opensearch.org: index APIs, bulk, search, knn_vector.

import type { Client, ClientOptions } from '@opensearch-project/opensearch'
import { Analyzer, createAnalyzer } from '../../analysis/analyzer.ts'
import { checkDimensions, checkMetric, type Metric, normalized } from '../../dense/vector.ts'
import { RagArgumentError, RagError } from '../../errors.ts'
import { fact, factsOf, numbersOf, plainName, presence } from '../facts.ts'
import { boundsOf, type Filter } from '../filter.ts'
import type { LocalStoreOptions } from '../memory.ts'
import { checkSearch, type ReadScope, type Search, type VectorSpace } from '../request.ts'
import { type Change, RowStore } from '../row-store.ts'
import { type ChunkRow, fieldsOf, hitOfRow, type RowFields } from '../rows.ts'
import type { Hit, SearchRequest, Store } from '../store.ts'

export interface OpenSearchStoreOptions extends Omit<LocalStoreOptions, 'hnsw' | 'bm25'> {
  /** The index. Default: `cairn`. */
  readonly index?: string
}

/** What the index holds of a chunk in a stretch of time. */
interface Source extends RowFields {
  readonly facts: readonly string[]
  readonly numbers: Readonly<Record<string, number>>
  readonly words: string
  readonly dense?: readonly number[]
}

type Clause = Readonly<Record<string, unknown>>

const PAGE = 1000
/** Lines of one bulk request. */
const BULK = 1000
/** Lucene's limit on the clauses of a query. */
const MAX_TERMS = 1024

/** Vectors of length 1 are kept for cosine, so the product is the cosine. */
const spaces: Record<Metric, 'innerproduct' | 'l2'> = { cosine: 'innerproduct', dot: 'innerproduct', l2: 'l2' }

const mappings = (dimensions: number | undefined, metric: Metric): Clause => ({
  dynamic: false,
  _meta: { cairn: 1, dimensions: dimensions ?? null, metric },
  // Left to itself it would take a field for whole numbers after the first one.
  dynamic_templates: [{ numbers: { path_match: 'numbers.*', mapping: { type: 'double' } } }],
  properties: {
    ...Object.fromEntries(['key', 'document', 'principals', 'facts'].map(name => [name, { type: 'keyword' }])),
    ...Object.fromEntries(
      ['current_from', 'current_until', 'valid_from', 'valid_until'].map(name => [name, { type: 'double' }]),
    ),
    version: { type: 'long' },
    chunk: { type: 'integer' },
    stretch: { type: 'integer' },
    open: { type: 'boolean' },
    numbers: { type: 'object', dynamic: true },
    // Terms are made here; the server only parts them.
    words: { type: 'text', analyzer: 'whitespace', index_options: 'freqs' },
    body: { type: 'keyword', index: false, doc_values: false },
    ...(dimensions !== undefined && {
      dense: {
        type: 'knn_vector',
        dimension: dimensions,
        method: { name: 'hnsw', engine: 'lucene', space_type: spaces[metric] },
      },
    }),
  },
})

/**
 * Opens the store on a server, making its index if it is not there.
 * @param connection an address, or the options of OpenSearch's client
 * @throws RagArgumentError if the index has vectors of another size or metric, or is not this store's
 */
export async function openOpenSearchStore(
  connection: string | ClientOptions,
  options: OpenSearchStoreOptions = {},
): Promise<Store> {
  const { dimensions, metric = 'cosine', analyzer, index = 'cairn' } = options
  if (dimensions !== undefined) checkDimensions('openOpenSearchStore', dimensions)
  checkMetric('openOpenSearchStore', metric)
  const { Client } = await import('@opensearch-project/opensearch')
  const client = new Client(typeof connection === 'string' ? { node: connection } : connection)
  const made = analyzer instanceof Analyzer ? analyzer : await createAnalyzer(analyzer)
  const store = new OpenSearchStore(client, index, { dimensions, metric }, made)
  try {
    await store.prepare()
  } catch (error) {
    await client.close()
    throw error
  }
  return store
}

class OpenSearchStore extends RowStore<Source> {
  readonly kind = 'opensearch'
  private readonly client: Client
  private readonly index: string
  private readonly analyzer: Analyzer

  constructor(client: Client, index: string, space: VectorSpace, analyzer: Analyzer) {
    super(space)
    this.client = client
    this.index = index
    this.analyzer = analyzer
  }

  async prepare(): Promise<void> {
    const { client, index, space } = this
    const { body: exists } = await client.indices.exists({ index })
    if (!exists) {
      await client.indices.create({
        index,
        body: { settings: { index: { knn: true } }, mappings: mappings(space.dimensions, space.metric) },
      })
      return
    }
    const { body } = await client.indices.getMapping({ index })
    const [found] = Object.values(body as unknown as Record<string, { mappings?: { _meta?: Record<string, unknown> } }>)
    const meta = found?.mappings?._meta
    if (meta?.cairn !== 1)
      throw new RagArgumentError('openOpenSearchStore', `the index ${index} is not one of this store`, 'name another')
    if ((meta.dimensions ?? undefined) !== space.dimensions || meta.metric !== space.metric)
      throw new RagArgumentError(
        'openOpenSearchStore',
        `the index ${index} has vectors of ${String(meta.dimensions ?? 'no')} numbers and metric ${String(meta.metric)}`,
        'give the same dimensions and metric, or another index',
      )
  }

  protected async replace(changes: readonly Change<Source>[]): Promise<void> {
    const sources = changes.flatMap(({ after }) => after)
    const keys = new Set(sources.map(({ key }) => key))
    const steps: Clause[][] = []
    for (const source of sources) steps.push([{ index: { _id: await nameOf(source.key) } }, { ...source }])
    for (const { key } of changes.flatMap(({ before }) => before))
      if (!keys.has(key)) steps.push([{ delete: { _id: await nameOf(key) } }])
    for (let start = 0; start < steps.length; start += BULK) {
      const body = steps.slice(start, start + BULK).flat()
      const { body: reply } = await this.client.bulk({ index: this.index, refresh: true, body: body as never })
      if (!reply.errors) continue
      const problem = reply.items
        .flatMap(item => Object.values(item))
        .find(({ status, error }) => error || (status >= 400 && status !== 404))
      if (problem) throw new RagError(`put: OpenSearch refused a row: ${problem.error?.reason ?? problem.status}`)
    }
  }

  protected made(row: ChunkRow): Source {
    return {
      ...fieldsOf(row),
      facts: factsOf(row.metadata),
      numbers: numbersOf(row.metadata),
      words: this.analyzer.terms(row.text).join(' '),
      ...(row.vector && { dense: Array.from(row.vector) }),
    }
  }

  protected fields(row: Source): RowFields {
    return row
  }

  protected with(row: Source, fields: Partial<RowFields>): Source {
    return { ...row, ...fields }
  }

  protected rowsOf(id: string) {
    return this.sources(documentIs(id))
  }

  protected seen(id: string, scope: ReadScope) {
    return this.sources([...documentIs(id), ...scopeClauses(scope)], ['version', 'chunk', 'body'])
  }

  /** Every row that meets some conditions, page by page. */
  private async sources(filter: readonly Clause[], fields?: readonly (keyof Source)[]): Promise<Source[]> {
    const found: Source[] = []
    let after: unknown
    for (;;) {
      const hits = await this.hits({
        size: PAGE,
        query: { bool: { filter } },
        sort: [{ key: 'asc' }],
        ...(fields && { _source: fields }),
        ...(after !== undefined && { search_after: after }),
      })
      found.push(...hits.map(({ _source }) => _source))
      if (hits.length < PAGE) return found
      after = hits[hits.length - 1].sort
    }
  }

  private async hits(body: Clause): Promise<{ _source: Source; _score: number; sort?: unknown }[]> {
    const request = { index: this.index, body: { track_total_hits: false, ...body } }
    const { body: reply } = await this.client.search(request as never)
    // A part of the index that did not answer must not look like one that holds nothing.
    if (reply.timed_out || (reply._shards?.failed ?? 0) > 0)
      throw new RagError('search: parts of the OpenSearch index did not answer; try again')
    return reply.hits.hits as never
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    this.check('search')
    const search = checkSearch(request, this.space)
    const { metric } = this.space
    const filter = searchClauses(search)
    let query: Clause
    let score = (given: number): number => given
    if (search.vector !== undefined) {
      const vector = Array.from(metric === 'cosine' ? normalized(search.vector) : search.vector)
      query = { knn: { dense: { vector, k: search.k, filter: { bool: { filter } } } } }
      score = scoreOf[spaces[metric]]
    } else {
      const terms = this.analyzer.terms(search.text!)
      if (terms.length === 0) return []
      const different = new Set(terms).size
      if (different > MAX_TERMS)
        throw new RagArgumentError('search', `the query has ${different} different words`, `${MAX_TERMS} at most`)
      query = { bool: { must: [{ match: { words: { query: terms.join(' ') } } }], filter } }
    }
    const hits = await this.hits({ size: search.k, query, _source: ['body', 'chunk'] })
    return hits.map(({ _source: { body, chunk }, _score }) => hitOfRow(body, chunk, score(_score)))
  }

  protected heads() {
    return this.sources([{ term: { stretch: 0 } }], ['document', 'version', 'chunk'])
  }

  protected bodies() {
    return this.sources([{ term: { stretch: 0 } }], ['document', 'version', 'chunk', 'body'])
  }

  protected async end(): Promise<void> {
    await this.client.close()
  }
}

/** Products and squared distances again, of scores that OpenSearch made positive. */
const scoreOf = {
  innerproduct: (score: number) => (score > 1 ? score - 1 : 1 - 1 / score),
  l2: (score: number) => 1 - 1 / score,
}

const documentIs = (id: string): Clause[] => [{ term: { document: id } }]

/** Ids have 512 bytes at most, keys may be longer: the SHA-256 of the key. */
async function nameOf(key: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)))
  return Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('')
}

const NOTHING: Clause = { match_none: {} }

const either = (should: readonly Clause[]): Clause => ({ bool: { should, minimum_should_match: 1 } })

function scopeClauses({ access, at, versions }: ReadScope): Clause[] {
  const first = { term: { stretch: 0 } }
  const during = (name: string): Clause[] => [
    { range: { [`${name}_from`]: { lte: at } } },
    { range: { [`${name}_until`]: { gt: at } } },
  ]
  const clauses = { newest: during('current'), valid: [first, ...during('valid')], all: [first] }[versions]
  if (access === 'unrestricted') return clauses
  const held = access.length ? [{ terms: { principals: [...access] } }] : []
  return [...clauses, either([{ term: { open: true } }, ...held])]
}

function filterClause(filter: Filter): Clause {
  if ('and' in filter) return { bool: { filter: filter.and.map(filterClause) } }
  if ('or' in filter) return filter.or.length ? either(filter.or.map(filterClause)) : NOTHING
  if ('not' in filter) return { bool: { must_not: [filterClause(filter.not)] } }
  const has = (word: string): Clause => ({ term: { facts: word } })
  if ('exists' in filter) {
    const there = has(presence(filter.field))
    return filter.exists ? there : { bool: { must_not: [there] } }
  }
  if ('is' in filter) return has(fact(filter.field, filter.is))
  if ('in' in filter)
    return filter.in.length ? { terms: { facts: filter.in.map(value => fact(filter.field, value)) } } : NOTHING
  return { range: { [`numbers.${plainName(filter.field)}`]: Object.fromEntries(boundsOf(filter)) } }
}

const searchClauses = (search: Search): Clause[] => [
  { range: { chunk: { gte: 0 } } },
  ...scopeClauses(search),
  ...(search.filter === undefined ? [] : [filterClause(search.filter)]),
]

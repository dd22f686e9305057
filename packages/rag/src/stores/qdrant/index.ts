// The store on a Qdrant server: `@cairn/rag/qdrant`. Vectors and words are searched by Qdrant, words as sparse vectors (a term is a
// dimension, its weight BM25's term frequency with a fixed mean length, and Qdrant multiplies the inverse document frequency), and
// access, time and filters are conditions on the payload of the same search.

import type { QdrantClient, QdrantClientParams, Schemas } from '@qdrant/js-client-rest'
import { Analyzer, createAnalyzer } from '../../analysis/analyzer.ts'
import { crc32c } from '../../checksum.ts'
import { checkDimensions, checkMetric, type Metric, normalized } from '../../dense/vector.ts'
import { RagArgumentError } from '../../errors.ts'
import { fact, factsOf, numbersOf, plainName, presence } from '../facts.ts'
import { boundsOf, type Filter } from '../filter.ts'
import type { LocalStoreOptions } from '../memory.ts'
import { checkSearch, type ReadScope, type Search, type VectorSpace } from '../request.ts'
import { type Change, RowStore } from '../row-store.ts'
import { type ChunkRow, fieldsOf, hitOfRow, type RowFields } from '../rows.ts'
import type { Hit, SearchRequest, Store } from '../store.ts'

export interface QdrantStoreOptions extends Omit<LocalStoreOptions, 'hnsw' | 'bm25'> {
  /** Default: `cairn`. */
  readonly collection?: string
  /** The mean number of terms in a chunk, by which BM25 tells long ones. Default: 200. */
  readonly meanLength?: number
}

type Payload = RowFields & { readonly facts: string[]; readonly numbers: Record<string, number> }

type Vectors = Record<string, number[] | { indices: number[]; values: number[] }>

interface Point {
  vector: Vectors
  payload: Payload
}

type Condition = NonNullable<Extract<NonNullable<Schemas['Filter']['must']>, readonly unknown[]>>[number]

const K1 = 1.2
const B = 0.75
const PAGE = 1000

/**
 * Opens the store on a server, making its collection if it is not there.
 * @param connection an address, or the options of Qdrant's client
 * @throws RagArgumentError if the collection has vectors of another size or metric
 */
export async function openQdrantStore(
  connection: string | QdrantClientParams,
  options: QdrantStoreOptions = {},
): Promise<Store> {
  const { dimensions, metric = 'cosine', analyzer, collection = 'cairn', meanLength = 200 } = options
  if (dimensions !== undefined) checkDimensions('openQdrantStore', dimensions)
  checkMetric('openQdrantStore', metric)
  const { QdrantClient } = await import('@qdrant/js-client-rest')
  const client = new QdrantClient({
    checkCompatibility: false,
    ...(typeof connection === 'string' ? { url: connection } : connection),
  })
  const made = analyzer instanceof Analyzer ? analyzer : await createAnalyzer(analyzer)
  const store = new QdrantStore(client, collection, { dimensions, metric }, made, meanLength)
  await store.prepare()
  return store
}

/** Vectors of length 1 are kept for cosine, so the product is the cosine. */
const distanceNames: Record<Metric, 'Dot' | 'Euclid'> = { cosine: 'Dot', dot: 'Dot', l2: 'Euclid' }

class QdrantStore extends RowStore<Point> {
  readonly kind = 'qdrant'
  private readonly client: QdrantClient
  private readonly collection: string
  private readonly analyzer: Analyzer
  private readonly meanLength: number

  constructor(client: QdrantClient, collection: string, space: VectorSpace, analyzer: Analyzer, meanLength: number) {
    super(space)
    this.client = client
    this.collection = collection
    this.analyzer = analyzer
    this.meanLength = meanLength
  }

  async prepare(): Promise<void> {
    const { client, collection, space } = this
    const size = space.dimensions
    const distance = distanceNames[space.metric]
    const { exists } = await client.collectionExists(collection)
    if (!exists) {
      await client.createCollection(collection, {
        vectors: size === undefined ? {} : { dense: { size, distance } },
        sparse_vectors: { words: { modifier: 'idf' } },
      })
      const fields = {
        document: 'keyword',
        principals: 'keyword',
        facts: 'keyword',
        open: 'bool',
        stretch: 'integer',
        chunk: 'integer',
      } as const
      for (const [field_name, field_schema] of Object.entries(fields))
        await client.createPayloadIndex(collection, { field_name, field_schema, wait: true })
      for (const field_name of ['current_from', 'current_until', 'valid_from', 'valid_until'])
        await client.createPayloadIndex(collection, { field_name, field_schema: 'float', wait: true })
      return
    }
    const { config } = await client.getCollection(collection)
    const dense = (config.params.vectors as Record<string, { size: number; distance: string }> | undefined)?.dense
    if (dense?.size !== size || (dense && dense.distance !== distance))
      throw new RagArgumentError(
        'openQdrantStore',
        `the collection ${collection} has vectors of ${dense?.size ?? 'no'} numbers and distance ${dense?.distance}`,
        'give the same dimensions and metric, or another collection',
      )
  }

  protected async replace(changes: readonly Change<Point>[]): Promise<void> {
    const { client, collection } = this
    for (const { id, after } of changes) {
      const named = await Promise.all(after.map(async point => ({ id: await pointId(point.payload.key), ...point })))
      if (named.length) await client.upsert(collection, { wait: true, ordering: 'strong', points: named })
      const filter = { must: documentIs(id), must_not: [{ has_id: named.map(point => point.id) }] }
      await client.delete(collection, { wait: true, ordering: 'strong', filter })
    }
  }

  protected made(row: ChunkRow): Point {
    const vector: Vectors = {}
    if (row.vector) vector.dense = Array.from(row.vector)
    const words = this.weights(this.analyzer.terms(row.text), true)
    if (words.indices.length) vector.words = words
    return {
      vector,
      payload: { ...fieldsOf(row), facts: factsOf(row.metadata), numbers: numbersOf(row.metadata) },
    }
  }

  protected fields({ payload }: Point): RowFields {
    return payload
  }

  protected with({ vector, payload }: Point, fields: Partial<RowFields>): Point {
    return { vector, payload: { ...payload, ...fields } }
  }

  protected rowsOf(id: string) {
    return this.points(documentIs(id), true)
  }

  protected async seen(id: string, scope: ReadScope) {
    const points = await this.points([...documentIs(id), ...scopeConditions(scope)], false)
    return points.map(({ payload }) => payload)
  }

  /** Terms as a sparse vector. Two terms of one number (one pair in 2^32) are taken for one. */
  private weights(terms: readonly string[], document: boolean): { indices: number[]; values: number[] } {
    const counts = new Map<number, number>()
    for (const term of terms) {
      const index = crc32c(new TextEncoder().encode(term))
      counts.set(index, (counts.get(index) ?? 0) + 1)
    }
    const normalization = K1 * (1 - B + (B * terms.length) / this.meanLength)
    const values = [...counts.values()].map(count => (document ? (count * (K1 + 1)) / (count + normalization) : count))
    return { indices: [...counts.keys()], values }
  }

  private async points(must: Condition[], withVectors: boolean): Promise<Point[]> {
    const found: Point[] = []
    let offset: unknown
    do {
      const page = await this.client.scroll(this.collection, {
        filter: { must },
        limit: PAGE,
        with_payload: true,
        with_vector: withVectors,
        ...(offset !== undefined && { offset: offset as string }),
      })
      found.push(...(page.points as unknown as Point[]))
      offset = page.next_page_offset ?? undefined
    } while (offset !== undefined)
    return found
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    this.check('search')
    const search = checkSearch(request, this.space)
    const { metric } = this.space
    let query: number[] | { indices: number[]; values: number[] }
    if (search.vector !== undefined) query = Array.from(metric === 'cosine' ? normalized(search.vector) : search.vector)
    else {
      query = this.weights(this.analyzer.terms(search.text!), false)
      if (query.indices.length === 0) return []
    }
    const { points } = await this.client.query(this.collection, {
      query: query,
      using: search.vector === undefined ? 'words' : 'dense',
      filter: { must: searchConditions(search) },
      limit: search.k,
      with_payload: ['body', 'chunk'],
    })
    return points.map(({ payload, score }) => {
      const { body, chunk } = payload as unknown as Payload
      // Qdrant gives the Euclidean distance itself, smaller first.
      return hitOfRow(body, chunk, metric === 'l2' && search.vector ? -score * score : score)
    })
  }

  protected heads() {
    return this.bodies()
  }

  protected async bodies() {
    const points = await this.points([{ key: 'stretch', match: { value: 0 } }], false)
    return points.map(({ payload }) => payload)
  }

  protected end(): void {}
}

const documentIs = (id: string): Condition[] => [{ key: 'document', match: { value: id } }]

/** Points are named by UUIDs: here 128 bits of the SHA-256 of the key. */
async function pointId(key: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)))
  const hex = Array.from(digest.subarray(0, 16), byte => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A condition that nothing meets. */
const NOTHING: Condition = { key: 'stretch', match: { value: -1 } }

function scopeConditions({ access, at, versions }: ReadScope): Condition[] {
  const first = { key: 'stretch', match: { value: 0 } }
  const during = (name: string): Condition[] => [
    { key: `${name}_from`, range: { lte: at } },
    { key: `${name}_until`, range: { gt: at } },
  ]
  const conditions = { newest: during('current'), valid: [first, ...during('valid')], all: [first] }[versions]
  if (access === 'unrestricted') return conditions
  const held = access.length ? [{ key: 'principals', match: { any: [...access] } }] : []
  return [...conditions, { should: [{ key: 'open', match: { value: true } }, ...held] }]
}

function filterCondition(filter: Filter): Condition {
  if ('and' in filter) return { must: filter.and.map(filterCondition) }
  if ('or' in filter) return filter.or.length ? { should: filter.or.map(filterCondition) } : NOTHING
  if ('not' in filter) return { must_not: [filterCondition(filter.not)] }
  const has = (...words: string[]): Condition => ({ key: 'facts', match: { any: words } })
  if ('exists' in filter) {
    const there = has(presence(filter.field))
    return filter.exists ? there : { must_not: [there] }
  }
  if ('is' in filter) return has(fact(filter.field, filter.is))
  if ('in' in filter) return filter.in.length ? has(...filter.in.map(value => fact(filter.field, value))) : NOTHING
  return { key: `numbers.${plainName(filter.field)}`, range: Object.fromEntries(boundsOf(filter)) }
}

const searchConditions = (search: Search): Condition[] => [
  { key: 'chunk', range: { gte: 0 } },
  ...scopeConditions(search),
  ...(search.filter === undefined ? [] : [filterCondition(search.filter)]),
]

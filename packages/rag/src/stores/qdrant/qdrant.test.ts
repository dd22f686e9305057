// Qdrant's protocol (https://api.qdrant.tech) in small exchanges written from its reference: no Qdrant runs here.
import type { Schemas } from '@qdrant/js-client-rest'
import { expect, test } from 'vitest'
import { RagArgumentError } from '../../errors.ts'
import { type Exchange, replay } from '../testing/exchanges.ts'
import { openQdrantStore } from './index.ts'

/** Replies are of the types that the official client says it gets. */
interface Replies {
  readonly exists: Schemas['CollectionExistence']
  readonly collection: Schemas['CollectionInfo']
  readonly made: boolean
  readonly update: Schemas['UpdateResult']
  readonly scroll: Schemas['ScrollResult']
  readonly query: Schemas['QueryResponse']
}
const ok = <K extends keyof Replies>(_kind: K, result: Replies[K]) => ({ result, status: 'ok', time: 0.001 })
const done = ok('update', { operation_id: 1, status: 'completed' })
const collection: Schemas['CollectionInfo'] = {
  status: 'green',
  optimizer_status: 'ok',
  segments_count: 2,
  config: {
    params: { vectors: { dense: { size: 3, distance: 'Dot' } } },
    hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10_000 },
    optimizer_config: {
      deleted_threshold: 0.2,
      vacuum_min_vector_number: 1000,
      default_segment_number: 0,
      flush_interval_sec: 5,
    },
  },
  payload_schema: {},
}

const opening: Exchange[] = [
  { request: 'GET /collections/cairn/exists', reply: ok('exists', { exists: true }) },
  {
    request: 'GET /collections/cairn',
    reply: ok('collection', collection),
  },
]

test('makes its collection with a vector, sparse words and indexes of what it filters by', async () => {
  const index = (field_name: string, field_schema: string): Exchange => ({
    request: 'PUT /collections/cairn/index?wait=true',
    body: { field_name, field_schema },
    reply: done,
  })
  const server = await replay([
    { request: 'GET /collections/cairn/exists', reply: ok('exists', { exists: false }) },
    {
      request: 'PUT /collections/cairn',
      body: {
        vectors: { dense: { size: 3, distance: 'Dot' } },
        sparse_vectors: { words: { modifier: 'idf' } },
      },
      reply: ok('made', true),
    },
    ...['document', 'principals', 'facts'].map(name => index(name, 'keyword')),
    index('open', 'bool'),
    index('stretch', 'integer'),
    index('chunk', 'integer'),
    ...['current_from', 'current_until', 'valid_from', 'valid_until'].map(name => index(name, 'float')),
  ])
  await (await openQdrantStore(server.url, { dimensions: 3 })).close()
  await server.end()
})

test('puts the points of a document, then removes those that have no place any more', async () => {
  const server = await replay([
    ...opening,
    {
      request: 'POST /collections/cairn/points/scroll',
      body: { filter: { must: [{ key: 'document', match: { value: 'a' } }] }, with_vector: true },
      reply: ok('scroll', { points: [], next_page_offset: null }),
    },
    {
      request: 'PUT /collections/cairn/points?wait=true&ordering=strong',
      body: {
        points: [
          {
            id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
            vector: { dense: [1, 0, 0], words: { indices: [expect.any(Number)], values: [expect.any(Number)] } },
            payload: {
              document: 'a',
              version: 0,
              chunk: 0,
              open: false,
              principals: ['anna'],
              facts: ['["year"]', '["year",2020]'],
              numbers: { '79656172': 2020 },
            },
          },
        ],
      },
      reply: done,
    },
    {
      request: 'POST /collections/cairn/points/delete?wait=true&ordering=strong',
      body: {
        filter: {
          must: [{ key: 'document', match: { value: 'a' } }],
          must_not: [{ has_id: [expect.any(String)] }],
        },
      },
      reply: done,
    },
  ])
  const store = await openQdrantStore(server.url, { dimensions: 3 })
  const chunk = { text: 'words', span: [0, 5] as const, vector: [2, 0, 0] }
  await store.put([{ id: 'a', metadata: { year: 2020 }, principals: ['anna'], chunks: [chunk] }])
  await store.close()
  await server.end()
})

test('searches with access, time and filter as conditions of the search', async () => {
  const body = JSON.stringify({
    document: { id: 'a', version: 1, metadata: { year: 2020 } },
    chunks: 1,
    chunk: { text: 'words', span: [0, 5] },
  })
  const reply = ok('query', { points: [{ id: 'x', version: 1, score: 0.75, payload: { body, chunk: 0 } }] })
  const server = await replay([
    ...opening,
    {
      request: 'POST /collections/cairn/points/query',
      body: {
        query: [0, 1, 0],
        using: 'dense',
        limit: 4,
        filter: {
          must: [
            { key: 'chunk', range: { gte: 0 } },
            { key: 'current_from', range: { lte: 50 } },
            { key: 'current_until', range: { gt: 50 } },
            {
              should: [
                { key: 'open', match: { value: true } },
                { key: 'principals', match: { any: ['anna'] } },
              ],
            },
            {
              must: [
                { key: 'numbers.79656172', range: { gte: 2020 } },
                { must_not: [{ key: 'facts', match: { any: ['["lang","de"]'] } }] },
              ],
            },
          ],
        },
      },
      reply,
    },
    { request: 'POST /collections/cairn/points/query', body: { using: 'words', query: { values: [1] } }, reply },
  ])
  const store = await openQdrantStore(server.url, { dimensions: 3 })
  const filter = { and: [{ field: 'year', gte: 2020 }, { not: { field: 'lang', is: 'de' } }] }
  const hit = { id: 'a', version: 1, chunk: 0, score: 0.75, text: 'words', span: [0, 5], metadata: { year: 2020 } }
  expect(await store.search({ vector: [0, 5, 0], k: 4, at: 50, access: ['anna'], filter })).toEqual([hit])
  expect(await store.search({ text: 'word', access: 'unrestricted' })).toEqual([hit])
  await expect(store.search({ vector: [1, Number.NaN, 0] })).rejects.toThrow(RagArgumentError)
  await store.close()
  await server.end()
})

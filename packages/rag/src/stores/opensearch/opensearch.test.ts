// OpenSearch's protocol (https://docs.opensearch.org) in small exchanges written from its reference: no OpenSearch runs here.
import type { API } from '@opensearch-project/opensearch'
import { expect, test } from 'vitest'
import { RagArgumentError, RagError } from '../../errors.ts'
import { type Exchange, replay } from '../testing/exchanges.ts'
import { openOpenSearchStore } from './index.ts'

// Replies are of the types that the official client says it gets.
const meta = (dimensions: number | null, metric = 'cosine'): API.Indices_GetMapping_ResponseBody => ({
  cairn: { mappings: { _meta: { cairn: 1, dimensions, metric } } },
})
const opening = (dimensions = 3, metric = 'cosine'): Exchange[] => [
  { request: 'HEAD /cairn', reply: {} },
  { request: 'GET /cairn/_mapping', reply: meta(dimensions, metric) },
]
const found = (...hits: API.Search_ResponseBody['hits']['hits'][number][]): API.Search_ResponseBody => ({
  took: 1,
  timed_out: false,
  _shards: { total: 1, successful: 1, skipped: 0, failed: 0 },
  hits: { max_score: undefined, hits },
})
const done: API.Bulk_ResponseBody = { took: 1, errors: false, items: [] }
const name = expect.stringMatching(/^[0-9a-f]{64}$/)

const body = JSON.stringify({
  document: { id: 'a', version: 1, metadata: { year: 2020 } },
  chunks: 1,
  chunk: { text: 'words', span: [0, 5] },
})
const hit = { id: 'a', version: 1, chunk: 0, text: 'words', span: [0, 5], metadata: { year: 2020 } }

test('makes its index with a graph that filters inside, words as they are given, numbers as doubles', async () => {
  const server = await replay([
    { request: 'HEAD /cairn', status: 404, reply: {} },
    {
      request: 'PUT /cairn',
      body: {
        settings: { index: { knn: true } },
        mappings: {
          dynamic: false,
          _meta: { cairn: 1, dimensions: 3, metric: 'l2' },
          dynamic_templates: [{ numbers: { path_match: 'numbers.*', mapping: { type: 'double' } } }],
          properties: {
            facts: { type: 'keyword' },
            words: { type: 'text', analyzer: 'whitespace' },
            dense: {
              type: 'knn_vector',
              dimension: 3,
              method: { name: 'hnsw', engine: 'lucene', space_type: 'l2' },
            },
          },
        },
      },
      reply: {
        acknowledged: true,
        shards_acknowledged: true,
        index: 'cairn',
      } satisfies API.Indices_Create_ResponseBody,
    },
  ])
  await (await openOpenSearchStore(server.url, { dimensions: 3, metric: 'l2' })).close()
  await server.end()
})

test('puts the rows of a document and removes those that have no place any more', async () => {
  const old = (version: number, chunk: number) => ({
    _id: 'x',
    _source: {
      key: JSON.stringify(['a', version, chunk, 0]),
      document: 'a',
      version,
      chunk,
      stretch: 0,
      current_from: -8.64e15,
      current_until: 8.64e15,
      valid_from: -8.64e15,
      valid_until: 8.64e15,
      body,
    },
    sort: ['x'],
  })
  const server = await replay([
    ...opening(),
    {
      request: 'POST /cairn/_search',
      body: { query: { bool: { filter: [{ term: { document: 'a' } }] } }, sort: [{ key: 'asc' }] },
      reply: found(old(1, 0), old(2, 0), old(2, 1)),
    },
    {
      request: 'PUT /cairn/_bulk?refresh=true',
      body: [
        { index: { _id: name } },
        // Version 1 is hidden now as it was before.
        { document: 'a', version: 1, current_from: 8.64e15, current_until: 8.64e15 },
        { index: { _id: name } },
        {
          document: 'a',
          version: 2,
          chunk: 0,
          open: false,
          principals: ['anna'],
          facts: ['["year"]', '["year",2020]'],
          numbers: { '79656172': 2020 },
          words: 'white whale',
          dense: [1, 0, 0],
        },
        { delete: { _id: name } },
      ],
      reply: done,
    },
  ])
  const store = await openOpenSearchStore(server.url, { dimensions: 3 })
  const chunk = { text: 'The white whales', span: [0, 16] as const, vector: [2, 0, 0] }
  await store.put([{ id: 'a', version: 2, metadata: { year: 2020 }, principals: ['anna'], chunks: [chunk] }])
  await store.close()
  await server.end()
})

test('searches with access, time and filter inside the search', async () => {
  const conditions = [
    { range: { chunk: { gte: 0 } } },
    { range: { current_from: { lte: 50 } } },
    { range: { current_until: { gt: 50 } } },
    {
      bool: {
        should: [{ term: { open: true } }, { terms: { principals: ['anna'] } }],
        minimum_should_match: 1,
      },
    },
    {
      bool: {
        filter: [
          { range: { 'numbers.79656172': { gte: 2020 } } },
          { bool: { must_not: [{ term: { facts: '["lang","de"]' } }] } },
        ],
      },
    },
  ]
  const server = await replay([
    ...opening(),
    {
      request: 'POST /cairn/_search',
      body: {
        size: 4,
        query: { knn: { dense: { vector: [0, 1, 0], k: 4, filter: { bool: { filter: conditions } } } } },
      },
      // Products above and below 0.
      reply: found({ _score: 1.75, _source: { body, chunk: 0 } }, { _score: 0.8, _source: { body, chunk: 0 } }),
    },
    {
      request: 'POST /cairn/_search',
      body: { query: { bool: { must: [{ match: { words: { query: 'whale' } } }], filter: conditions.slice(0, 3) } } },
      reply: found({ _score: 2.5, _source: { body, chunk: 0 } }),
    },
  ])
  const store = await openOpenSearchStore(server.url, { dimensions: 3 })
  const filter = { and: [{ field: 'year', gte: 2020 }, { not: { field: 'lang', is: 'de' } }] }
  expect(await store.search({ vector: [0, 5, 0], k: 4, at: 50, access: ['anna'], filter })).toEqual([
    { ...hit, score: 0.75 },
    { ...hit, score: -0.25 },
  ])
  expect(await store.search({ text: 'whales', at: 50, access: 'unrestricted' })).toEqual([{ ...hit, score: 2.5 }])
  expect(await store.search({ text: 'the' })).toEqual([])
  await expect(store.search({ vector: [1, Number.NaN, 0] })).rejects.toThrow(RagArgumentError)
  const long = Array.from({ length: 1025 }, (_, i) => `w${i}`).join(' ')
  await expect(store.search({ text: long })).rejects.toThrow('1025 different words')
  await store.close()
  await expect(store.search({ text: 'whales' })).rejects.toThrow('the store is closed')
  await server.end()
})

test('distances are squared again', async () => {
  const server = await replay([
    ...opening(3, 'l2'),
    { request: 'POST /cairn/_search', reply: found({ _score: 0.2, _source: { body, chunk: 0 } }) },
  ])
  const store = await openOpenSearchStore(server.url, { dimensions: 3, metric: 'l2' })
  const [{ score }] = await store.search({ vector: [0, 0, 0], access: 'unrestricted' })
  expect(score).toBeCloseTo(-4, 10)
  await store.close()
  await server.end()
})

test('pages through all rows, and names what is missing', async () => {
  const row = (chunk: number) => ({ _source: { document: 'a', version: 1, chunk, body }, sort: [`k${chunk}`] })
  const pages = (): Exchange[] => [
    {
      request: 'POST /cairn/_search',
      body: { size: 1000, query: { bool: { filter: [{ term: { stretch: 0 } }] } } },
      reply: found(...Array.from({ length: 1000 }, (_, i) => row(i))),
    },
    { request: 'POST /cairn/_search', body: { search_after: ['k999'] }, reply: found(row(1000)) },
  ]
  const server = await replay([...opening(), ...pages(), ...pages()])
  const store = await openOpenSearchStore(server.url, { dimensions: 3 })
  expect(await store.statistics()).toEqual({ documents: 1, versions: 1, chunks: 1001 })
  expect(await store.verify()).toEqual([
    { what: 'document "a" version 1', problem: '1001 of its 1 chunks are there', repaired: false },
  ])
  await store.close()
  await server.end()
})

test('what the server refuses or leaves out is an error', async () => {
  const refused: API.Bulk_ResponseBody = {
    ...done,
    errors: true,
    items: [
      {
        index: { _index: 'cairn', status: 400, error: { type: 'illegal_argument_exception', reason: 'immense term' } },
      },
    ],
  }
  const half: API.Search_ResponseBody = { ...found(), _shards: { total: 2, successful: 1, skipped: 0, failed: 1 } }
  const server = await replay([
    ...opening(),
    { request: 'POST /cairn/_search', reply: found() },
    { request: 'PUT /cairn/_bulk?refresh=true', reply: refused },
    { request: 'POST /cairn/_search', reply: half },
  ])
  const store = await openOpenSearchStore(server.url, { dimensions: 3 })
  const chunk = { text: 'words', span: [0, 5] as const, vector: [2, 0, 0] }
  await expect(store.put([{ id: 'a', chunks: [chunk] }])).rejects.toThrow('immense term')
  await expect(store.get('a')).rejects.toThrow(RagError)
  await store.close()
  await server.end()

  for (const reply of [meta(4), meta(3, 'l2'), { cairn: { mappings: {} } }]) {
    const other = await replay([
      { request: 'HEAD /cairn', reply: {} },
      { request: 'GET /cairn/_mapping', reply },
    ])
    await expect(openOpenSearchStore(other.url, { dimensions: 3 })).rejects.toThrow(RagArgumentError)
    await other.end()
  }
})

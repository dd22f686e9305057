// Search by words beside its npm peers: 20,000 documents of about 200 characters (4 MB), 200 questions of three words, one thread.
// Words are made up, with the frequencies of a language. Every peer does what its documentation shows first; FlexSearch ranks by
// where words stand and does not score.
import { createRequire } from 'node:module'
import { createAnalyzer, LexicalIndex } from '@cairn/rag'
import { insertMultiple, create as orama, search as oramaSearch } from '@orama/orama'
import { Index as FlexSearch } from 'flexsearch'
import MiniSearch from 'minisearch'
import type { Measurement } from '../bench.ts'

export interface Document {
  id: string
  text: string
}

interface Engine {
  name: string
  /** Makes an index of the documents, ready to be asked, and gives what asks it for ten. */
  build(documents: readonly Document[]): Promise<(query: string) => unknown>
}

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let z = Math.imul(state ^ (state >>> 15), 1 | state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Documents of made-up words whose frequencies follow Zipf's law over 40,000 words, and questions of three words drawn in the same
 * way but never of the hundred most frequent, as people do not ask for those.
 */
export function collection(count: number, seed = 1): { documents: Document[]; queries: string[] } {
  const random = randomFrom(seed)
  const syllables = [
    'ba',
    'co',
    'di',
    'fu',
    'ge',
    'ha',
    'jo',
    'ki',
    'lu',
    'me',
    'na',
    'po',
    'qui',
    'ra',
    'so',
    'ti',
    'ver',
    'wo',
    'xi',
    'zen',
  ]
  const word = (rank: number) => {
    let name = ''
    for (let rest = rank + 20; rest > 0; rest = Math.floor(rest / 20)) name += syllables[rest % 20]
    return name
  }
  const vocabulary = 40_000
  const draw = (least: number) => word(Math.floor(least * (vocabulary / least) ** random()))
  const documents = Array.from({ length: count }, (_, i) => {
    const words = Array.from({ length: 20 + Math.floor(random() * 24) }, () => draw(1))
    return { id: `d${i}`, text: `${words.join(' ')}.` }
  })
  const queries = Array.from({ length: 200 }, () => `${draw(100)} ${draw(100)} ${draw(100)}`)
  return { documents, queries }
}

const analyzer = await createAnalyzer()

const cairn: Engine = {
  name: 'cairn',
  build: async documents => {
    const index = new LexicalIndex({ analyzer })
    for (const document of documents) index.add(document)
    index.flush()
    return query => index.search(query)
  },
}

const peers: Engine[] = [
  {
    name: 'MiniSearch',
    build: async documents => {
      const index = new MiniSearch({ fields: ['text'] })
      index.addAll(documents as Document[])
      return query => index.search(query).slice(0, 10)
    },
  },
  {
    name: 'Orama',
    build: async documents => {
      const index = orama({ schema: { text: 'string' } as const })
      await insertMultiple(index, documents as Document[], documents.length)
      return query => oramaSearch(index, { term: query, limit: 10 })
    },
  },
  {
    name: 'wink',
    build: async documents => {
      const require = createRequire(import.meta.url)
      const index = require('wink-bm25-text-search')()
      index.defineConfig({ fldWeights: { text: 1 } })
      index.definePrepTasks([(text: string) => text.toLowerCase().match(/[a-z0-9]+/g) ?? []])
      for (const { id, text } of documents) index.addDoc({ text }, id)
      index.consolidate()
      return query => index.search(query, 10)
    },
  },
  {
    name: 'FlexSearch',
    build: async documents => {
      const index = new FlexSearch({ tokenize: 'strict' })
      documents.forEach(({ text }, i) => {
        index.add(i, text)
      })
      return query => index.search(query, { limit: 10, suggest: true })
    },
  },
]

interface Figures {
  /** documents a second, the median of three indexes. */
  rate: number
  /** milliseconds */
  median: number
  late: number
}

async function figuresOf(engine: Engine, documents: readonly Document[], queries: readonly string[]): Promise<Figures> {
  const rates: number[] = []
  let ask: (query: string) => unknown = () => {}
  for (let run = 0; run < 3; run++) {
    const start = performance.now()
    ask = await engine.build(documents)
    rates.push((1000 * documents.length) / (performance.now() - start))
  }
  for (const query of queries) await ask(query)
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    for (const query of queries) {
      const start = performance.now()
      const found = ask(query)
      if (found instanceof Promise) await found
      times.push(performance.now() - start)
    }
  }
  times.sort((a, b) => a - b)
  rates.sort((a, b) => a - b)
  return { rate: rates[1], median: times[times.length >> 1], late: times[Math.floor(times.length * 0.95)] }
}

export async function* lexicalBench(): AsyncGenerator<Measurement> {
  const { documents, queries } = collection(20_000)
  const ours = await figuresOf(cairn, documents, queries)
  const theirs: (Figures & { name: string })[] = []
  for (const peer of peers) theirs.push({ name: peer.name, ...(await figuresOf(peer, documents, queries)) })
  const title = '20,000 documents of 200 characters'
  const wanted: Figures = { rate: 40_000, median: 0.2, late: 1 }
  for (const [what, key, unit] of [
    ['indexing', 'rate', 'documents/s'],
    ['query, median', 'median', 'ms'],
    ['query, 95th percentile', 'late', 'ms'],
  ] as const) {
    yield {
      name: `${title}: ${what}`,
      value: ours[key],
      unit,
      limit: { name: 'wanted', value: wanted[key] },
      target: 1,
    }
    for (const peer of theirs)
      yield { name: `${title}: ${what}`, value: ours[key], unit, limit: { name: peer.name, value: peer[key] } }
  }
}

/** A million passages: time, memory, and questions answered with and without leaving anything out. */
export async function* millionBench(count: number): AsyncGenerator<Measurement> {
  const before = process.memoryUsage()
  const random = collection(2, 3)
  const index = new LexicalIndex({ analyzer })
  const start = performance.now()
  let added = 0
  let most = 0
  for (let seed = 1; added < count; seed++) {
    for (const { text } of collection(Math.min(10_000, count - added), seed).documents)
      index.add({ id: `p${added++}`, text })
    most = Math.max(most, process.memoryUsage().rss)
  }
  index.flush()
  const took = (performance.now() - start) / 1000
  most = Math.max(most, process.memoryUsage().rss)
  const title = `${count} passages`
  yield { name: `${title}: making and indexing them`, value: took, unit: 's' }
  yield {
    name: `${title}: memory at most`,
    value: (most - before.rss) / 2 ** 20,
    unit: 'MiB',
    limit: { name: 'wanted', value: 2048 },
  }
  for (const prune of [true, false]) {
    const times = random.queries.map(query => {
      const at = performance.now()
      index.search(query, { prune })
      return performance.now() - at
    })
    times.sort((a, b) => a - b)
    const name = prune ? 'query' : 'query, everything scored'
    yield { name: `${title}: ${name}, median`, value: times[100], unit: 'ms' }
    yield { name: `${title}: ${name}, 95th percentile`, value: times[190], unit: 'ms' }
  }
}

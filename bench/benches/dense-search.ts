// Search by vectors over 50,000 x 384 in clusters: exact search beside the loop that anyone would write, and our graph beside
// hnswlib's (C++, through hnswlib-node) at the same recall, without a filter, with filters, and after deleting 30%.
import { FlatIndex, HnswIndex, Selection } from '@cairn/rag'
import type { BenchOptions, Measurement } from '../bench.ts'
import { compare } from '../measure.ts'

export const description =
  'exact and HNSW vector search beside plain loops and hnswlib-node. Args: rows (50000), queries (400)'

const dimensions = 384
const k = 10
const m = 16
const efConstruction = 200
const wantedRecall = 0.99

/** Numbers in [0, 1) from a seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

/**
 * Vectors of length 1 in 200 clusters, each a sheet of 16 dimensions in the 384 with a little noise: neighbours lie close together
 * in few directions, as those of text embeddings do.
 */
function clustered(count: number, next: () => number): Float32Array[] {
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  const random = () => Float32Array.from({ length: dimensions }, normal)
  const clusters = Array.from({ length: 200 }, () => ({ center: random(), axes: Array.from({ length: 16 }, random) }))
  return Array.from({ length: count }, () => {
    const { center, axes } = clusters[Math.floor(next() * clusters.length)]!
    const vector = center.map(x => x + 0.1 * normal())
    for (const axis of axes) {
      const weight = 0.5 * normal()
      for (let i = 0; i < dimensions; i++) vector[i]! += weight * axis[i]!
    }
    let squares = 0
    for (const x of vector) squares += x * x
    return vector.map(x => x / Math.sqrt(squares))
  })
}

/** The part of hnswlib-node that is used here. */
interface Peer {
  initIndex(rows: number, m: number, efConstruction: number, seed: number): void
  addPoint(vector: number[], label: number): void
  setEf(ef: number): void
  markDelete(label: number): void
  searchKnn(query: number[], k: number, filter?: (label: number) => boolean): { neighbors: number[] }
}

async function openPeer(): Promise<Peer | null> {
  try {
    const name = 'hnswlib-node'
    const { default: library } = await import(name)
    return new library.HierarchicalNSW('ip', dimensions) as Peer
  } catch {
    return null
  }
}

type Search = (query: number) => readonly number[]

const recallOf = (search: Search, truth: readonly (readonly number[])[]): number => {
  let found = 0
  let all = 0
  truth.forEach((ids, query) => {
    const got = new Set(search(query))
    for (const id of ids) if (got.has(id)) found++
    all += ids.length
  })
  return found / all
}

/** The least ef, of a ladder, whose recall is enough. */
function tune(at: (ef: number) => Search, truth: readonly (readonly number[])[]): { ef: number; recall: number } {
  let last = { ef: 0, recall: 0 }
  for (const ef of [12, 16, 20, 24, 32, 40, 48, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 800]) {
    last = { ef, recall: recallOf(at(ef), truth) }
    if (last.recall >= wantedRecall) break
  }
  return last
}

export async function* run({ args }: BenchOptions): AsyncGenerator<Measurement> {
  const rows = Number(args[0] ?? 50_000)
  const queries = Number(args[1] ?? 400)
  const next = generator(7)
  const all = clustered(rows + queries, next)
  const vectors = all.slice(0, rows)
  const asked = all.slice(rows)
  const size = `${rows} x ${dimensions}`

  // ---- exact
  const flat = new Float32Array(rows * dimensions)
  vectors.forEach((vector, i) => {
    flat.set(vector, i * dimensions)
  })
  let turn = 0
  const plain = {
    amount: 1,
    run() {
      const query = asked[turn++ % queries]!
      const best: { id: number; score: number }[] = []
      for (let id = 0; id < rows; id++) {
        let score = 0
        for (let i = 0, at = id * dimensions; i < dimensions; i++) score += query[i]! * flat[at + i]!
        if (best.length < k || score > best[k - 1]!.score) {
          best.push({ id, score })
          best.sort((a, b) => b.score - a.score)
          best.length = Math.min(k, best.length)
        }
      }
      return best
    },
  }
  const index = new FlatIndex({ dimensions })
  for (const vector of vectors) index.add(vector)
  const exact = { amount: 1, run: () => index.search(asked[turn++ % queries]!, k) }
  const { rate, limit, share, spread } = await compare(exact, plain, { seconds: 2 })
  const loop = { name: 'a plain Float32Array loop', value: 1000 / limit }
  yield { name: `exact search, ${size}`, value: 1000 / rate, unit: 'ms', limit: loop, share, spread, target: 5 }

  // ---- graphs
  const peer = await openPeer()
  const lists = all.map(vector => Array.from(vector))
  const timed = (work: () => void): number => {
    const begin = performance.now()
    work()
    return (performance.now() - begin) / 1000
  }
  const ours = new HnswIndex({ dimensions, m, efConstruction })
  let build = 0
  let peerBuild = 0
  // In turns, so that both meet the same machine.
  peer?.initIndex(rows, m, efConstruction, 100)
  for (let from = 0; from < rows; from += 2500) {
    const to = Math.min(rows, from + 2500)
    build += timed(() => {
      for (let i = from; i < to; i++) ours.add(vectors[i]!)
      if (to === rows) ours.linkAll()
    })
    peerBuild += timed(() => {
      for (let i = from; peer && i < to; i++) peer.addPoint(lists[i]!, i)
    })
  }
  yield {
    name: `HNSW build, ${size}, M ${m}, efConstruction ${efConstruction}`,
    value: build,
    unit: 's',
    ...(peer && { limit: { name: 'hnswlib', value: peerBuild }, target: 1 / 1.5 }),
  }

  async function* measureSearch(
    title: string,
    among: Selection | undefined,
    live: (id: number) => boolean,
  ): AsyncGenerator<Measurement> {
    const passes = (id: number): boolean => live(id) && (!among || among.mask[id] === 1)
    const selection = Selection.where(rows, passes)
    const truth = asked.map(query => index.search(query, k, { among: selection }).map(hit => hit.id))
    const at =
      (ef: number): Search =>
      query =>
        ours.search(asked[query]!, k, { ef, among }).map(hit => hit.id)
    const mine = tune(at, truth)
    const each = (search: Search) => ({
      amount: queries,
      run() {
        for (let query = 0; query < queries; query++) search(query)
      },
    })
    const name = `${title}, recall ${mine.recall.toFixed(4)} at ef ${mine.ef}`
    if (!peer) {
      const seconds = timed(() => each(at(mine.ef)).run())
      yield { name, value: queries / seconds, unit: 'queries/s' }
      return
    }
    const filter = among && ((id: number) => among.mask[id] === 1)
    const peerAt = (ef: number): Search => {
      return query => {
        peer.setEf(ef)
        return peer.searchKnn(lists[rows + query]!, k, filter).neighbors
      }
    }
    const theirs = tune(peerAt, truth)
    const result = await compare(each(at(mine.ef)), each(peerAt(theirs.ef)), { seconds: 2, warmup: 1, runs: 5 })
    const beside = `hnswlib, recall ${theirs.recall.toFixed(4)} at ef ${theirs.ef}`
    yield {
      name,
      value: result.rate,
      unit: 'queries/s',
      limit: { name: beside, value: result.limit },
      share: result.share,
      spread: result.spread,
      target: 0.5,
    }
    // Faster at less recall would be no merit.
    yield {
      name: `${title}: recall`,
      value: mine.recall,
      unit: '',
      limit: { name: 'wanted', value: wantedRecall },
      target: 1,
    }
  }

  yield* measureSearch('HNSW search', undefined, () => true)
  for (const percent of [10, 1]) {
    const draw = generator(percent)
    const among = Selection.where(rows, () => draw() < percent / 100)
    yield* measureSearch(`HNSW search, ${percent}% filter`, among, () => true)
  }
  const draw = generator(30)
  const gone = Uint8Array.from(vectors, () => (draw() < 0.3 ? 1 : 0))
  const seconds = timed(() => {
    for (let id = 0; id < rows; id++) if (gone[id]) ours.remove(id)
  })
  for (let id = 0; id < rows; id++) if (gone[id]) peer?.markDelete(id)
  yield { name: 'removing 30%, repairs included', value: seconds, unit: 's' }
  yield* measureSearch('HNSW search, 30% removed', undefined, id => !gone[id])
}

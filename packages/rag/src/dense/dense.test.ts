import { describe, expect, test } from 'vitest'
import { RagArgumentError } from '../errors.ts'
import { readSegment, writeSegment } from '../segment.ts'
import { FlatIndex } from './flat.ts'
import { HnswIndex } from './hnsw.ts'
import { Selection } from './selection.ts'
import { bruteForce, clustered, random, randomVectors, recall } from './testing/data.ts'
import { metrics, normalized, truncated } from './vector.ts'

describe.each(metrics)('exact search, %s', metric => {
  const vectors = randomVectors(1500, 48, 1)
  const queries = randomVectors(20, 48, 2)
  test.each([{}, { codes: false }, { plain: true }])('equals brute force (%o)', options => {
    const index = new FlatIndex({ dimensions: 48, metric, ...options })
    for (const vector of vectors) index.add(vector)
    const selection = Selection.where(1500, id => id % 7 === 0)
    for (const query of queries) {
      const found = index.search(query, 10)
      const truth = bruteForce(vectors, query, 10, metric)
      expect(found.map(hit => hit.id)).toEqual(truth.map(hit => hit.id))
      found.forEach((hit, i) => expect(hit.score).toBeCloseTo(truth[i].score, 3))
      const among = bruteForce(
        vectors.map((v, id) => (id % 7 ? undefined : v)),
        query,
        5,
        metric,
      )
      expect(index.search(query, 5, { among: selection }).map(hit => hit.id)).toEqual(among.map(hit => hit.id))
    }
  })

  test('codes prove what they leave out where many vectors are nearly equal', () => {
    const next = random(5)
    const base = randomVectors(1, 48, 9)[0]
    const near = Array.from({ length: 800 }, () => base.map(x => x + 0.004 * (next() - 0.5)))
    const index = new FlatIndex({ dimensions: 48, metric })
    const plain = new FlatIndex({ dimensions: 48, metric, codes: false })
    for (const vector of near) {
      index.add(vector)
      plain.add(vector)
    }
    for (let i = 0; i < 20; i++)
      expect(index.search(near[i], 10).map(hit => hit.score)).toEqual(plain.search(near[i], 10).map(hit => hit.score))
  })
})

test('rows of very different lengths, zeros and subnormal numbers', () => {
  const vectors = randomVectors(300, 24, 4).map((v, i) => v.map(x => x * 10 ** ((i % 60) - 40)))
  vectors.push(new Float32Array(24), new Float32Array(24).fill(1e-45))
  for (const metric of ['dot', 'l2'] as const) {
    const index = new FlatIndex({ dimensions: 24, metric })
    const plain = new FlatIndex({ dimensions: 24, metric, codes: false })
    for (const vector of vectors) {
      index.add(vector)
      plain.add(vector)
    }
    for (const query of vectors.filter((_, i) => i % 25 === 0)) {
      const [a, b] = [index.search(query, 20), plain.search(query, 20)]
      expect(a.map(hit => hit.score)).toEqual(b.map(hit => hit.score))
    }
  }
})

test('removed rows are not found and their places are used again', () => {
  const index = new FlatIndex({ dimensions: 2, metric: 'l2' })
  const ids = [index.add([0, 0]), index.add([1, 0]), index.add([5, 0])]
  expect(index.remove(ids[1])).toBe(true)
  expect(index.remove(ids[1])).toBe(false)
  expect(index.search([1, 0], 3).map(hit => hit.id)).toEqual([ids[0], ids[2]])
  expect(index.add([9, 0])).toBe(ids[1])
  expect(index.size).toBe(3)
})

test.each(['signs', 16] as const)('a coarse first look (%s) finds nearly everything and scores in full', coarse => {
  // For signs, numbers around 0; for leading numbers, ones that matter less the later they come.
  const weigh = (v: Float32Array) => (coarse === 'signs' ? v : v.map((x, i) => x / (1 + i / 4)))
  const all = clustered(3030, 64, 300, 6).map(weigh)
  const vectors = all.slice(0, 3000)
  const queries = all.slice(3000)
  const index = new FlatIndex({ dimensions: 64, coarse })
  for (const vector of vectors) index.add(vector)
  let total = 0
  for (const query of queries) {
    const truth = bruteForce(vectors, query, 10, 'cosine')
    const found = index.search(query, 10, { oversample: coarse === 'signs' ? 40 : 8 })
    total += recall(found, truth)
    for (const { id, score } of found)
      expect(score).toBeCloseTo(bruteForce([vectors[id]], query, 1, 'cosine')[0].score, 5)
    expect(index.search(query, 10, { oversample: 300 }).map(hit => hit.id)).toEqual(truth.map(hit => hit.id))
  }
  expect(total / queries.length).toBeGreaterThan(0.9)
})

test('a vector truncated is its beginning, of length 1', () => {
  expect([...truncated([3, 4, 12], 2)]).toEqual([Math.fround(0.6), Math.fround(0.8)])
  expect(() => truncated([1, 2], 3)).toThrow(RagArgumentError)
  expect([...normalized([1e-30, 0])]).toEqual([1, 0])
  expect([...normalized([3e38, 3e38])][0]).toBeCloseTo(Math.SQRT1_2, 6)
})

describe.each(metrics)('HNSW, %s', metric => {
  const dimensions = 32
  const all = clustered(3040, dimensions, 60, 11)
  const vectors = all.slice(0, 3000)
  const queries = all.slice(3000)
  const build = (plain = false) => {
    const index = new HnswIndex({ dimensions, metric, m: 12, efConstruction: 80, plain })
    for (const vector of vectors) index.add(vector, { defer: true })
    index.linkAll()
    return index
  }
  const index = build()
  const mean = (among: Selection | undefined, ef: number, of: HnswIndex, truthOf: (Float32Array | undefined)[]) => {
    let total = 0
    for (const query of queries)
      total += recall(of.search(query, 10, { among, ef, strategy: 'graph' }), bruteForce(truthOf, query, 10, metric))
    return total / queries.length
  }

  test('finds what brute force finds', () => {
    expect(mean(undefined, 80, index, vectors)).toBeGreaterThan(0.98)
  })

  test.each([0.3, 0.1, 0.01])('with a filter that %d of the rows pass', share => {
    const next = random(21)
    const among = Selection.where(vectors.length, () => next() < share)
    const passing = vectors.map((v, id) => (among.mask[id] ? v : undefined))
    // So few rows are always computed directly; the walk is for filters that pass more.
    if (share > 0.05) expect(mean(among, 100, index, passing)).toBeGreaterThan(metric === 'dot' ? 0.93 : 0.97)
    for (const query of queries.slice(0, 5)) {
      const exact = bruteForce(passing, query, 10, metric).map(hit => hit.id)
      expect(index.search(query, 10, { among }).map(hit => hit.id)).toEqual(exact)
    }
  })

  test('a filter that passes one distant cluster only', () => {
    // The cluster of row 0: far from most queries, so walks start in the wrong part of the graph.
    const cluster = new Set(bruteForce(vectors, vectors[0], 80, metric).map(hit => hit.id))
    const among = Selection.where(vectors.length, id => cluster.has(id))
    const passing = vectors.map((v, id) => (cluster.has(id) ? v : undefined))
    expect(mean(among, 60, index, passing)).toBeGreaterThan(0.95)
  })

  test('removing 30% and then adding others', () => {
    const changed = build()
    const now: (Float32Array | undefined)[] = [...vectors]
    const next = random(8)
    for (let id = 0; id < vectors.length; id++)
      if (next() < 0.3) {
        expect(changed.remove(id)).toBe(true)
        now[id] = undefined
      }
    const gone = (hits: readonly { id: number }[]) => hits.filter(hit => !now[hit.id])
    for (const query of queries) expect(gone(changed.search(query, 20, { strategy: 'graph' }))).toEqual([])
    expect(mean(undefined, 80, changed, now)).toBeGreaterThan(0.98)
    changed.repair()
    expect(mean(undefined, 80, changed, now)).toBeGreaterThan(0.98)
    for (const vector of clustered(500, dimensions, 60, 12)) now[changed.add(vector)] = vector
    changed.linkAll()
    expect(changed.capacity).toBe(3000)
    expect(mean(undefined, 80, changed, now)).toBeGreaterThan(0.98)
    expect(changed.size).toBe(now.filter(Boolean).length)
  })

  test('a segment brings back the same index, with its vectors or without', () => {
    const changed = build()
    for (let id = 0; id < 450; id++) changed.remove(id)
    changed.add(vectors[3], { defer: true })
    for (const withVectors of [true, false]) {
      const bytes = writeSegment(changed.toSegment({ vectors: withVectors }))
      const reads: number[] = []
      const read = HnswIndex.fromSegment(readSegment(bytes, 'hnsw', 1), {
        source: id => {
          reads.push(id)
          return changed.vector(id)!
        },
      })
      expect(reads).toEqual([])
      read.search(queries[0], 10, { strategy: 'graph' })
      // What the walk was about and little more, each once.
      expect(reads.length).toBeLessThan(withVectors ? 1 : 60)
      for (const query of queries.slice(0, 20)) {
        expect(read.search(query, 10, { strategy: 'graph' })).toEqual(changed.search(query, 10, { strategy: 'graph' }))
        expect(read.search(query, 10, { strategy: 'exact' })).toEqual(changed.search(query, 10, { strategy: 'exact' }))
      }
      expect(new Set(reads).size).toBe(reads.length)
      expect(read.size).toBe(changed.size)
      const again = HnswIndex.fromSegment(readSegment(writeSegment(read.toSegment()), 'hnsw', 1))
      for (let id = 0; id < read.capacity; id++) expect(again.vector(id)).toEqual(changed.vector(id))
      read.add(vectors[0])
      read.repair()
    }
    // What is older than the codes in a segment has none: they are made from the vectors.
    const { codes: _, ...arrays } = changed.toSegment().arrays
    const older = HnswIndex.fromSegment({ ...changed.toSegment(), arrays })
    for (const query of queries.slice(0, 5)) expect(older.search(query, 10)).toEqual(changed.search(query, 10))
    const short = changed.toSegment({ vectors: false })
    expect(() => HnswIndex.fromSegment(short)).toThrow('give source')
    expect(() => HnswIndex.fromSegment({ ...short, arrays: { ...short.arrays, codes: new Uint8Array(3) } })).toThrow(
      'codes',
    )
  })

  test('plain loops build a graph as good', () => {
    const plain = new HnswIndex({ dimensions, metric, m: 8, efConstruction: 40, plain: true })
    const few = vectors.slice(0, 800)
    for (const vector of few) plain.add(vector)
    plain.linkAll()
    expect(mean(undefined, 60, plain, few)).toBeGreaterThan(0.97)
  })
})

test('rows added one by one past the size at which a graph begins', () => {
  const vectors = clustered(5500, 8, 40, 3)
  const index = new HnswIndex({ dimensions: 8, efConstruction: 60 })
  let total = 0
  vectors.forEach((vector, i) => {
    index.add(vector)
    if (i < 4500 || i % 20) return
    const truth = bruteForce(vectors.slice(0, i + 1), vector, 10, 'cosine')
    total += recall(index.search(vector, 10, { strategy: 'graph' }), truth)
  })
  expect(total / 50).toBeGreaterThan(0.99)
})

test('removing everything and beginning again', () => {
  const index = new HnswIndex({ dimensions: 4 })
  for (const vector of randomVectors(200, 4, 1)) index.add(vector)
  index.linkAll()
  for (let id = 0; id < 200; id++) index.remove(id)
  expect(index.search([1, 0, 0, 0], 3)).toEqual([])
  const id = index.add([1, 0, 0, 0])
  expect(index.search([1, 0, 0, 0], 3)).toEqual([{ id, score: 1 }])
})

test('a graph of tombstones alone takes new rows', () => {
  const index = new HnswIndex({ dimensions: 4 })
  for (const vector of randomVectors(100, 4, 1)) index.add(vector)
  index.linkAll()
  for (const vector of randomVectors(50, 4, 2)) index.add(vector, { defer: true })
  for (let id = 0; id < 100; id++) index.remove(id)
  index.linkAll()
  for (const vector of randomVectors(100, 4, 3)) index.add(vector)
  index.linkAll()
  const found = index.search([1, 0, 0, 0], 200, { strategy: 'graph' })
  expect(found.length).toBe(150)
})

test('bad vectors and options are refused by name', () => {
  for (const index of [new FlatIndex({ dimensions: 3 }), new HnswIndex({ dimensions: 3 })]) {
    for (const [bad, message] of [
      [[1, 2], /a vector of 2 numbers; this index holds vectors of 3/],
      [[1, Number.NaN, 3], /element 1 of a vector is NaN/],
      [[1, 2, Number.POSITIVE_INFINITY], /element 2 of a vector is Infinity/],
      [[1, 2, 1e39], /element 2/],
      [[0, 0, 0], /zeros/],
      [[1, '2' as unknown as number, 3], /element 1 of a vector is a string/],
      [null as unknown as number[], /not null/],
    ] as const) {
      expect(() => index.add(bad)).toThrow(message)
      expect(() => index.add(bad)).toThrow(RagArgumentError)
      expect(() => index.search(bad, 1)).toThrow(message)
    }
    expect(() => index.search([1, 0, 0], 0)).toThrow(/k is 0/)
  }
  expect(() => new FlatIndex({ dimensions: 0 })).toThrow(/the size is 1 to/)
  expect(() => new FlatIndex({ dimensions: 8, coarse: 9 })).toThrow(/coarse is 9/)
  expect(() => new HnswIndex({ dimensions: 8, m: 1 })).toThrow(/m is 1/)
  expect(() => new HnswIndex({ dimensions: 8, metric: 'manhattan' as never })).toThrow(/no metric 'manhattan'/)
})

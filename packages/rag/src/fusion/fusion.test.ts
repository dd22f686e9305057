import type { ScoredDocument } from '@cairn/metrics'
import { describe, expect, test } from 'vitest'
import { RagArgumentError } from '../errors.ts'
import { randomFrom } from '../testing/random.ts'
import { reciprocalRankFusion, weightedFusion } from './fuse.ts'
import { diversify } from './mmr.ts'
import { agreement, crossFuse, fuseByAgreement, learnWeights } from './weights.ts'

const list = (text: string): ScoredDocument[] => [...text].map((id, i) => ({ id, score: 10 - i }))
const ids = (ranking: readonly ScoredDocument[]) => ranking.map(({ id }) => id).join('')

describe('fusion', () => {
  test('of ranks, by the formula', () => {
    const fused = reciprocalRankFusion([list('abc'), list('bd')])
    expect(ids(fused)).toBe('badc')
    expect(fused[0].score).toBeCloseTo(1 / 62 + 1 / 61, 15)
    expect(ids(reciprocalRankFusion([list('abc'), list('bd')], { constant: 1, k: 2 }))).toBe('ba')
    expect(ids(reciprocalRankFusion([list('abc'), list('bd')], { weights: [1, 0] }))).toBe('abc')
  })
  test('of scores, each brought to 0 to 1', () => {
    const fused = weightedFusion([[{ id: 'a', score: 100 }, { id: 'b', score: 75 }, { id: 'c', score: 0 }], [{ id: 'b', score: -1 }]], { weights: [0.6, 0.4] }) // biome-ignore format: a table
    expect(fused).toEqual([{ id: 'b', score: 0.6 * 0.75 + 0.4 }, { id: 'a', score: 0.6 }, { id: 'c', score: 0 }]) // biome-ignore format: a table
    expect(weightedFusion([[], []])).toEqual([])
  })
  test('refuses weights that do not fit', () => {
    expect(() => weightedFusion([list('a')], { weights: [1, 2] })).toThrow('2 weights for 1 rankings')
    expect(() => weightedFusion([list('a')], { weights: [-1] })).toThrow(RagArgumentError)
  })
})

/** Rankings of 20 documents, the one relevant among them in front with a given chance. */
function world(seed: number, queries: number, ...chances: number[]) {
  const random = randomFrom(seed)
  const rankings = new Map<string, ScoredDocument[][]>()
  const qrels = new Map<string, Map<string, number>>()
  for (let q = 0; q < queries; q++) {
    qrels.set(`q${q}`, new Map([['d0', 1]]))
    rankings.set(
      `q${q}`,
      chances.map(chance => {
        const scores = Array.from({ length: 20 }, (_, i) => ({ id: `d${i}`, score: random() * 0.3 }))
        if (random() < chance) scores[0].score = 0.9 + random() * 0.1
        return scores.sort((a, b) => b.score - a.score)
      }),
    )
  }
  return { rankings, qrels }
}

describe('weights', () => {
  test('a ranking that is noise gets none', () => {
    for (const seed of [1, 2, 3, 4]) {
      const { rankings, qrels } = world(seed, 100, 0.7, 0)
      expect(learnWeights(rankings, qrels), `seed ${seed}`).toEqual([1, 0])
    }
  })
  test('two that know different things are mixed, and the mixture is better', () => {
    const { rankings, qrels } = world(5, 300, 0.5, 0.5)
    const weights = learnWeights(rankings, qrels)
    expect(Math.min(...weights)).toBeGreaterThan(0.1)
    expect(weights[0] + weights[1]).toBeCloseTo(1, 12)
    const { fused, weights: folds } = crossFuse(rankings, qrels)
    expect(folds).toHaveLength(2)
    const first = (run: Iterable<[string, readonly ScoredDocument[]]>) =>
      [...run].filter(([, r]) => r[0].id === 'd0').length
    expect(first(fused)).toBeGreaterThan(first([...rankings].map(([q, [one]]) => [q, one])) * 1.1)
    expect([...fused.keys()]).toEqual([...rankings.keys()])
  })
  test('no judgements: the first alone', () => {
    const { rankings } = world(6, 10, 0.5, 0.5)
    expect(learnWeights(rankings, new Map())).toEqual([1, 0])
  })
  test('agreement is 1 for the same, 0 for nothing shared, more for what is shared on top', () => {
    expect(agreement(list('abcd'), list('abcd'))).toBe(1)
    expect(agreement(list('abcd'), list('efgh'))).toBe(0)
    expect(agreement(list('abcd'), list('axyz'))).toBeGreaterThan(agreement(list('abcd'), list('xyzd')))
    expect(agreement([], [])).toBe(0)
  })
  test('by agreement: strangers change nothing, friends do', () => {
    expect(ids(fuseByAgreement([list('abcd'), list('efgh')]))).toBe('abcd')
    expect(ids(fuseByAgreement([[], list('ab')]))).toBe('ab')
    expect(ids(fuseByAgreement([list('abcd'), list('bacd')], { most: 2 }))).toBe('bacd')
    expect(ids(fuseByAgreement([list('abcd')], { k: 2 }))).toBe('ab')
  })
})

test('diversity puts copies behind', () => {
  const ranking = [
    { id: 'a', score: 3, topic: 1 },
    { id: 'b', score: 2.9, topic: 1 },
    { id: 'c', score: 2, topic: 2 },
    { id: 'd', score: 1, topic: 3 },
  ]
  const similarity = (a: { topic: number }, b: { topic: number }) => Number(a.topic === b.topic)
  expect(diversify(ranking, { similarity, lambda: 0.5 }).map(({ id }) => id)).toEqual(['a', 'c', 'd', 'b'])
  expect(diversify(ranking, { similarity, lambda: 1 })).toEqual(ranking)
  expect(diversify(ranking, { similarity, lambda: 0.6, k: 2 }).map(({ id }) => id)).toEqual(['a', 'c'])
  expect(diversify([] as typeof ranking, { similarity })).toEqual([])
})

import { describe, expect, test } from 'vitest'
import { WordVectors } from '../embedding/word-vectors.ts'
import { RagArgumentError } from '../errors.ts'
import { LateInteractionReranker, maxSim, WordTokenEncoder } from './late-interaction.ts'
import { CrossEncoderReranker, rerank } from './reranker.ts'

const ranking = ['apple pie', 'red apples', 'green tree'].map((text, i) => ({ id: `d${i}`, score: 3 - i, text }))
const textOf = (item: { text: string }) => item.text

describe('rerank', () => {
  const byLength = { score: async (_: string, passages: readonly string[]) => passages.map(text => text.length) }
  test('orders the first anew and leaves the others below', async () => {
    const items = ['a', 'bb', 'ccc', 'dddd', 'e'].map((text, i) => ({ id: `d${i}`, score: 9 - i, text }))
    const anew = await rerank('q', items, textOf, byLength, { depth: 3 })
    expect(anew.map(item => item.id)).toEqual(['d2', 'd1', 'd0', 'd3', 'd4'])
    const scores = anew.map(item => item.score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    expect(anew[0].text).toBe('ccc')
    expect((await rerank('q', items, textOf, byLength, { share: 0 })).map(item => item.id)).toEqual(
      items.map(item => item.id),
    )
    expect(await rerank('q', [], textOf, byLength)).toEqual([])
  })
  test('refuses scores that do not fit', async () => {
    await expect(rerank('q', ranking, textOf, { score: async () => [1] })).rejects.toThrow(
      'gave 1 scores for 3 passages',
    )
    await expect(rerank('q', ranking, textOf, { score: async () => [1, Number.NaN, 2] })).rejects.toThrow(
      RagArgumentError,
    )
    await expect(rerank('q', ranking, textOf, byLength, { share: 2 })).rejects.toThrow('share is 2')
  })
})

test('a cross-encoder gets its pairs in batches of like length, and its scores come back in place', async () => {
  const batches: number[][] = []
  const model = {
    scorePairs: async (pairs: readonly (readonly [string, string])[]) => {
      batches.push(pairs.map(([, passage]) => passage.length))
      return pairs.map(([query, passage]) => query.length * 100 + passage.length)
    },
  }
  const reranker = new CrossEncoderReranker(model, { batch: 2 })
  expect([...(await reranker.score('qq', ['ccc', 'a', 'dddd', 'bb', 'eeeee']))]).toEqual([203, 201, 204, 202, 205])
  expect(batches).toEqual([[1, 2], [3, 4], [5]]) // biome-ignore format: a table
})

describe('late interaction', () => {
  const vectors = WordVectors.parse('apple 1 0\npear 0.8 0.6\ntree 0 1\n')
  test('MaxSim, by hand', () => {
    const query = { vectors: Float32Array.of(1, 0, 0, 1), count: 2, weights: [1, 2] }
    const passage = { vectors: Float32Array.of(0.6, 0.8, 1, 0), count: 2 }
    expect(maxSim(query, passage, 2)).toBeCloseTo(1 * 1 + 2 * 0.8, 6)
    expect(maxSim(query, { vectors: new Float32Array(0), count: 0 }, 2)).toBe(0)
  })
  test('over word vectors: meaning counts, and unknown words are like themselves only', async () => {
    const encoder = new WordTokenEncoder(vectors, ['apple', 'the tree'])
    const reranker = new LateInteractionReranker(encoder, { remember: 2 })
    const passages = ['a pear', 'a tree', 'xyzzy']
    for (let round = 0; round < 2; round++) {
      const [pear, tree] = await reranker.score('apples? apple', passages)
      expect(pear).toBeGreaterThan(tree)
    }
    // Two signs may coincide in two dimensions; in a hundred they do not.
    const wide = new WordTokenEncoder(new WordVectors(['a'], new Float32Array(100).fill(1)), [])
    const wideReranker = new LateInteractionReranker(wide)
    const [same, other] = await wideReranker.score('xyzzy', ['xyzzy plugh', 'plugh frobnicate'])
    expect(same).toBeGreaterThan(2 * other)
    const best = await rerank('apple', [{ id: 't', score: 2, text: 'tree' }, { id: 'p', score: 1, text: 'pear' }], textOf, reranker) // biome-ignore format: a table
    expect(best[0].id).toBe('p')
  })
})

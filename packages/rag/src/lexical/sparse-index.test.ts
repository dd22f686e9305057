import { expect, test } from 'vitest'
import { RagArgumentError, RagFormatError } from '../errors.ts'
import { randomFrom } from '../testing/random.ts'
import { SparseIndex } from './sparse-index.ts'

const make = (seed: number, count: number) => {
  const random = randomFrom(seed)
  const vector = (size: number) =>
    Object.fromEntries(
      Array.from({ length: size }, () => [`t${Math.floor(300 ** random())}`, Math.fround(random() * 3)]),
    )
  const index = new SparseIndex()
  const truth = new Map<string, Record<string, number>>()
  for (let i = 0; i < count; i++) {
    const given = vector(8)
    index.add(`d${i}`, given)
    truth.set(`d${i}`, given)
  }
  return { index, truth, vector }
}

test('finds the largest dot products, pruned or not', () => {
  const { index, truth, vector } = make(3, 9000)
  for (let i = 0; i < 500; i++) {
    index.delete(`d${i * 5}`)
    truth.delete(`d${i * 5}`)
  }
  for (let round = 0; round < 30; round++) {
    const query = vector(1 + (round % 12))
    const expected = [...truth]
      .map(([id, other]) => ({
        id,
        score: Object.entries(query).reduce((sum, [t, w]) => sum + w * (other[t] ?? 0), 0),
      }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, 10)
    const found = index.search(query)
    expect(found).toEqual(index.search(query, { prune: false }))
    expect(found.map(hit => hit.score)).toEqual(expected.map(({ score }) => expect.closeTo(score, 4)))
    const odd = (id: string) => Number(id.slice(1)) % 2 === 1
    expect(index.search(query, { accept: odd }).every(({ id }) => odd(id))).toBe(true)
  }
})

test('is saved and read, changes, and refuses what makes no sense', () => {
  const { index, vector } = make(4, 200)
  const query = vector(5)
  const bytes = index.save()
  expect(SparseIndex.load(bytes).search(query)).toEqual(index.search(query))
  for (let at = 0; at < bytes.length; at += 131) {
    const damaged = bytes.slice()
    damaged[at] ^= 1
    expect(() => SparseIndex.load(damaged)).toThrow(RagFormatError)
  }
  const small = new SparseIndex()
  expect(small.search({ a: 1 })).toEqual([])
  small.add('x', new Map([['a', 1]]))
  small.add('x', { b: 2 })
  expect(small.search({ a: 1 })).toEqual([])
  expect(small.search({ b: 2 })).toEqual([{ id: 'x', score: 4 }])
  expect(small.delete('x')).toBe(true)
  expect(small.delete('x')).toBe(false)
  expect(() => small.add('y', { a: Number.NaN })).toThrow(RagArgumentError)
  expect(() => small.add('y', { a: -1 })).toThrow(
    'dimension a of document y has weight -1; weights are numbers from 0 up',
  )
  expect(() => small.search({ a: 1 }, { k: 0 })).toThrow('k is 0')
})

import { expect, test } from 'vitest'
import { RagFormatError } from '../errors.ts'
import { MeanEmbedder, WordVectors } from './word-vectors.ts'

const vectors = WordVectors.parse('the 1 1\ncat 1 0\ndog 0.9 0.1\ncar 0 1\n')
const cosine = (values: Float32Array, i: number, j: number) =>
  values[2 * i] * values[2 * j] + values[2 * i + 1] * values[2 * j + 1]

test('reads the text form, with and without the line of sizes', () => {
  expect([...vectors.vector(vectors.row('dog') as number)].map(v => Math.round(v * 10) / 10)).toEqual([0.9, 0.1])
  expect(WordVectors.parse('2 3\na 1 2 3\nb 4 5 6\n').dimensions).toBe(3)
  expect(() => WordVectors.parse('a 1 2\nb 1\n')).toThrow('word vectors: line 2: 1 numbers, and there must be 2')
  expect(() => WordVectors.parse('a 1 x')).toThrow(RagFormatError)
  expect(() => WordVectors.parse('')).toThrow('there are none')
})

test('means weigh rare words more, and lose what all texts share', async () => {
  const sample = ['the cat', 'the dog', 'the car', 'the the the cat']
  const embedder = new MeanEmbedder(vectors, { sample })
  const embedded = await embedder.embed(['The cat!', 'a dog', 'car', 'xyzzy', 'cat'])
  for (const i of [0, 1, 2]) expect(cosine(embedded, i, i)).toBeCloseTo(1, 5)
  expect(cosine(embedded, 3, 3)).toBe(0)
  expect(cosine(embedded, 0, 1)).toBeGreaterThan(cosine(embedded, 0, 2))
  // The direction that was taken out: along it the sample's means have nothing left.
  const all = await embedder.embed(sample)
  const [x, y] = [0, 1].map(d => sample.reduce((sum, _, i) => sum + Math.abs(all[2 * i + d]), 0))
  expect(Math.abs(x * y)).toBeGreaterThan(0)
})

test('the formula of SIF, one word at a time', async () => {
  const plain = new MeanEmbedder(vectors, { sample: [], smoothing: 0.5 })
  const [x, y] = await plain.embed(['cat car'])
  expect(x).toBeCloseTo(Math.SQRT1_2, 6)
  expect(y).toBeCloseTo(Math.SQRT1_2, 6)
  const weighted = new MeanEmbedder(vectors, { sample: ['cat cat cat car'], smoothing: 0.5 })
  // Frequencies 0.75 and 0.25 weigh 0.4 and 2/3.
  const [a, b] = await weighted.embed(['cat car'])
  expect(a / b).toBeCloseTo(0.4 / (2 / 3), 5)
})

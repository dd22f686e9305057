import { expect, test } from 'vitest'
import { fuzzString } from './testing/fuzz.ts'
import { random, seed } from './testing/random.ts'
import { Tokenizer } from './tokenizer.ts'

const trained = () => Tokenizer.train('the cat sat on the mat, the rat sat on the cat. 123 naïve', { vocabSize: 290 })

test(`chunks cover the text, within their size (seed ${seed})`, async () => {
  const tokenizer = await trained()
  const next = random(seed)
  for (let round = 0; round < 100; round++) {
    const text = fuzzString(next).toWellFormed()
    const size = 4 + Math.floor(next() * 20)
    const plain = tokenizer.chunk(text, size)
    expect(plain.map(chunk => chunk.text).join('')).toBe(text)
    const overlap = Math.floor(next() * size)
    for (const { text: part, start, end, tokens } of tokenizer.chunk(text, size, overlap)) {
      expect(part).toBe(text.slice(start, end))
      expect(part.isWellFormed()).toBe(true)
      expect(tokens).toBeLessThanOrEqual(size)
    }
  }
})

test('overlap repeats so many tokens', async () => {
  const tokenizer = await trained()
  const text = 'the cat sat on the mat'
  const all = tokenizer.encode(text)
  const chunks = tokenizer.chunk(text, 4, 2)
  expect(chunks[1].start).toBe(all.offsets[2][0])
  expect(chunks.at(-1)!.end).toBe(text.length)
  expect(() => tokenizer.chunk(text, 2, 2)).toThrow(/smaller overlap/)
  expect(() => tokenizer.chunk('😁', 2)).toThrow(/larger size/)
})

test('offsets in code points and bytes', async () => {
  const tokenizer = await trained()
  const text = '😁é the'
  const last = (unit: 'utf16' | 'codePoints' | 'bytes') => tokenizer.encode(text, { offsetUnit: unit }).offsets.at(-1)
  expect(last('utf16')![1]).toBe(7)
  expect(last('codePoints')![1]).toBe(6)
  expect(last('bytes')![1]).toBe(10)
})

import { expect, test } from 'vitest'
import { randomFrom } from '../testing/random.ts'
import { WordTable } from './word-table.ts'

test('is a Map that is asked with stretches of texts', () => {
  const random = randomFrom(31)
  const table = new WordTable()
  const truth = new Map<string, number>()
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 40_000; i++) {
      const word = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        String.fromCharCode(random() < 0.9 ? 97 + Math.floor(random() * 20) : Math.floor(random() * 65536)),
      ).join('')
      const text = `x${word}y`
      expect(table.get(text, 1, text.length - 1)).toBe(truth.get(word))
      if (!truth.has(word)) {
        table.add(word, i - 5)
        truth.set(word, i - 5)
      }
    }
    expect(table.size).toBe(truth.size)
    expect(truth.size).toBeGreaterThan(8192)
    table.clear()
    truth.clear()
  }
})

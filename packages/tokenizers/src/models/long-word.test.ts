import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { LongWords } from './long-word.ts'
import { Merger } from './merger.ts'
import { PairTable } from './pair-table.ts'

const byteIds = Int32Array.from({ length: 256 }, (_, i) => i)

/** A table in which every token is made in one way: pairs drawn at random, each making a new token. */
function randomTable(next: () => number, letters: number, size: number): PairTable {
  const table = new PairTable(size)
  const made = new Set<string>()
  const spelled = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
  const pool = Array.from({ length: letters }, (_, i) => 97 + i)
  for (let tries = 0; table.size < size && tries < size * 20; tries++) {
    const left = pool[Math.floor(next() * pool.length)]
    const right = pool[Math.floor(next() * pool.length)]
    const word = spelled[left] + spelled[right]
    if (made.has(word)) continue
    // BPE over the tokens so far must leave the word as these two, as it does in any trained vocabulary.
    const merger = new Merger(table)
    merger.reset()
    for (let i = 0; i < word.length; i++) merger.push(word.charCodeAt(i), i, i + 1)
    merger.run()
    if (merger.length !== 2 || merger.ids[0] !== left || merger.ids[1] !== right) continue
    made.add(word)
    const id = spelled.length
    spelled.push(word)
    pool.push(id)
    table.add(left, right, id)
  }
  return table
}

test(`long words are merged as by the definition (seed ${seed})`, () => {
  const next = random(seed)
  for (let round = 0; round < 40; round++) {
    const letters = 1 + Math.floor(next() * 3)
    const table = randomTable(next, letters, 2 + Math.floor(next() * 60))
    const words = LongWords.of(table, byteIds)!
    const merger = new Merger(table)
    for (const length of [1, 2, 3, 10, 50, 500]) {
      const bytes = Uint8Array.from({ length }, () => 97 + Math.floor(next() * letters))
      merger.reset()
      bytes.forEach((byte, i) => merger.push(byte, i, i + 1))
      merger.run()
      const out = new Int32Array(length)
      const count = words.encode(bytes, out)
      expect([...out.subarray(0, count)]).toEqual([...merger.ids.subarray(0, merger.length)])
    }
  }
})

test('a table with two ways to one token is declined', () => {
  const table = new PairTable(3)
  table.add(97, 97, 256)
  table.add(256, 97, 257)
  table.add(97, 256, 257)
  expect(LongWords.of(table, byteIds)).toBeUndefined()
})

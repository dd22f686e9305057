import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { LongWords } from './long-word.ts'
import { Merger } from './merger.ts'
import { PairTable } from './pair-table.ts'
import { RankTokens } from './rank-tokens.ts'
import { mergeShortWord } from './short-word.ts'

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
    const merged = byTheDefinition(table, word)
    if (merged.length !== 2 || merged[0] !== left || merged[1] !== right) continue
    made.add(word)
    const id = spelled.length
    spelled.push(word)
    pool.push(id)
    table.add(left, right, id)
  }
  return table
}

function byTheDefinition(table: PairTable, word: string): number[] {
  const merger = new Merger(table)
  merger.reset()
  for (let i = 0; i < word.length; i++) merger.push(word.charCodeAt(i), i, i + 1)
  merger.run()
  return [...merger.ids.subarray(0, merger.length)]
}

test(`short and long words are merged by rank as by the list of merges (seed ${seed})`, () => {
  const next = random(seed)
  for (let round = 0; round < 40; round++) {
    const letters = 1 + Math.floor(next() * 3)
    const table = randomTable(next, letters, 2 + Math.floor(next() * 60))
    const tokens = RankTokens.of(table, byteIds)!
    const words = new LongWords(tokens)
    for (const length of [1, 2, 3, 10, 23, 24, 50, 500]) {
      const bytes = Uint8Array.from({ length }, () => 97 + Math.floor(next() * letters))
      const expected = byTheDefinition(table, String.fromCharCode(...bytes))
      const out = new Int32Array(length)
      const ids = (count: number) => [...out.subarray(0, count)].map(t => tokens.ids[t])
      expect(ids(words.encode(bytes, length, out))).toEqual(expected)
      expect(ids(mergeShortWord(tokens, bytes, length, out, new Int32Array(length)))).toEqual(expected)
    }
    // The list of merges comes back from the ranks alone.
    const again = new RankTokens(tokens.bytes, tokens.starts, tokens.ids).pairs()
    const rows = ({ left, right, merged, size }: PairTable) =>
      Array.from({ length: size }, (_, row) => [left[row], right[row], merged[row]])
    expect(rows(again)).toEqual(rows(table))
  }
})

test.each<[string, [number, number, number][]]>([
  [
    'has two ways to one token',
    [
      [97, 97, 256],
      [256, 97, 257],
      [97, 256, 257],
    ],
  ],
  [
    'uses a token before it is made',
    [
      [256, 97, 257],
      [97, 97, 256],
    ],
  ],
  [
    'has a token that its own bytes do not become',
    [
      [97, 98, 256],
      [98, 99, 257],
      [97, 257, 258],
    ],
  ],
])('a table that %s is not one of ranks', (_, rows) => {
  const table = new PairTable(3)
  for (const [left, right, merged] of rows) table.add(left, right, merged)
  expect(RankTokens.of(table, byteIds)).toBeUndefined()
})

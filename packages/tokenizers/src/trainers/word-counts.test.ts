// Words counted by a scanner against words counted by the parts of a tokenizer.
import { expect, test } from 'vitest'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import { scanGpt2 } from '../pretokenizers/scan.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { bytesToText } from '../unicode/byte-chars.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { PieceCounts, WordCounts } from './word-counts.ts'

test(`the same words in the same order, as often (seed ${seed})`, () => {
  const next = random(seed)
  const slow = new PieceCounts({ normalizer: null, preTokenizer: new ByteLevel({ addPrefixSpace: false }) })
  const fast = new WordCounts(scanGpt2, word => bytesToText(utf8Bytes(word)))
  const add = (text: string) => {
    slow.add(text)
    fast.add(text)
  }
  add('')
  for (const n of [63, 64, 65, 300]) for (const times of [1, 2]) add(`${'a'.repeat(n)} `.repeat(times))
  for (let i = 0; i < 400; i++) add(fuzzString(next).toWellFormed())
  // More words than the cache keeps, then those that it has forgotten.
  const numbers = Array.from({ length: 70_000 }, (_, i) =>
    `x${(i * 7919) % 70_000}`.replace(/\d/g, digit => 'abcdefghij'[+digit]),
  )
  add(numbers.join(' '))
  add(numbers.slice(0, 1000).join(' '))
  const [a, b] = [slow.finish(), fast.finish()]
  expect([...b.words]).toEqual([...a.words])
  expect(new Map(b.last)).toEqual(a.last)
})

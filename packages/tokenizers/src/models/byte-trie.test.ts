import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { ByteTrie } from './byte-trie.ts'
import { RankTokens } from './rank-tokens.ts'

/** All bytes, and tokens drawn from an alphabet; few of three letters, so that many start alike. */
function randomTokens(next: () => number, alphabet: readonly number[], count: number): RankTokens {
  const all = Array.from({ length: 256 }, (_, byte) => [byte])
  for (let i = 0; i < count; i++) {
    const length = 2 + Math.floor(next() ** 3 * 12)
    all.push(Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]))
  }
  const starts = [0]
  for (const token of all) starts.push(starts.at(-1)! + token.length)
  return new RankTokens(
    Uint8Array.from(all.flat()),
    Int32Array.from(starts),
    Int32Array.from(all, (_, t) => t),
  )
}

test.each([
  ['two letters', [97, 98]],
  ['bytes that differ in one high bit', [0, 128, 64, 32]],
  ['all bytes', Array.from({ length: 256 }, (_, byte) => byte)],
])(`the longest token at a position is found: %s (seed ${seed})`, (_, alphabet) => {
  const next = random(seed)
  for (let round = 0; round < 20; round++) {
    const tokens = randomTokens(next, alphabet, round * (alphabet.length > 99 ? 4000 : 20))
    const trie = new ByteTrie(tokens)
    const text = Uint8Array.from({ length: 200 }, () => alphabet[Math.floor(next() * alphabet.length)])
    for (let at = 0; at < text.length; at++) {
      const end = at + Math.floor(next() * (text.length - at + 1))
      let longest = -1
      for (let to = at + 1; to <= Math.min(end, at + tokens.longest); to++) {
        const found = tokens.find(text, at, to)
        if (found >= 0) longest = found
      }
      const found = trie.longest(text, at, end)
      // Of equal tokens either may be found.
      const spelled = (t: number) => (t < 0 ? '' : tokens.spelled(t))
      expect(spelled(found), `at ${at} before ${end}`).toBe(spelled(longest))
    }
  }
})

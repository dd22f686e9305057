import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { type Match, Matcher } from './matcher.ts'

/** What it should give, by the definition: leftmost, then longest, then first. */
function plain(patterns: readonly string[], text: string): Match[] {
  const out: Match[] = []
  for (let start = 0; start < text.length; ) {
    let best = -1
    patterns.forEach((pattern, i) => {
      if (pattern.length > (patterns[best]?.length ?? 0) && text.startsWith(pattern, start)) best = i
    })
    if (best < 0) start++
    else {
      out.push({ start, end: start + patterns[best].length, pattern: best })
      start += patterns[best].length
    }
  }
  return out
}

test(`thousands of strings are found in one pass, as by trying each everywhere (seed ${seed})`, () => {
  const next = random(seed)
  const word = (letters: string, most: number) =>
    Array.from({ length: 1 + Math.floor(next() * most) }, () => letters[Math.floor(next() * letters.length)]).join('')
  // Many starts and prefixes of one another, some twice, halves of surrogate pairs, an empty one.
  const patterns = ['', ...Array.from({ length: 3000 }, () => word('abcdefgh<|>\ud83d\ude01', 6))]
  const matcher = new Matcher(patterns)
  for (let round = 0; round < 20; round++) {
    const text = word('abcdefghxyz<|>\ud83d\ude01', 200)
    expect([...matcher.matches(text)], JSON.stringify(text)).toEqual(plain(patterns, text))
  }
  expect([...new Matcher([]).matches('abc')]).toEqual([])
})

import { expect, test } from 'vitest'
import { Regex } from '../regex/regex.ts'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { utf16Units } from '../unicode/utf16.ts'
import { patterns } from './patterns.ts'
import { scanners } from './scan.ts'

test.each(Object.entries(patterns))(
  `the scanner of %s cuts as its regular expression does (seed ${seed})`,
  (_, source) => {
    const regex = new Regex(source)
    const scan = scanners.get(source)!
    const next = random(seed)
    for (let round = 0; round < 2000; round++) {
      const text = fuzzString(next).toWellFormed()
      const ends: number[] = []
      const units = utf16Units(text)
      for (let at = 0; at < units.length; ) ends.push((at = scan(units, at)))
      expect(ends, JSON.stringify(text)).toEqual([...regex.matches(text)].map(([, end]) => end))
    }
  },
)

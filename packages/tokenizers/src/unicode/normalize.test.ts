import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { lowerCase } from './case.ts'
import { type NormalizationForm, normalizeChanges } from './normalize.ts'

const forms: NormalizationForm[] = ['NFC', 'NFD', 'NFKC', 'NFKD']
const apply = (text: string, form: NormalizationForm) =>
  normalizeChanges(text, form)
    .map(([char]) => char)
    .join('')

test('every assigned character alone, against the engine', () => {
  const different: string[] = []
  for (let cp = 0; cp < 0x110000; cp++) {
    if (cp >= 0xd800 && cp < 0xe000) continue
    const char = String.fromCodePoint(cp)
    for (const form of forms)
      if (apply(char, form) !== char.normalize(form)) different.push(`${cp.toString(16)} ${form}`)
  }
  // The engine may be of a newer Unicode version, where some dozens of new characters have decompositions.
  expect(different.length).toBeLessThan(200)
  expect(different.filter(row => Number.parseInt(row, 16) < 0x1c80)).toEqual([])
})

test(`random strings of letters and marks, against the engine (seed ${seed})`, () => {
  const next = random(seed)
  const pool = [
    ...'aeoAüǖộ각ᄀ\u1161\u11a8ﬁ½Åſ\u0301\u0323\u0307\u0308\u0345\u0338\u0653\u3099かガ\u09c7\u09be\u0f71\u0f72\u0f74x ',
  ]
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: 1 + Math.floor(next() * 10) }, () => pool[Math.floor(next() * pool.length)]).join(
      '',
    )
    for (const form of forms) {
      expect(apply(text, form), JSON.stringify(text)).toBe(text.normalize(form))
      // Each change accounts for the characters of the text: inserted ones take none, others one and what they remove.
      const used = normalizeChanges(text, form).reduce((n, [, change]) => n + (change > 0 ? 0 : 1 - change), 0)
      expect(used).toBeLessThanOrEqual([...text].length)
    }
  }
})

test('lower case, character by character', () => {
  expect([...'ABC ÀÉŒ ΣΣ ДЖ İ ẞ 𐐀'].map(lowerCase).join('')).toBe('abc àéœ σσ дж i̇ ß 𐐨')
})

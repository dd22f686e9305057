// Unigram word by word against the cut of the whole text, with scores that make rounding decide.
import { expect, test } from 'vitest'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { IdList } from './id-list.ts'
import { Unigram, type UnigramOptions } from './unigram.ts'

const letters = [...'abc\u2581é日😁']

/** Random pieces of few letters; scores are multiples of a tenth, so that many cuts are equally good but for rounding. */
function vocabulary(next: () => number, inner: boolean): [string, number][] {
  const pieces = new Set<string>(['<unk>', '\u2581'])
  while (pieces.size < 60) {
    let piece = ''
    const n = 1 + Math.floor(next() * 4)
    for (let i = 0; i < n; i++) piece += letters[Math.floor(next() * letters.length)]
    if (inner || !piece.includes('\u2581', 1)) pieces.add(piece)
  }
  return [...pieces].map(piece => [piece, -Math.round(1 + next() * 20 + piece.length) / 10])
}

const bytes = Array.from({ length: 256 }, (_, i) => {
  return [`<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`, -9] as [string, number]
})

const cases: Record<string, (next: () => number) => UnigramOptions> = {
  'double precision': next => ({ vocab: vocabulary(next, false) }),
  'single precision': next => ({ vocab: vocabulary(next, false), singlePrecision: true }),
  'a sign for white space inside of pieces': next => ({ vocab: vocabulary(next, true) }),
  'bytes for what is unknown': next => ({ vocab: [...vocabulary(next, false), ...bytes], byteFallback: true }),
  'some bytes only': next => ({ vocab: [...vocabulary(next, false), ...bytes.slice(100)], byteFallback: true }),
  'unknown characters apart': next => ({ vocab: vocabulary(next, false), fuseUnk: false }),
  'forced and excluded pieces': next => {
    const vocab = vocabulary(next, false)
    return { vocab, forced: [vocab[5][0], vocab[9][0]], excluded: [0, 7, 12] }
  },
}

test.each(Object.keys(cases))(`%s (seed ${seed})`, name => {
  const next = random(seed)
  for (let round = 0; round < 12; round++) {
    const options = { unkId: 0, ...cases[name](next) }
    const model = new Unigram(options)
    const out = new IdList(16)
    const check = (text: string) => {
      out.length = 0
      const ids = model.tokenize(text).map(({ id }) => id)
      if (model.encode(text, out)) expect([...out.finish()], JSON.stringify(text)).toEqual(ids)
      else expect(name).toMatch(/some bytes|excluded/)
      out.length = 0
      const spaced = text.replaceAll('\u2581', ' ')
      if (model.encode(spaced, out, 0x2581)) expect([...out.finish()], JSON.stringify(spaced)).toEqual(ids)
    }
    const write = (length: number) => {
      let text = ''
      while (text.length < length)
        text += next() < 0.02 ? 'x<unk>ñ' : letters[Math.floor(next() ** 1.5 * letters.length)]
      return text
    }
    for (let i = 0; i < 60; i++) check(write(Math.floor(next() * 80)))
    // Sums so large that rounding reaches the scores' digits; words longer than what is kept.
    check(write(30_000))
    check(`\u2581${'ab'.repeat(31)}\u2581${'ab'.repeat(32)}\u2581${'abc'.repeat(100)}${'ñ'.repeat(70)}`)
    for (let i = 0; i < 60; i++) check(fuzzString(next).toWellFormed().replaceAll(' ', '\u2581'))
  }
})

test('a word whose cuts are almost equal is cut by the sum that stands before it', () => {
  // Two cuts of the same scores in another order: they differ by rounding alone.
  const model = new Unigram({
    unkId: 0,
    vocab: [
      ['<unk>', 0],
      ['\u2581', -0.1],
      ['a', -0.7],
      ['aa', -1.1],
    ],
  })
  const out = new IdList(16)
  const cuts = new Set<string>()
  for (let i = 0; i < 400; i++) {
    const text = `${'\u2581a'.repeat(i)}\u2581aaa`
    const ids = model.tokenize(text).map(({ id }) => id)
    out.length = 0
    expect(model.encode(text, out)).toBe(true)
    expect([...out.finish()]).toEqual(ids)
    cuts.add(ids.slice(2 * i).join(' '))
  }
  // Otherwise this would not test what it says.
  expect(cuts.size).toBeGreaterThan(1)
})

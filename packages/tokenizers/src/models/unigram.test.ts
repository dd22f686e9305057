import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { Unigram } from './unigram.ts'

const vocab: [string, number][] = [
  ['<unk>', 0],
  ['a', -1],
  ['b', -1.5],
  ['ab', -2],
  ['ba', -2.2],
  ['aba', -3.1],
]

/** Every way to cut a text, with its score. */
function cuts(text: string): { pieces: string[]; score: number }[] {
  if (text === '') return [{ pieces: [], score: 0 }]
  return vocab
    .slice(1)
    .flatMap(([piece, score]) =>
      text.startsWith(piece)
        ? cuts(text.slice(piece.length)).map(rest => ({ pieces: [piece, ...rest.pieces], score: score + rest.score }))
        : [],
    )
}

test(`the n best cuts are those of trying all (seed ${seed})`, () => {
  const model = new Unigram({ vocab, unkId: 0 })
  const next = random(seed)
  for (let round = 0; round < 50; round++) {
    const text = Array.from({ length: 1 + Math.floor(next() * 8) }, () => 'ab'[Math.floor(next() * 2)]).join('')
    const all = cuts(text).sort((a, b) => b.score - a.score)
    const got = model.nbest(text, 5)
    expect(got.map(cut => cut.score.toFixed(6))).toEqual(all.slice(0, 5).map(cut => cut.score.toFixed(6)))
    const best = model.tokenize(text).reduce((sum, token) => sum + vocab[token.id][1], 0)
    expect(best).toBeCloseTo(all[0].score, 9)
  }
})

test(`cuts are drawn by their probability (seed ${seed})`, () => {
  for (const nbest of [-1, 100]) {
    const model = new Unigram({ vocab, unkId: 0, sampling: { alpha: 0.7, nbest, random: random(seed) } })
    const all = cuts('abab')
    const total = all.reduce((sum, cut) => sum + Math.exp(0.7 * cut.score), 0)
    const counts = new Map<string, number>()
    const draws = 20_000
    for (let i = 0; i < draws; i++) {
      const key = model
        .tokenize('abab')
        .map(token => token.value)
        .join(' ')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    for (const { pieces, score } of all) {
      const p = Math.exp(0.7 * score) / total
      // Five standard deviations: a chance of one in a million.
      const tolerance = 5 * Math.sqrt((p * (1 - p)) / draws)
      expect(Math.abs((counts.get(pieces.join(' ')) ?? 0) / draws - p)).toBeLessThan(tolerance)
    }
  }
})

test('unknown characters fuse, or fall back to bytes', () => {
  expect(new Unigram({ vocab, unkId: 0 }).tokenize('axyb').map(t => [t.id, t.value])).toEqual([
    [1, 'a'],
    [0, 'xy'],
    [2, 'b'],
  ])
  const bytes = Array.from(
    { length: 256 },
    (_, i) => [`<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`, -9] as const,
  )
  const model = new Unigram({ vocab: [...vocab, ...bytes], unkId: 0, byteFallback: true })
  expect(model.tokenize('aé').map(t => t.value)).toEqual(['a', '<0xC3>', '<0xA9>'])
  expect(() => new Unigram({ vocab }).tokenize('x')).toThrow(/unkId/)
})

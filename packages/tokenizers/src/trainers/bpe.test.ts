import { expect, test } from 'vitest'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import { corpora } from '../testing/corpora.ts'
import { random, seed } from '../testing/random.ts'
import { sharedData } from '../testing/shared-data.ts'
import { Tokenizer } from '../tokenizer.ts'
import { BpeTrainer } from './bpe.ts'

/** The rules without any bookkeeping: count all pairs anew before each merge. */
function naive(
  words: ReadonlyMap<string, number>,
  vocabSize: number,
  specialTokens: string[] = [],
): [string, string][] {
  const tokens = [...specialTokens]
  tokens.push(...[...new Set([...words.keys()].join(''))].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!))
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const split = [...words].map(([word, count]) => ({ symbols: [...word], count }))
  const merges: [string, string][] = []
  while (ids.size < vocabSize) {
    const counts = new Map<string, number>()
    for (const { symbols, count } of split) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const key = JSON.stringify([symbols[i], symbols[i + 1]])
        counts.set(key, (counts.get(key) ?? 0) + count)
      }
    }
    let best: { pair: [string, string]; count: number } | undefined
    for (const [key, count] of counts) {
      const pair = JSON.parse(key) as [string, string]
      const [a, b] = pair.map(token => ids.get(token)!)
      const [c, d] = best ? best.pair.map(token => ids.get(token)!) : [0, 0]
      if (!best || count > best.count || (count === best.count && (a < c || (a === c && b < d)))) best = { pair, count }
    }
    if (!best) break
    const [left, right] = best.pair
    merges.push(best.pair)
    if (!ids.has(left + right)) ids.set(left + right, ids.size)
    for (const word of split) {
      const next: string[] = []
      for (let i = 0; i < word.symbols.length; i++) {
        if (word.symbols[i] === left && word.symbols[i + 1] === right) {
          next.push(left + right)
          i++
        } else next.push(word.symbols[i])
      }
      word.symbols = next
    }
  }
  return merges
}

test(`merges of random words are those of counting anew (seed ${seed})`, () => {
  const next = random(seed)
  for (let round = 0; round < 30; round++) {
    const words = new Map<string, number>()
    for (let i = 0; i < 40; i++) {
      const word = Array.from({ length: 1 + Math.floor(next() * 9) }, () => 'abc'[Math.floor(next() * 3)]).join('')
      words.set(word, 1 + Math.floor(next() * 5))
    }
    const model = new BpeTrainer({ vocabSize: 60, specialTokens: ['<x>'] }).train(words)
    expect([...model.merges()]).toEqual(naive(words, 60, ['<x>']))
  }
})

test('a run of one letter is counted and merged as the rules say', () => {
  const model = new BpeTrainer({ vocabSize: 4 }).train(new Map([['aaaaaaa', 3]]))
  expect([...model.merges()]).toEqual(naive(new Map([['aaaaaaa', 3]]), 4))
})

test.skipIf(!sharedData).each(Object.entries(corpora))('%s, first 30 kB (needs the shared data)', async (_, read) => {
  const text = read().slice(0, 30_000)
  const tokenizer = await Tokenizer.train(text, { vocabSize: 400, specialTokens: ['<|endoftext|>'] })
  const words = new Map<string, number>()
  const bytesOf = new Tokenizer({ model: tokenizer.model, preTokenizer: new ByteLevel({ addPrefixSpace: false }) })
  const encoding = bytesOf.encode(text)
  for (let word = 0, at = 0; at < encoding.length; word++) {
    let spelled = ''
    while (at < encoding.length && encoding.wordIds[at] === word) spelled += encoding.tokens[at++]
    words.set(spelled, (words.get(spelled) ?? 0) + 1)
  }
  const expected = naive(words, 400 - 256 + new Set([...words.keys()].join('')).size)
  const { merges } = tokenizer.model.toJSON() as { merges: [string, string][] }
  // Ids differ (all 256 bytes are in the alphabet), their order does not: the bytes sort alike.
  expect(merges).toEqual(expected.slice(0, merges.length))
  expect(tokenizer.vocabSize).toBe(400)
  expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(text)
})

test('limits: minFrequency, limitAlphabet, initialAlphabet, progress', () => {
  const words = new Map([
    ['aab', 5],
    ['xy', 1],
  ])
  const progress: number[] = []
  const model = new BpeTrainer({
    vocabSize: 50,
    minFrequency: 2,
    limitAlphabet: 4,
    initialAlphabet: ['z'],
    onProgress: p => progress.push(p.done),
  }).train(words)
  expect([...model.vocab()].map(([token]) => token)).toEqual(['a', 'b', 'x', 'z', 'aa', 'aab'])
  expect(progress.at(-1)).toBe(6)
})

import { expect, test } from 'vitest'
import { RankEncoder } from './rank-encoder.ts'
import { fuzzString } from './testing/fuzz.ts'
import { random, seed } from './testing/random.ts'
import { readSharedText, sharedData } from './testing/shared-data.ts'
import { Tokenizer } from './tokenizer.ts'
import { textToBytes } from './unicode/byte-chars.ts'

/** GPT-2's ranks as a .tiktoken file. */
function gpt2Ranks(): Uint8Array {
  const vocab = JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz')) as Record<string, number>
  const lines = Object.entries(vocab)
    .filter(([token]) => token !== '<|endoftext|>')
    .sort((a, b) => a[1] - b[1])
    .map(([token, id]) => `${btoa(String.fromCharCode(...textToBytes(token)!))} ${id}`)
  return new TextEncoder().encode(lines.join('\n'))
}

test.skipIf(!sharedData)('GPT-2 from ranks alone has the ids of tiktoken (needs the shared data)', () => {
  const encoder = new RankEncoder(gpt2Ranks(), 'gpt2')
  const { texts, ids } = JSON.parse(readSharedText('reference/tokenizers/tiktoken.json.gz'))
  texts.forEach((text: string, i: number) => {
    expect([...encoder.encode(text)], text).toEqual(ids.gpt2[i])
    expect(encoder.count(text)).toBe(ids.gpt2[i].length)
    expect(encoder.decode(ids.gpt2[i])).toBe(text)
  })
})

test('ranks that lack bytes are refused', () => {
  expect(() => new RankEncoder(new TextEncoder().encode('IQ== 0'), 'gpt2')).toThrow(/256 bytes/)
})

test.skipIf(!sharedData)(
  `ids alone are those of the encoding with its tokens and offsets (seed ${seed}; needs the shared data)`,
  () => {
    const file = gpt2Ranks()
    const next = random(seed)
    // The encoding with offsets goes by the list of merges, ids alone by rank: short words, long ones, and the cache between.
    const vocab = JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz')) as Record<string, number>
    const tokenizer = Tokenizer.fromVocabAndMerges(vocab, readSharedText('tokenizers/gpt2/vocab.bpe.gz'))
    const encoder = new RankEncoder(file, 'gpt2')
    const fromRanks = Tokenizer.fromTiktoken(file, { pattern: 'gpt2' })
    const long = () =>
      Array.from({ length: 20 + Math.floor(next() * 400) }, () => 'ab日é'[Math.floor(next() * 4)]).join('')
    for (let round = 0; round < 1500; round++) {
      const text = fuzzString(next) + (round % 10 === 0 ? long() : '')
      const { ids } = tokenizer.encode(text)
      expect([...encoder.encode(text)], JSON.stringify(text)).toEqual(ids)
      expect([...tokenizer.encodeIds(text)], JSON.stringify(text)).toEqual(ids)
      expect(fromRanks.encode(text).ids, JSON.stringify(text)).toEqual(ids)
    }
  },
)

test.each([
  ['IQ== 0\nIQ== 1', /rank 1 has the bytes of another token/],
  ['IQ== 0\nIg== 0', /rank 0 is given to two tokens/],
  ['IQ==', /line 1: expected base64, a space and a rank, got IQ==/],
  ['IQ== 0\n!! 1', /line 2/],
  ['IQ== 0x', /line 1/],
  ['IQ== 2147483648', /line 1/],
  ['IQ== 0\nIg== 2147483647', /not near the number of tokens/],
  ['\n', /no ranks/],
])('ranks %j are refused', (file, message) => {
  expect(() => new RankEncoder(new TextEncoder().encode(file), 'gpt2')).toThrow(message)
})

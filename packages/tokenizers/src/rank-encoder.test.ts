import { expect, test } from 'vitest'
import { RankEncoder } from './rank-encoder.ts'
import { readSharedText, sharedData } from './testing/shared-data.ts'
import { textToBytes } from './unicode/byte-chars.ts'

test.skipIf(!sharedData)('GPT-2 from ranks alone has the ids of tiktoken (needs the shared data)', () => {
  const vocab = JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz')) as Record<string, number>
  const lines = Object.entries(vocab)
    .filter(([token]) => token !== '<|endoftext|>')
    .sort((a, b) => a[1] - b[1])
    .map(([token, id]) => `${btoa(String.fromCharCode(...textToBytes(token)!))} ${id}`)
  const encoder = new RankEncoder(new TextEncoder().encode(lines.join('\n')), 'gpt2')
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

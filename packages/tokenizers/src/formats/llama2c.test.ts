import { describe, expect, test } from 'vitest'
import { TokenizerFormatError } from '../errors.ts'
import { readShared, readSharedText, sharedData } from '../testing/shared-data.ts'
import { Tokenizer } from '../tokenizer.ts'

describe.skipIf(!sharedData)('llama2.c tokenizer.bin (needs the shared data)', () => {
  const load = () => Tokenizer.fromLlama2c(readShared('models/stories260K/tok512.bin'))
  type Case = { prompt: string; prompt_ids: number[]; greedy_ids: number[] }
  const cases = (): Case[] => JSON.parse(readSharedText('reference/stories260K/cases.json')).cases

  test('prompts have the ids of run.c', () => {
    const tokenizer = load()
    for (const { prompt, prompt_ids } of cases()) expect(tokenizer.encode(prompt).ids).toEqual(prompt_ids)
  })

  test('decoding gives the prompt back, without the space after <s>', () => {
    const tokenizer = load()
    for (const { prompt, prompt_ids } of cases()) expect(tokenizer.decode(prompt_ids)).toBe(prompt)
  })

  test('greedy ids decode to the start of the text that run.c printed', () => {
    const tokenizer = load()
    const { prompt_ids, greedy_ids } = cases()[0]
    const text = tokenizer.decode([...prompt_ids, ...greedy_ids])
    expect(readSharedText('reference/stories260K/expected_greedy_257.txt').startsWith(text)).toBe(true)
  })

  test('a stream after a prompt keeps the space of the next word', () => {
    const tokenizer = load()
    const { prompt, prompt_ids, greedy_ids } = cases()[1]
    const stream = tokenizer.decodeStream({ prompt: prompt_ids })
    const text = greedy_ids.map(id => stream.push(id)).join('') + stream.end()
    expect(prompt + text).toBe(tokenizer.decode([...prompt_ids, ...greedy_ids]))
    expect(text.startsWith(',')).toBe(true)
  })

  test('characters outside the vocabulary become their bytes, three ids up, and come back', () => {
    const tokenizer = load()
    const { ids } = tokenizer.encode('é😁', { addSpecialTokens: false })
    const bytes = [...new TextEncoder().encode('😁')].map(byte => byte + 3)
    expect(ids.slice(-4)).toEqual(bytes)
    expect(tokenizer.decode(ids)).toBe('é😁')
    expect(tokenizer.encode('é😁').offsets.slice(-4)).toEqual(Array(4).fill([1, 3]))
  })

  test('the control tokens written out are text', () => {
    const tokenizer = load()
    expect(tokenizer.encode('<s>', { addSpecialTokens: false }).ids).not.toContain(1)
    expect(tokenizer.encode('<s>', { addSpecialTokens: false, allowedSpecial: 'all' }).ids).toEqual([1])
  })

  test('as tokenizer.json it encodes the same', () => {
    const tokenizer = load()
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)))
    for (const { prompt, prompt_ids } of cases()) expect(again.encode(prompt).ids).toEqual(prompt_ids)
    expect(again.toJSON()).toEqual(tokenizer.toJSON())
  })
})

test('a file that is cut short or lies about a length is refused', () => {
  const bytes = new Uint8Array(12)
  new DataView(bytes.buffer).setInt32(8, 2 ** 31 - 1, true)
  expect(() => Tokenizer.fromLlama2c(bytes)).toThrow(TokenizerFormatError)
  expect(() => Tokenizer.fromLlama2c(bytes.subarray(0, 7))).toThrow(/ends inside a token/)
  expect(() => Tokenizer.fromLlama2c(new Uint8Array(2))).toThrow(/header/)
})

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addedToken } from './added/added-token.ts'
import { ByteLevelDecoder } from './decoders/byte-level.ts'
import { TokenizerFormatError } from './errors.ts'
import { BPE } from './models/bpe.ts'
import { ByteLevel } from './pretokenizers/byte-level.ts'
import { random, seed } from './testing/random.ts'
import { readSharedText, sharedData } from './testing/shared-data.ts'
import { Tokenizer } from './tokenizer.ts'

const sample = `It was the best of times, it was the worst of times.\n\n  Don't we'll  naïve façade 日本語 😁👩‍👩‍👧 12345 \t x\n`

const trained = () =>
  Tokenizer.train([sample, 'the times the times of the world'], { vocabSize: 300, specialTokens: ['<|endoftext|>'] })

test('encode and decode are inverse on any text', async () => {
  const tokenizer = await trained()
  for (const text of [sample, '', ' ', '\n', '\u0000', '\ufeffx', 'é', '🇫🇷🇫', 'a'.repeat(3000)]) {
    const encoding = tokenizer.encode(text)
    expect(tokenizer.decode(encoding.ids)).toBe(text)
    expect(encoding.ids.map(id => tokenizer.idToToken(id))).toEqual(encoding.tokens)
  }
  expect(tokenizer.decode(tokenizer.encode('a\ud800b').ids)).toBe('a\ufffdb')
})

test('offsets point into the text, whole characters for parts of them', async () => {
  const tokenizer = await trained()
  const encoding = tokenizer.encode('the 😺!')
  const pieces = encoding.offsets.map(([start, end]) => 'the 😺!'.slice(start, end))
  expect(pieces[0]).toBe('the')
  expect(pieces.at(-1)).toBe('!')
  expect(pieces.slice(1, -1).every(piece => piece === ' ' || piece === '😺' || piece === ' 😺')).toBe(true)
})

test(`a stream gives what decode gives, for ids in any order (seed ${seed})`, async () => {
  const tokenizer = await trained()
  const next = random(seed)
  for (let round = 0; round < 200; round++) {
    const ids = Array.from({ length: 1 + Math.floor(next() * 20) }, () => Math.floor(next() * 300))
    const stream = tokenizer.decodeStream()
    const pieces = ids.map(id => stream.push(id))
    expect(pieces.join('') + stream.end()).toBe(tokenizer.decode(ids))
  }
  const { ids } = tokenizer.encode('😁')
  const stream = tokenizer.decodeStream()
  expect(ids.map(id => stream.push(id)).filter(piece => piece !== '')).toEqual(['😁'])
})

test('special tokens in text are text unless allowed, and decode leaves them out', async () => {
  const tokenizer = await trained()
  const text = 'a<|endoftext|>b'
  const id = tokenizer.tokenToId('<|endoftext|>')!
  expect(tokenizer.encode(text).ids).not.toContain(id)
  expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(text)
  for (const allowedSpecial of ['all', ['<|endoftext|>']] as const) {
    const { ids, offsets } = tokenizer.encode(text, { allowedSpecial })
    expect(ids[1]).toBe(id)
    expect(offsets[1]).toEqual([1, 14])
    expect(tokenizer.decode(ids)).toBe('ab')
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text)
  }
  expect(tokenizer.encode(text, { allowedSpecial: ['<other>'] }).ids).not.toContain(id)
})

test('tokenizer.json: out and in again is the same, and save leaves no temporary file', async () => {
  const tokenizer = await trained()
  const dir = await mkdtemp(join(tmpdir(), 'cairn-tokenizer-'))
  try {
    const path = join(dir, 'tokenizer.json')
    await tokenizer.save(path)
    expect(await readdir(dir)).toEqual(['tokenizer.json'])
    const again = await Tokenizer.fromFile(path)
    expect(again.toJSON()).toEqual(JSON.parse(await readFile(path, 'utf8')))
    expect(again.encode(sample)).toEqual(tokenizer.encode(sample))
    await writeFile(path, '{"model":')
    await expect(Tokenizer.fromFile(path)).rejects.toThrow(TokenizerFormatError)
  } finally {
    await rm(dir, { recursive: true })
  }
})

test('truncation and padding', async () => {
  const tokenizer = await trained()
  const all = tokenizer.encode(sample)
  tokenizer.truncation = { maxLength: 10, stride: 3 }
  const cut = tokenizer.encode(sample)
  expect(cut.ids).toEqual(all.ids.slice(0, 10))
  expect(cut.overflowing[0].ids).toEqual(all.ids.slice(7, 17))
  expect(cut.overflowing.at(-1)!.ids.at(-1)).toBe(all.ids.at(-1))
  tokenizer.padding = { multipleOf: 8, padId: 5, padToken: 'x' }
  const [a, b] = tokenizer.encodeBatch(['the times', sample])
  expect(b.length).toBe(16)
  expect(a.ids.slice(-6)).toEqual([5, 5, 5, 5, 5, 5])
  expect(a.attentionMask.slice(-6)).toEqual([0, 0, 0, 0, 0, 0])
})

describe.skipIf(!sharedData)('GPT-2 (needs the shared data)', () => {
  const load = () => {
    const vocab = JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz')) as Record<string, number>
    const merges = readSharedText('tokenizers/gpt2/vocab.bpe.gz').split('\n').slice(1).filter(Boolean)
    return new Tokenizer({
      model: new BPE({ vocab: Object.entries(vocab), merges: merges.map(m => m.split(' ') as [string, string]) }),
      preTokenizer: new ByteLevel({ addPrefixSpace: false }),
      decoder: new ByteLevelDecoder(),
      addedTokens: [[50256, addedToken({ content: '<|endoftext|>', special: true })]],
    })
  }

  test('88 texts have the ids of tiktoken and come back', () => {
    const tokenizer = load()
    const { texts, ids } = JSON.parse(readSharedText('reference/tokenizers/tiktoken.json.gz'))
    texts.forEach((text: string, i: number) => {
      expect(tokenizer.encode(text).ids, text).toEqual(ids.gpt2[i])
      expect(tokenizer.decode(ids.gpt2[i])).toBe(text)
    })
  })
})

test('bad tokenizer.json is refused with the place that is wrong', () => {
  const refuse = (json: unknown, where: RegExp) => {
    expect(() => Tokenizer.fromJSON(json)).toThrow(TokenizerFormatError)
    expect(() => Tokenizer.fromJSON(json)).toThrow(where)
  }
  const bpe = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] }
  expect(Tokenizer.fromJSON({ model: bpe }).encode('ab').ids).toEqual([2])
  refuse([], /top level/)
  refuse({}, /model: expected an object, got nothing/)
  refuse({ model: { ...bpe, type: 'toString' } }, /model\.type/)
  refuse({ model: { ...bpe, vocab: { a: -1 } } }, /model\.vocab\["a"\]/)
  refuse({ model: { ...bpe, vocab: { a: 2 ** 31 - 1 } } }, /model\.vocab/)
  refuse({ model: { ...bpe, merges: [['a', 'x']] } }, /model\.merges\[0\]/)
  refuse({ model: { ...bpe, merges: [['a']] } }, /model\.merges\[0\]/)
  refuse({ model: bpe, decoder: { type: 'Strip', content: '', start: 1, stop: 0 } }, /decoder\.content/)
  refuse(
    { model: bpe, normalizer: { type: 'Sequence', normalizers: [{ type: 'no' }] } },
    /normalizer\.normalizers\[0\]/,
  )
})

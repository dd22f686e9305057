import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fuzzString } from '../testing/fuzz.ts'
import { random, seed } from '../testing/random.ts'
import { Tokenizer } from '../tokenizer.ts'
import { TokenizerPool } from './pool.ts'

let json: unknown
let texts: string[]

beforeAll(async () => {
  const next = random(seed)
  // Enough for several runs on each worker: one long text, many short ones, an empty one.
  texts = ['', ...Array.from({ length: 3000 }, () => fuzzString(next)), 'the cat sat on the mat. '.repeat(6000)]
  const trained = await Tokenizer.train(texts.slice(0, 300), { vocabSize: 400, specialTokens: ['<x>', '[MASK]'] })
  trained.padding = { direction: 'right' }
  json = JSON.parse(JSON.stringify(trained))
})

describe.each([0, 1, 2])('%s workers', threads => {
  let pool: TokenizerPool
  beforeAll(() => {
    pool = new TokenizerPool({ json }, { threads })
  })
  afterAll(() => pool.close())

  test(`ids are those of one thread (seed ${seed})`, async () => {
    const alone = Tokenizer.fromJSON(json)
    const options = { allowedSpecial: new Set(['<x>']) }
    const [some, all] = await Promise.all([pool.encodeIds(texts, options), pool.encodeIds(texts.slice(0, 50))])
    expect(some).toEqual(texts.map(text => alone.encodeIds(text, options)))
    expect(all).toEqual(texts.slice(0, 50).map(text => alone.encodeIds(text)))
    expect(await pool.encodeIds([])).toEqual([])
    expect(pool.size).toBe(threads)
  })

  test(`encodings too, with windows and padding (seed ${seed})`, async () => {
    const alone = Tokenizer.fromJSON(json)
    const batch = texts.slice(0, 400)
    pool.tokenizer.truncation = alone.truncation = { maxLength: 12, stride: 2 }
    const encodings = await pool.encodeBatch(batch)
    expect(encodings).toEqual(alone.encodeBatch(batch))
    expect(encodings.some(({ overflowing }) => overflowing.length > 0)).toBe(true)
    expect(pool.tokenizer.padding).not.toBeNull()
    pool.tokenizer.truncation = null
  })
})

test('what a worker cannot do is said, and a closed pool does nothing', async () => {
  const noUnknown = { model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: '?' } }
  const pool = new TokenizerPool({ json: noUnknown }, { threads: 1 })
  expect((await pool.encodeIds(['a']))[0]).toEqual(Uint32Array.of(0))
  await expect(pool.encodeIds(['b'])).rejects.toThrow(/unknown/)
  await pool.close()
  await expect(pool.encodeIds(['a'])).rejects.toThrow(/closed; make another/)
})

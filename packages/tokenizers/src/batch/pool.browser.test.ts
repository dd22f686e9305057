// The pool on a browser's workers, which the page's bundler starts.
import { expect, test } from 'vitest'
import { Tokenizer } from '../tokenizer.ts'
import { TokenizerPool } from './pool.ts'

const createWorker = () => new Worker(new URL('../worker.ts', import.meta.url), { type: 'module' })

test('ids and encodings are those of one thread', async () => {
  const texts = Array.from({ length: 500 }, (_, i) => `text number ${i}: ${'naïve 日本語 😁 '.repeat(i % 40)}`)
  const json = JSON.parse(JSON.stringify(await Tokenizer.train(texts, { vocabSize: 330 })))
  const alone = Tokenizer.fromJSON(json)
  await using pool = new TokenizerPool({ json }, { threads: 2, createWorker })
  expect(await pool.encodeIds(texts)).toEqual(texts.map(text => alone.encodeIds(text)))
  expect(await pool.encodeBatch(texts)).toEqual(alone.encodeBatch(texts))
})

test('without a way to start workers it says how, or does without', async () => {
  const json = { model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: '?' } }
  expect(() => new TokenizerPool({ json })).toThrow(/createWorker: \(\) => new Worker/)
  expect(await new TokenizerPool({ json }, { threads: 0 }).encodeIds(['a'])).toEqual([Uint32Array.of(0)])
})

test('a worker that cannot start fails what waits for it', async () => {
  const json = { model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: '?' } }
  const broken = () => new Worker('data:text/javascript,throw new Error("no")')
  const pool = new TokenizerPool({ json }, { threads: 1, createWorker: broken })
  await expect(pool.encodeIds(['a'])).rejects.toThrow(/a worker died/)
  await pool.close()
})

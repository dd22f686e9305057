// The store in a browser: SQLite in a worker over the private file system, through every test that stores pass.
import { expect, test } from 'vitest'
import { RagArgumentError, RagError } from '../../errors.ts'
import type { Store } from '../store.ts'
import { storeSuite } from '../testing/suite.ts'
import { openBrowserStore } from './index.ts'

const worker = () => new Worker(new URL('./testing/worker.ts', import.meta.url), { type: 'module' })
const run = crypto.randomUUID()
let count = 0

storeSuite('sqlite in a browser', () => openBrowserStore(worker(), `${run} ${count++}`, { dimensions: 3 }))
storeSuite('sqlite in the memory of a browser', () => openBrowserStore(worker(), ':memory:', { dimensions: 3 }))

const document = (i: number) => ({
  id: `d${i}`,
  chunks: [{ text: `passage ${i} of whales`, span: [0, 20] as const, vector: [1, i, 0] }],
})

test('what was written is there in the next worker, whether the last one closed or was ended', async () => {
  const name = `${run} again`
  const first = await openBrowserStore(worker(), name, { dimensions: 3, snapshotEvery: 5 })
  await first.put(Array.from({ length: 12 }, (_, i) => document(i)))
  await expect(openBrowserStore(worker(), name)).rejects.toThrow()
  await first.close()

  const killed = worker()
  const second = await openBrowserStore(killed, name)
  await second.put([document(12)])
  killed.terminate()

  // The browser frees the files of an ended worker a moment later.
  const reopen = async (tries = 100): Promise<Store> => {
    try {
      return await openBrowserStore(worker(), name)
    } catch (error) {
      if (tries === 0) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
      return reopen(tries - 1)
    }
  }
  await using third = await reopen()
  expect(await third.statistics()).toEqual({ documents: 13, versions: 13, chunks: 13 })
  expect((await third.search({ vector: [1, 12, 0], k: 1, access: 'unrestricted' })).map(hit => hit.id)).toEqual(['d12'])
  expect(await third.search({ text: 'whales', k: 50, access: 'unrestricted' })).toHaveLength(13)
  expect(await third.verify()).toEqual([])
})

test('errors come over with their class and fields', async () => {
  await using store = await openBrowserStore(worker(), ':memory:', { dimensions: 3 })
  await expect(store.search({ vector: [1, 2] })).rejects.toThrow(RagArgumentError)
  await store.close()
  await expect(store.search({ text: 'whales' })).rejects.toThrow(RagError)
  await expect(openBrowserStore(worker(), ':memory:', { dimensions: -1 })).rejects.toThrow(RagArgumentError)
})

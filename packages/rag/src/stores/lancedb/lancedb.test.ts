import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { storeSuite } from '../testing/suite.ts'
import { openLanceStore } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'cairn-lance-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

storeSuite('lancedb', () => openLanceStore(join(folder, String(count++)), { dimensions: 3 }))

test('a table is found again, and refused with other settings', async () => {
  const path = join(folder, 'again')
  {
    await using store = await openLanceStore(path, { dimensions: 3 })
    await store.put([
      { id: 'a', metadata: { year: 7 }, chunks: [{ text: 'some words', span: [0, 10], vector: [1, 2, 3] }] },
    ])
  }
  await using store = await openLanceStore(path, { dimensions: 3 })
  expect((await store.search({ text: 'word', filter: { field: 'year', gte: 7 } })).map(hit => hit.id)).toEqual(['a'])
  await expect(openLanceStore(path, { dimensions: 4 })).rejects.toThrow(/other settings/)
})

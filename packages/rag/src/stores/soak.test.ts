import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { RagArgumentError } from '../errors.ts'
import { openMemoryStore } from './memory.ts'
import { openSqliteStore } from './sqlite/index.ts'
import { DIMENSIONS } from './sqlite/testing/load.ts'
import { SOAK_DIMENSIONS, soak } from './testing/soak.ts'

const folder = mkdtempSync(join(tmpdir(), 'cairn-soak-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const seed = Date.now() % 1e6

test(`memory: a thousand changes and searches equal a brute-force twin (seed ${seed})`, async () => {
  await soak(await openMemoryStore({ dimensions: SOAK_DIMENSIONS }), { steps: 1000, seed })
})

test(`sqlite: the same, with the file closed and opened between (seed ${seed})`, { timeout: 60_000 }, async () => {
  const path = join(folder, 'soak.db')
  const open = () => openSqliteStore(path, { dimensions: SOAK_DIMENSIONS, snapshotEvery: 40 })
  const store = await soak(await open(), {
    steps: 500,
    seed,
    reopen: async old => {
      await old.close()
      return open()
    },
  })
  await store.close()
})

test('readers in other processes see whole documents while one writes', { timeout: 60_000 }, async () => {
  const path = join(folder, 'shared.db')
  await (await openSqliteStore(path, { dimensions: DIMENSIONS })).close()
  const writer = fileURLToPath(new URL('./sqlite/testing/writer.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@cairn/source', writer, path, '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    const readers = await Promise.all([1, 2].map(() => openSqliteStore(path, { readOnly: true })))
    let seen = 0
    for (let round = 0; round < 60; round++)
      for (const reader of readers) {
        const hits = await reader.search(
          round % 2 ? { text: 'chunk', k: 3 } : { vector: new Array(DIMENSIONS).fill(1), k: 3 },
        )
        for (const { id, version, text, metadata } of hits) {
          seen++
          expect(text).toMatch(new RegExp(`^operation${metadata.operation} chunk`))
          const document = await reader.get(id)
          // It may have gone or changed since, as a whole.
          if (document && document.version === version)
            for (const chunk of document.chunks)
              expect(chunk.text).toMatch(new RegExp(`^operation${document.metadata!.operation} `))
        }
      }
    expect(seen).toBeGreaterThan(50)
    await expect(readers[0].delete(['doc1'])).rejects.toThrow(RagArgumentError)
    for (const reader of readers) await reader.close()
  } finally {
    child.kill('SIGKILL')
  }
})

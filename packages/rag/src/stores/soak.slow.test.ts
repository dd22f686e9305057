import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { openMemoryStore } from './memory.ts'
import { openSqliteStore } from './sqlite/index.ts'
import { SOAK_DIMENSIONS, soak } from './testing/soak.ts'

const folder = mkdtempSync(join(tmpdir(), 'cairn-soak-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const seed = Date.now() % 1e6

// An hour at a hundred operations a second, and at ten with the disk in between.
test(`memory: 360,000 changes and searches equal a brute-force twin (seed ${seed})`, {
  timeout: 3_600_000,
}, async () => {
  await soak(await openMemoryStore({ dimensions: SOAK_DIMENSIONS }), { steps: 360_000, seed })
})

test(`sqlite: 36,000, with the file closed and opened between (seed ${seed})`, { timeout: 3_600_000 }, async () => {
  const path = join(folder, 'soak.db')
  const open = () => openSqliteStore(path, { dimensions: SOAK_DIMENSIONS, snapshotEvery: 200 })
  const reopen = async (old: { close(): Promise<void> }) => {
    await old.close()
    return open()
  }
  await (await soak(await open(), { steps: 36_000, seed, reopen })).close()
})

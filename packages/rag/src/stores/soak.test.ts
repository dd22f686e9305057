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

test('readers in processes of their own see whole documents while a third process writes', {
  timeout: 120_000,
}, async () => {
  const path = join(folder, 'shared.db')
  await (await openSqliteStore(path, { dimensions: DIMENSIONS })).close()
  const start = (name: string, ...args: string[]) =>
    spawn(
      process.execPath,
      [
        '--conditions=@cairn/source',
        fileURLToPath(new URL(`./sqlite/testing/${name}`, import.meta.url)),
        path,
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
  const writer = start('writer.ts', '1')
  const readers = [1, 2, 3].map(() => start('reader.ts', '40'))
  try {
    const ends = readers.map(async reader => {
      let [output, complaints] = ['', '']
      reader.stdout.on('data', (bytes: Buffer) => {
        output += bytes.toString()
      })
      reader.stderr.on('data', (bytes: Buffer) => {
        complaints += bytes.toString()
      })
      const [code] = await once(reader, 'close')
      return { code, complaints, output }
    })
    // A writer that ends by itself would leave the readers waiting.
    const died = once(writer, 'close').then(([code]) => [
      { code: `the writer ended: ${code}`, complaints: '', output: '' },
    ])
    writer.stdout.resume()
    for (const { code, complaints, output } of await Promise.race([Promise.all(ends), died])) {
      expect(complaints.replace(/^.*Warning.*$/gm, '').trim()).toBe('')
      expect(code).toBe(0)
      expect(JSON.parse(output).operations).toBeGreaterThanOrEqual(40)
    }
    await using here = await openSqliteStore(path, { readOnly: true })
    await expect(here.delete(['doc1'])).rejects.toThrow(RagArgumentError)
  } finally {
    for (const child of [writer, ...readers]) child.kill('SIGKILL')
  }
})

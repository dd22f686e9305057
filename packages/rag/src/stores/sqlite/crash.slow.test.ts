import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openSqliteStore } from './index.ts'
import { checkSeal } from './seal.ts'
import { crash } from './testing/crash.ts'
import { DIMENSIONS, operation } from './testing/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'cairn-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const seed = Date.now() % 1e6

test(
  `a writer killed at 200 random moments loses nothing that was acknowledged (seed ${seed})`,
  { timeout: 1_800_000 },
  () => crash(join(folder, 'crash.db'), 200, seed),
)

test('each single byte of a closed file is covered by its seal', { timeout: 1_800_000 }, async () => {
  const path = join(folder, 'sound.db')
  {
    await using store = await openSqliteStore(path, { dimensions: DIMENSIONS })
    const step = operation(1)
    if ('put' in step) await store.put(step.put)
  }
  const bytes = readFileSync(path)
  const flipped = join(folder, 'flipped.db')
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] ^= 1
    writeFileSync(flipped, bytes)
    bytes[at] ^= 1
    expect((await checkSeal(flipped)).damage.length, `byte ${at}`).toBe(1)
  }
})

// Texts that are kept in the user's cache folder. Whole files are tested where they are used (safetensors.test.ts).

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readKept, writeKept } from './files.ts'

const folder = await mkdtemp(join(tmpdir(), 'cairn-kept-'))
const before = process.env.XDG_CACHE_HOME
afterAll(async () => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME
  else process.env.XDG_CACHE_HOME = before
  await rm(folder, { recursive: true, force: true })
})

test('XDG_CACHE_HOME moves the cache folder, a place of its own names another', async () => {
  process.env.XDG_CACHE_HOME = folder
  expect(await readKept('a.json')).toBe(undefined)
  await writeKept('a.json', 'in the cache')
  expect(await readFile(join(folder, 'cairn/a.json'), 'utf8')).toBe('in the cache')
  await writeKept('a.json', 'elsewhere', join(folder, 'other'))
  expect(await readKept('a.json', join(folder, 'other'))).toBe('elsewhere')
  expect(await readKept('a.json')).toBe('in the cache')
  // a file where a folder should be is nothing that can be read
  expect(await readKept('b.json', join(folder, 'cairn/a.json'))).toBe(undefined)
  await expect(writeKept('b.json', 'x', join(folder, 'cairn/a.json'))).rejects.toThrow()
})

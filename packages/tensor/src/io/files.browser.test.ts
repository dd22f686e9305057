// Texts that a page keeps, in Cache Storage.

import { expect, test } from 'vitest'
import { readKept, writeKept } from './files.ts'

test('what was kept is there again, by place and name', async () => {
  const place = `cairn test ${Math.random()}`
  expect(await readKept('a b/c.json', place)).toBe(undefined)
  await writeKept('a b/c.json', '{"a": 1}', place)
  await writeKept('a b/c.json', '{"a": 2}', place)
  expect(await readKept('a b/c.json', place)).toBe('{"a": 2}')
  expect(await readKept('other.json', place)).toBe(undefined)
  await caches.delete(place)
})

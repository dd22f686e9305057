// A process that searches a file while another writes it: `reader.ts <file> <operations>`. It ends by itself, with a line of what it
// saw, once what it found comes from so many different operations; with an error at the first document that is not whole.

import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { openSqliteStore } from '../index.ts'
import { DIMENSIONS, operation } from './load.ts'

const [path, wanted] = process.argv.slice(2)
await using store = await openSqliteStore(path, { readOnly: true })
const seen = new Set<number>()
let newest = 0
let searches = 0
while (seen.size < Number(wanted)) {
  searches++
  const hits = await store.search(
    searches % 2
      ? { text: 'chunk', k: 10, access: 'unrestricted' }
      : { vector: new Array(DIMENSIONS).fill(Math.sin(searches)).with(0, 1), k: 10, access: 'unrestricted' },
  )
  for (const { id, version, chunk, text } of hits) {
    const number = Number(/^operation(\d+) /.exec(text)?.[1])
    const step = operation(number)
    const written = 'put' in step ? step.put.find(document => document.id === id) : undefined
    assert.equal(text, written?.chunks[chunk].text, `operation ${number} did not write chunk ${chunk} of ${id}`)
    seen.add(number)
    newest = Math.max(newest, number)
    // It may have gone or changed since, as a whole.
    const document = await store.get(id, { access: 'unrestricted' })
    if (document?.version !== version) continue
    const now = operation(document.metadata!.operation as number)
    const whole = 'put' in now ? now.put.find(other => other.id === id) : undefined
    assert.deepEqual(
      document.chunks.map(({ text }) => text),
      whole?.chunks.map(({ text }) => text),
    )
  }
  await setImmediate()
}
writeSync(1, `${JSON.stringify({ searches, operations: seen.size, newest })}\n`)

// A process that writes until it is killed: `writer.ts <file> <first operation>`. Each number on its output is an operation that
// the store has acknowledged.

import { writeSync } from 'node:fs'
import { openSqliteStore } from '../index.ts'
import { DIMENSIONS, operation } from './load.ts'

const [path, first] = process.argv.slice(2)
const store = await openSqliteStore(path, { dimensions: DIMENSIONS, snapshotEvery: 60 })
writeSync(1, 'open\n')
for (let n = Number(first); ; n++) {
  const step = operation(n)
  if ('delete' in step) await store.delete(step.delete)
  else await store.put(step.put)
  writeSync(1, `${n}\n`)
}

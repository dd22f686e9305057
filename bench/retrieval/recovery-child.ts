// The processes of the recovery bench: `write <file> <passages> <each> <of>` kills itself when all is acknowledged, `recover <file>` opens
// and searches, then kills itself too, so that the next one finds the file and its log as the writer left them.

import { writeSync } from 'node:fs'
import { openSqliteStore } from '@cairn/rag/sqlite'
import { collection } from './lexical.ts'

const [what, path = '', passages = '0', each = '1', of = ''] = process.argv.slice(2)
const dimensions = 384

/** What documents of a company have: who may see them, since when they hold, and where in its file a passage stands. */
const owned = (first: number) => ({ principals: ['staff', `group ${first % 20}`], validFrom: 1.7e12 + first })
const placed = (passage: number) => ({ line: 1 + (passage % 400), headings: ['A chapter'] })

/** Numbers in [-1, 1) of a passage, near those of its neighbours: what matters here is their number, not what they are. */
function vectorOf(passage: number): Float32Array {
  const cluster = Math.floor(passage / 50)
  return Float32Array.from(
    { length: dimensions },
    (_, i) => Math.sin(cluster * 12.9898 + i * 78.233) + 0.3 * Math.sin(passage * 0.7 + i * i),
  )
}

if (what === 'write') {
  const store = await openSqliteStore(path, { dimensions, hnsw: { efConstruction: 20 } })
  const count = Number(passages)
  const { documents } = collection(count)
  let done = 0
  while (done < count) {
    const from = done
    const batch = Array.from({ length: Math.min(100, Math.ceil((count - from) / Number(each))) }, (_, i) => {
      const first = from + i * Number(each)
      return {
        id: `document${first}`,
        title: `Document ${first}`,
        metadata: { part: first % 7 },
        ...(of === 'owned' && owned(first)),
        chunks: documents.slice(first, first + Number(each)).map(({ text }, j) => ({
          text,
          span: [j * 1000, j * 1000 + text.length] as const,
          vector: vectorOf(first + j),
          ...(of === 'owned' && { metadata: placed(first + j) }),
        })),
      }
    })
    await store.put(batch)
    done = Math.min(count, from + batch.length * Number(each))
    if (done >= count) {
      writeSync(1, `acknowledged ${done}`)
      process.kill(process.pid, 'SIGKILL')
    }
  }
} else {
  const { queries } = collection(2)
  // The code is loaded before the clock starts.
  await (await openSqliteStore(':memory:', { dimensions })).close()
  const used = process.threadCpuUsage()
  const begin = performance.now()
  const store = await openSqliteStore(path, { readOnly: process.argv.includes('--read-only') })
  const open = performance.now() - begin
  const byWords = await store.search({ text: queries[0]!, access: ['staff'] })
  const words = performance.now() - begin
  const byVector = await store.search({ vector: vectorOf(77_777), access: ['staff'] })
  const vectors = performance.now() - begin
  const { user, system } = process.threadCpuUsage(used)
  if (byWords.length === 0 || !(byVector[0]!.score > 0.999)) throw new Error('a question was not answered')
  writeSync(1, JSON.stringify({ open, words, vectors, processor: (user + system) / 1000 }))
  // A process that ends by itself takes the log away.
  process.kill(process.pid, 'SIGKILL')
}

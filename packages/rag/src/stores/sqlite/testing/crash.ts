// Kills a writing process at random moments and looks at what it leaves.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { random } from '../../../dense/testing/data.ts'
import type { Store } from '../../store.ts'
import { openSqliteStore } from '../index.ts'
import { DIMENSIONS, stateAfter } from './load.ts'

const writer = fileURLToPath(new URL('./writer.ts', import.meta.url))

/** Starts the writer and kills it `delay` ms after it has opened the file. @returns the last operation acknowledged, or `first - 1` */
function writeUntilKilled(path: string, first: number, delay: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(process.execPath, ['--conditions=@cairn/source', writer, path, String(first)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let complaints = ''
  child.stdout.on('data', (bytes: Buffer) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), delay)
    output += bytes.toString()
  })
  child.stderr.on('data', (bytes: Buffer) => {
    complaints += bytes.toString()
  })
  child.on('error', reject)
  child.on('close', (code, signal) => {
    if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself (${code}): ${complaints}`))
    const lines = output.split('\n')
    // What follows the last line end may be half a number.
    const acknowledged = lines
      .slice(0, -1)
      .filter(line => /^\d+$/.test(line))
      .map(Number)
    resolve(acknowledged.at(-1) ?? first - 1)
  })
  return promise
}

/** Whether the store holds exactly what it held after n operations; a document that is torn is an error. */
async function holds(store: Store, n: number): Promise<boolean> {
  const state = stateAfter(n)
  if ((await store.statistics()).documents !== state.size) return false
  for (const [id, document] of state) {
    const found = await store.get(id)
    if (!found || found.metadata?.operation !== document.metadata?.operation) return false
    expect(found.chunks).toEqual(document.chunks.map(({ text, span }) => ({ text, span })))
  }
  return true
}

/** Kills `times` writers of one file and checks it after each. */
export async function crash(path: string, times: number, seed: number): Promise<void> {
  const next = random(seed)
  let done = 0
  for (let round = 0; round < times; round++) {
    const acknowledged = await writeUntilKilled(path, done + 1, next() ** 2 * 400)
    const where = `seed ${seed}, round ${round}, acknowledged ${acknowledged}`
    const store = await openSqliteStore(path, {
      dimensions: DIMENSIONS,
      onDamage: ({ what, problem }) => expect.fail(`${where}: ${what}: ${problem}`),
    })
    expect(await store.verify(), where).toEqual([])
    // The operation under way when the signal came was never acknowledged: it is there as a whole or not at all.
    if (await holds(store, acknowledged)) done = acknowledged
    else {
      expect(await holds(store, acknowledged + 1), where).toBe(true)
      done = acknowledged + 1
    }
    for (const { id, metadata } of [...stateAfter(done).values()].slice(0, 8)) {
      const hits = await store.search({ text: `operation${metadata!.operation}` })
      expect(new Set(hits.map(hit => hit.id)), where).toContain(id)
      const vector = stateAfter(done).get(id)!.chunks[0].vector!
      expect((await store.search({ vector, k: 1 }))[0].score, where).toBeCloseTo(1, 5)
    }
    // Some rounds go on from a file that was closed, most from one that was not.
    if (round % 4 === 0) await store.close()
    else (store as unknown as { db: { close(): void } }).db.close()
  }
}

// Workers that die, pools whose workers never start, processes that end: Node only.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arena, countItems, kernel } from './fixtures.ts'
import { WorkerDiedError, workerSource } from './index.ts'

let folder: string
const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text)
  return pathToFileURL(join(folder, name)).href
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-pool-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The worker's program, whose kernels may import test.exit. */
const mortal = `
  const { Instance } = WebAssembly
  const test = { exit: () => process.exit(7) }
  WebAssembly.Instance = function (module, imports) { return new Instance(module, { ...imports, test }) }
  ${workerSource}`

describe.each([2, 3])('%i threads, one of which dies', threads => {
  const setUp = async () => {
    const workerUrl = await file('mortal.cjs', mortal)
    const made = await arena({ threads, workerUrl })
    const { pool, words, alloc, params, tape } = made
    const counts = alloc(400)
    const step = (index: number) => ({ kernel: index, params: params(counts, 1), items: 100, grain: 1 })
    const good = step(pool.addKernel(countItems()))
    const exit = step(
      pool.addKernel(kernel((f, _p, _b, _e, _s, effect) => f.call(effect!), { effect: ['test', 'exit'] })),
    )
    return {
      ...made,
      counts: () => words().slice(counts / 4, counts / 4 + 100),
      good: tape([good]),
      exit: tape([good, exit, good]),
    }
  }

  it('fails the run under way, starts new workers and carries on', async () => {
    const { pool, good, exit, counts } = await setUp()
    await using _ = pool
    await pool.run(good, 1)
    const ends = await Promise.allSettled([
      pool.run(good, 1),
      pool.run(exit, 3),
      pool.run(good, 1),
      pool.run(exit, 3),
      pool.run(good, 1),
    ])
    expect(ends.map(end => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    const { reason } = ends[1] as PromiseRejectedResult
    expect(reason).toBeInstanceOf(WorkerDiedError)
    expect(reason.thread).toBeLessThan(threads)
    expect(reason.message).toMatch(/^run: worker \d died: exit code 7/)
    expect(counts()).toEqual(new Int32Array(100).fill(6))
    await pool.run(good, 1)
    expect(counts()).toEqual(new Int32Array(100).fill(7))
  })

  it('restarts for runs that come later, with kernels that came meanwhile', async () => {
    const { pool, good, exit, counts, alloc, words, params, run } = await setUp()
    await using _ = pool
    for (let i = 0; i < 3; i++) {
      await expect(pool.run(exit, 3)).rejects.toThrow(WorkerDiedError)
      const late = alloc(400)
      const index = pool.addKernel(countItems())
      await run([{ kernel: index, params: params(late, 1), items: 100, grain: 1 }])
      expect(words()[late / 4 + 99]).toBe(1)
      pool.removeKernel(index)
    }
    await pool.run(good, 1)
    expect(counts()[50]).toBe(4)
  })

  it('can be disposed at once', async () => {
    const { pool, good, exit } = await setUp()
    const runs = [pool.run(exit, 3), pool.run(good, 1)]
    await pool.dispose()
    const ends = await Promise.allSettled(runs)
    expect(ends.map(end => end.status)).toEqual(['rejected', 'fulfilled'])
  })
})

describe('a worker that', () => {
  it('dies of an error outside of a kernel is replaced at the next run', async () => {
    // Throws when the message comes that brings a kernel; the environment is shared and tells the next worker not to.
    const workerUrl = await file(
      'once.cjs',
      `const { parentPort } = require('node:worker_threads')
      const { on } = parentPort
      let messages = 0
      parentPort.on = (name, receive) => on.call(parentPort, name, message => {
        if (++messages === 2 && !process.env.CAIRN_TEST_DIED) {
          process.env.CAIRN_TEST_DIED = '1'
          throw new Error('on purpose')
        }
        receive(message)
      })
      ${workerSource}`,
    )
    try {
      const { pool, run, words, alloc, params } = await arena({ workerUrl })
      await using _ = pool
      const counts = alloc(40)
      const step = { kernel: pool.addKernel(countItems()), params: params(counts, 1), items: 10, grain: 1 }
      await expect(run([step])).rejects.toThrow(/died: Error: on purpose/)
      const before = words()[counts / 4 + 9]
      await run([step])
      expect(words()[counts / 4 + 9]).toBe(before + 1)
    } finally {
      delete process.env.CAIRN_TEST_DIED
    }
  })

  it('throws at load makes start reject', async () => {
    const workerUrl = await file('broken.cjs', 'throw new Error("no worker today")')
    await expect(arena({ workerUrl })).rejects.toThrow(/worker \d died: Error: no worker today/)
    await expect(arena({ workerUrl: pathToFileURL(join(folder, 'missing.js')) })).rejects.toThrow(WorkerDiedError)
  })

  it('cannot be started again makes the runs reject, until it can', async () => {
    const name = 'flaky.cjs'
    const workerUrl = await file(name, mortal)
    const { pool, tape } = await arena({ workerUrl })
    await using _ = pool
    const effect = ['test', 'exit'] as const
    const exit = pool.addKernel(kernel((f, _p, _b, _e, _s, call) => f.call(call!), { effect }))
    const at = tape([{ kernel: exit, params: 0, items: 1, grain: 1 }])
    await file(name, 'throw new Error("gone")')
    const ends = await Promise.allSettled([pool.run(at, 1), pool.run(at, 0), pool.run(at, 0)])
    expect(ends.map(end => end.status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(String((ends[2] as PromiseRejectedResult).reason)).toMatch('Error: gone')
    await expect(pool.run(at, 0)).rejects.toThrow('Error: gone')
    await file(name, mortal)
    await pool.run(at, 0)
  })
})

describe('a process with a pool', () => {
  const run = async (script: string) => {
    const source = `
      import { arena, countItems } from ${JSON.stringify(new URL('./fixtures.ts', import.meta.url).href)}
      const { pool, run, words, alloc, params } = await arena({ threads: 2 })
      const counts = alloc(40)
      const step = { kernel: pool.addKernel(countItems()), params: params(counts, 1), items: 10, grain: 1 }
      ${script}`
    const args = ['--conditions=@cairn/source', '--input-type=module', '--eval', source]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 })
    return stdout.trim()
  }

  it('ends by itself, pool not disposed', async () => {
    expect(await run(`await run([step]); await run([step, step]); console.log(words()[counts / 4])`)).toBe('3')
  })

  it('lives as long as a run is under way', async () => {
    const steps = 'Array.from({ length: 20_000 }, () => step)'
    const big = `const { pool: b, run: r, params: p, words: w, alloc: a } = await arena({ threads: 2, pages: 64 })
      const c = a(40), k = b.addKernel(countItems()), s = { kernel: k, params: p(c, 1), items: 10, grain: 1 }`
    const script = `${big}; r(${steps.replace('step)', 's)')}).then(() => console.log(w()[c / 4]))`
    expect(await run(script)).toBe('20000')
  })

  it('ends when its pool is disposed', async () => {
    expect(await run(`{ await using p = pool; await run([step]) } console.log(words()[counts / 4])`)).toBe('1')
  })
})

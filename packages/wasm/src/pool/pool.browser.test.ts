// The pool on Web Workers. What does not depend on the host is tested in pool.test.ts.

import { afterEach, describe, expect, it } from 'vitest'
import { type Arena, arena, countItems, shiftAndAddOne, trapAt } from './fixtures.ts'
import { KernelTrapError, WorkerDiedError, workerSource } from './index.ts'

const open: Arena[] = []
async function start(options: Parameters<typeof arena>[0] = {}): Promise<Arena> {
  const made = await arena(options)
  open.push(made)
  return made
}
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ pool }) => pool.dispose()))
})

describe.each([1, 2, 4])('%i threads in a browser', threads => {
  it('run step after step, and run after run', async () => {
    const { pool, tape, words, alloc, params } = await start({ threads })
    expect(pool.inline).toBe(threads === 1)
    const n = 37
    const [a, b] = [alloc(n * 4), alloc(n * 4)]
    const shift = pool.addKernel(shiftAndAddOne())
    const blocks = [params(a, b, n, 5), params(b, a, n, 11)]
    const steps = Array.from({ length: 500 }, (_, i) => ({
      kernel: shift,
      params: blocks[i % 2],
      items: n,
      grain: i % 7 ? 2 : n,
    }))
    const at = tape(steps)
    await Promise.all(Array.from({ length: 30 }, () => pool.run(at, steps.length)))
    expect(words().slice(a / 4, a / 4 + n)).toEqual(new Int32Array(n).fill(30 * 500))
  })

  it('take kernels up later, see memory grow, and survive a trap', async () => {
    const { pool, memory, run, words, alloc, params } = await start({ threads, pages: 2 })
    await run([])
    const trap = pool.addKernel(trapAt(), 'trapAt')
    await expect(run([{ kernel: trap, params: 3, items: 10, grain: 1 }])).rejects.toThrow(KernelTrapError)
    memory.grow(4)
    const counts = alloc(4 * 40_000)
    const count = pool.addKernel(countItems())
    await run([{ kernel: count, params: params(counts, 1), items: 40_000, grain: 1 }])
    expect(words().slice(counts / 4, counts / 4 + 40_000)).toEqual(new Int32Array(40_000).fill(1))
  })
})

describe('a worker in a browser', () => {
  it('can come from a URL', async () => {
    const workerUrl = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
    const { pool, run } = await start({ workerUrl })
    expect(pool.inline).toBe(false)
    await run([])
  })

  it('that cannot be loaded makes start reject', async () => {
    await expect(start({ workerUrl: '/there-is-no-such-worker.js' })).rejects.toThrow(WorkerDiedError)
  })

  it('that throws is replaced at the next run', async () => {
    const mortal = `let messages = 0
      addEventListener('message', event => {
        if (++messages !== 2) return
        event.stopImmediatePropagation()
        throw new Error('on purpose')
      })
      ${workerSource}`
    const workerUrl = URL.createObjectURL(new Blob([mortal], { type: 'text/javascript' }))
    const { pool, tape, words, alloc, params } = await start({ workerUrl })
    const counts = alloc(40)
    const count = pool.addKernel(countItems())
    const at = tape([{ kernel: count, params: params(counts, 1), items: 10, grain: 1 }])
    // The message that brings the kernel kills a worker; those that start afterwards have it from the start.
    await expect(pool.run(at, 1)).rejects.toThrow(WorkerDiedError)
    const before = words()[counts / 4]
    await pool.run(at, 1)
    expect(words()[counts / 4]).toBe(before + 1)
  })
})

import { afterEach, describe, expect, it, vi } from 'vitest'
import { ModuleBuilder } from '../module.ts'
import {
  type Arena,
  arena,
  chunkLengths,
  countItems,
  each,
  kernel,
  randomInts,
  shiftAndAddOne,
  trapAt,
} from './fixtures.ts'
import { KernelPool, KernelTrapError, longestChunk, PoolClosedError } from './index.ts'

const open: Arena[] = []
async function start(options: Parameters<typeof arena>[0] = {}): Promise<Arena> {
  const made = await arena(options)
  open.push(made)
  return made
}
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ pool }) => pool.dispose()))
})

const threadCounts = [1, 2, 3, 4]

describe.each(threadCounts)('%i threads', threads => {
  it('runs inline on one thread only', async () => {
    const { pool } = await start({ threads })
    expect(pool.threads).toBe(threads)
    expect(pool.inline).toBe(threads === 1)
  })

  it('gives every item of a step to one call, in chunks that begin at multiples of grain', async () => {
    const seed = Date.now() % 1e6
    const below = randomInts(seed)
    const { pool, run, words, alloc, params } = await start({ threads, pages: 64 })
    const count = pool.addKernel(countItems())
    const cases = [0, 1, 2, 3, 7, 64, 1000, 5000, below(3000), below(3000)].flatMap(items =>
      [0, 1, 2, 3, 16, 999, 1000, 1 + below(40)].map(grain => ({ items, grain, counts: alloc(items * 4 + 8) })),
    )
    await run(
      cases.map(({ items, grain, counts }) => ({
        kernel: count,
        params: params(counts, Math.max(1, grain)),
        items,
        grain,
      })),
    )
    for (const { items, grain, counts } of cases) {
      const got = words().subarray(counts / 4, counts / 4 + items + 2)
      const want = new Int32Array(items + 2).fill(1, 0, items)
      expect(got, `seed ${seed}, ${items} items, grain ${grain}`).toEqual(want)
    }
  })

  it('gives no call more items than longestChunk says, and one as many where grain divides the items', async () => {
    const seed = Date.now() % 1e6
    const below = randomInts(seed)
    const { pool, run, words, alloc, params } = await start({ threads, pages: 64 })
    const lengths = pool.addKernel(chunkLengths())
    const cases = [1, 2, 7, 64, 1000, below(3000) + 1].flatMap(items =>
      [0, 1, 3, 16, 999, 1 + below(40)].map(grain => ({ items, grain, out: alloc(items * 4) })),
    )
    await run(cases.map(({ items, grain, out }) => ({ kernel: lengths, params: params(out), items, grain })))
    for (const { items, grain, out } of cases) {
      const got = words().subarray(out / 4, out / 4 + items)
      const why = `seed ${seed}, ${items} items, grain ${grain}`
      const [most, longest] = [Math.max(...got), longestChunk(items, grain, threads)]
      expect(most, why).toBeLessThanOrEqual(longest)
      if (items % Math.max(1, grain) === 0) expect(most, why).toBe(longest)
    }
  })

  it('gives a thread items from the same end at every step', async () => {
    const { pool, run, words, alloc, params } = await start({ threads, pages: 64 })
    const scratch = alloc(128 * threads)
    pool.setScratch(scratch, 128)
    // out[i] = the scratch memory of whoever has item i
    const owner = pool.addKernel(
      kernel((f, params, begin, end, scratch) => {
        each(f, begin, end, i => {
          f.get(params).i32_load(0).get(i).i32_const(2).i32_shl().i32_add()
          f.get(scratch).i32_store()
        })
      }),
    )
    const items = 1000
    const outs = Array.from({ length: 50 }, (_, i) => ({ grain: 1 + i * 10, out: alloc(items * 4) }))
    await run(outs.map(({ grain, out }) => ({ kernel: owner, params: params(out), items, grain })))
    for (const { grain, out } of outs) {
      const ends = [...words().subarray(out / 4, out / 4 + items)].map(at => ((at - scratch) / 128) % 2)
      const back = ends.indexOf(1)
      // first all of the threads that count from the beginning, then all of the others
      if (back >= 0) expect(ends.slice(back), `grain ${grain}`).not.toContain(0)
    }
  })

  it('starts no step before all of the one before it is done', async () => {
    const seed = Date.now() % 1e6
    const below = randomInts(seed)
    const n = 37
    const { pool, tape, words, alloc, params } = await start({ threads, pages: 64 })
    const shift = pool.addKernel(shiftAndAddOne())
    const a = alloc(n * 4)
    const b = alloc(n * 4)
    const shifts = Array.from({ length: 16 }, () => below(n))
    const blocks = shifts.map((by, i) => params(i % 2 ? b : a, i % 2 ? a : b, n, by))
    // Mostly shared steps; some are small enough for one thread, alone or several in a row.
    const steps = Array.from({ length: 2000 }, (_, i) => ({
      kernel: shift,
      params: blocks[i % 16],
      items: n,
      grain: below(4) === 0 ? n : 1 + below(8),
    }))
    const at = tape(steps)
    const runs = 3
    await Promise.all(Array.from({ length: runs }, () => pool.run(at, steps.length)))
    expect(words().slice(a / 4, a / 4 + n), `seed ${seed}`).toEqual(new Int32Array(n).fill(runs * steps.length))
  })

  it('gives each thread scratch memory of its own', async () => {
    const { pool, run, words, alloc, params } = await start({ threads })
    // Writes `begin` to scratch, works a while, and counts how often it finds something else there.
    const check = pool.addKernel(
      kernel((f, p, begin, _end, scratch) => {
        const rounds = f.local('i32')
        f.get(scratch).get(begin).i32_store()
        f.i32_const(200).set(rounds)
        f.loop(again => {
          f.get(scratch).i32_atomic_load().get(begin).i32_ne()
          f.if(() => f.get(p).i32_const(1).i32_atomic_rmw_add().drop())
          f.get(rounds).i32_const(1).i32_sub().tee(rounds).br_if(again)
        })
        // Also tells which scratch memories were seen: one bit each of word 1.
        f.get(p).i32_const(1).get(scratch).get(p).i32_load(8).i32_sub().i32_const(7).i32_shr_u().i32_shl()
        f.i32_atomic_rmw_or(4).drop()
      }),
    )
    const scratch = alloc(128 * threads)
    pool.setScratch(scratch, 128)
    expect(pool.scratchBytes).toBe(128)
    const p = params(0, 0, scratch)
    await run(Array.from({ length: 50 }, () => ({ kernel: check, params: p, items: 200, grain: 1 })))
    expect(words()[p / 4]).toBe(0)
    expect(words()[p / 4 + 1]).toBeGreaterThan(0)
    expect(words()[p / 4 + 1]).toBeLessThan(2 ** threads)
  })

  it('rejects a run whose kernel traps, and only that run', async () => {
    const { pool, tape, words, alloc, params } = await start({ threads })
    const count = pool.addKernel(countItems())
    const trap = pool.addKernel(trapAt(), 'trapAt')
    const counts = alloc(400)
    const good = { kernel: count, params: params(counts, 1), items: 100, grain: 1 }
    const steps = [good, { kernel: trap, params: 70, items: 100, grain: 1 }, good]
    const [fails, works] = [tape(steps), tape([good])]
    const runs = [pool.run(works, 1), pool.run(fails, 3), pool.run(works, 1), pool.run(fails, 3), pool.run(works, 1)]
    const ends = await Promise.allSettled(runs)
    expect(ends.map(end => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    const { reason } = ends[1] as PromiseRejectedResult
    expect(reason).toBeInstanceOf(KernelTrapError)
    expect(reason).toMatchObject({ step: 1, kernel: trap, kernelName: 'trapAt' })
    expect(reason.message).toMatch(/^run: kernel 1 \(trapAt\) failed in step 1: .*unreachable/)
    // The step before the trap ran, the step behind it did not: 3 good runs and 2 first steps.
    expect(words().subarray(counts / 4, counts / 4 + 100)).toEqual(new Int32Array(100).fill(5))
  })

  it('rejects for every kind of failure in a kernel', async () => {
    const { pool, run, memory } = await start({ threads })
    const end = memory.buffer.byteLength
    const outside = kernel(f => f.i32_const(end).i32_load().drop())
    const deep = kernel((f, ...args) => {
      for (const arg of args.slice(0, 4)) f.get(arg as never)
      f.call({ index: 0, signature: {} })
    })
    const unlinked = kernel((f, _p, _b, _e, _s, effect) => f.call(effect!), { effect: ['env', 'nowhere'] })
    const step = (index: number, items = 1) => ({ kernel: index, params: 0, items, grain: 1 })
    for (const [module, message] of [
      [outside, /out of bounds/],
      [deep, /call stack/],
      [unlinked, /nowhere/],
    ] as const) {
      const index = pool.addKernel(module)
      await expect(run([step(index)])).rejects.toThrow(message)
      await expect(run([step(index, 500)])).rejects.toThrow(message)
    }
    await expect(run([step(12345)])).rejects.toThrow(/kernel 12345 failed in step 0/)
    await run([])
  })

  it('takes kernels up and lets them go between runs that are queued already', async () => {
    const { pool, tape, words, params } = await start({ threads })
    // word[params] = word[params] * 10 + digit
    const digit = (value: number) =>
      kernel((f, p) => f.get(p).get(p).i32_load().i32_const(10).i32_mul().i32_const(value).i32_add().i32_store())
    const p = params(0)
    const runs: Promise<void>[] = []
    const indices: number[] = []
    for (let value = 1; value <= 9; value++) {
      const index = pool.addKernel(digit(value))
      runs.push(pool.run(tape([{ kernel: index, params: p, items: 1, grain: 1 }]), 1))
      pool.removeKernel(index)
      indices.push(index)
    }
    await Promise.all(runs)
    expect(words()[p / 4]).toBe(123456789)
    const reused = pool.addKernel(digit(7))
    expect(indices).toContain(reused)
    await pool.run(tape([{ kernel: reused, params: p, items: 1, grain: 1 }]), 1)
    expect(words()[p / 4]).toBe((1234567890 + 7) | 0)
    pool.removeKernel(reused)
    expect(() => pool.removeKernel(reused)).toThrow(`no kernel has the index ${reused}`)
    await expect(pool.run(tape([{ kernel: reused, params: p, items: 1, grain: 1 }]), 1)).rejects.toThrow(
      KernelTrapError,
    )
  })

  it('gives kernels the functions of Math', async () => {
    const { pool, memory, run, alloc } = await start({ threads })
    const module = new ModuleBuilder()
    const exp = module.importFunc('Math', 'exp', { params: ['f64'], results: ['f64'] })
    module.importMemory('env', 'memory', { min: 0, max: 65536, shared: true })
    module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, params, begin, end) => {
      each(f, begin, end, i => {
        f.get(params).get(i).i32_const(3).i32_shl().i32_add()
        f.get(i).f64_convert_i32_s().call(exp).f64_store()
      })
    })
    const out = alloc(8 * 20)
    const index = pool.addKernel(new WebAssembly.Module(module.build()))
    await run([{ kernel: index, params: out, items: 20, grain: 1 }])
    const want = Float64Array.from({ length: 20 }, (_, i) => Math.exp(i))
    expect(new Float64Array(memory.buffer, out, 20).slice()).toEqual(want)
  })

  it('sees memory that grew', async () => {
    const { pool, memory } = await start({ threads, pages: 2 })
    const fill = pool.addKernel(
      kernel((f, p, begin, end) => {
        f.get(p).i32_load().get(begin).i32_add().i32_const(7).get(end).get(begin).i32_sub().memory_fill()
      }),
    )
    for (let i = 0; i < 8; i++) {
      const at = memory.buffer.byteLength
      memory.grow(2)
      const words = new Int32Array(memory.buffer)
      words[at / 4 + 64] = at + 65536
      words.set([fill, at + 256, 1000, 1], at / 4)
      await pool.run(at, 1)
      const bytes = new Uint8Array(memory.buffer, at + 65536, 1001)
      expect(bytes.slice(0, 1000)).toEqual(new Uint8Array(1000).fill(7))
      expect(bytes[1000]).toBe(0)
      words[at / 4] = 99
      await expect(pool.run(at, 1)).rejects.toThrow('kernel 99 failed in step 0')
    }
  })

  it('resolves runs in the order of the calls, more than the ring holds', async () => {
    const { pool, tape } = await start({ threads })
    const trap = pool.addKernel(trapAt())
    const step = (item: number) => ({ kernel: trap, params: item, items: 10, grain: 1 })
    const good = tape([step(50), step(51)])
    const bad = tape([step(5)])
    const order: number[] = []
    const runs = Array.from({ length: 100 }, (_, i) => {
      const note = () => order.push(i)
      return pool.run(i % 7 === 3 ? bad : good, i % 7 === 3 ? 1 : 2).then(note, note)
    })
    if (threads === 1) expect(pool.pending).toBe(0)
    await Promise.all(runs)
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(pool.pending).toBe(0)
  })

  // threads look for a while and then sleep: runs and kernels come before, after, and in between
  it('misses no run and no kernel, however long nothing came', async () => {
    const seed = Date.now() % 1e6
    const below = randomInts(seed)
    const { pool, tape, words, alloc, params } = await start({ threads })
    const counts = alloc(400)
    const step = () => ({ kernel: pool.addKernel(countItems()), params: params(counts, 1), items: 100, grain: 1 })
    let at = tape([step()])
    const rounds = 1500
    for (let i = 0; i < rounds; i++) {
      if (below(100) === 0) at = tape([step()])
      const ended = pool.run(at, 1)
      if (below(4) > 0) await ended
      const until = performance.now() + below(250) / 1000
      while (performance.now() < until) {}
      if (below(200) === 0) await new Promise(resolve => setTimeout(resolve, 2))
    }
    await pool.run(at, 1)
    const got = words().slice(counts / 4, counts / 4 + 100)
    expect(got, `seed ${seed}`).toEqual(new Int32Array(100).fill(rounds + 1))
  })

  it('says what is wrong with its arguments', async () => {
    const { pool, memory } = await start({ threads })
    const bytes = memory.buffer.byteLength
    expect(() => pool.run(2, 1)).toThrow(`run: no tape of 1 steps at 2 in a memory of ${bytes}`)
    expect(() => pool.run(bytes - 32, 2)).toThrow(RangeError)
    expect(() => pool.run(0, -1)).toThrow(RangeError)
    expect(() => pool.run(0, 0.5)).toThrow(RangeError)
    expect(() => pool.setScratch(bytes - 128, 256)).toThrow(RangeError)
    expect(() => pool.setScratch(0, 64)).toThrow('bytes per thread are a multiple of 128')
    expect(() => pool.removeKernel(0)).toThrow('removeKernel: no kernel has the index 0')
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
    expect(() => pool.addKernel(empty)).toThrow('exports no function `kernel`')
    await pool.dispose()
    expect(() => pool.run(0, 0)).toThrow(PoolClosedError)
    expect(() => pool.addKernel(empty)).toThrow('addKernel: the pool is disposed')
  })

  it('disposes after the runs that are queued', async () => {
    const { pool, tape, words, alloc, params } = await start({ threads })
    const count = pool.addKernel(countItems())
    const counts = alloc(40)
    const at = tape([{ kernel: count, params: params(counts, 1), items: 10, grain: 1 }])
    const runs = Array.from({ length: 40 }, () => pool.run(at, 1))
    await pool.dispose()
    await Promise.all(runs)
    expect(words()[counts / 4]).toBe(40)
  })
})

describe('two threads', () => {
  it('go on with queued runs while the main thread is busy', async () => {
    const { pool, tape, words, alloc, params } = await start()
    const count = pool.addKernel(countItems())
    const counts = alloc(40)
    const at = tape([{ kernel: count, params: params(counts, 1), items: 10, grain: 1 }])
    await pool.run(at, 1)
    const runs = Array.from({ length: 10 }, () => pool.run(at, 1))
    const view = words()
    const until = Date.now() + 20_000
    while (Atomics.load(view, counts / 4 + 9) < 11 && Date.now() < until) {}
    expect(Atomics.load(view, counts / 4 + 9)).toBe(11)
    await Promise.all(runs)
  })

  it('wait for the main thread only by message where Atomics.waitAsync is missing', async () => {
    const { waitAsync } = Atomics
    try {
      ;(Atomics as { waitAsync?: unknown }).waitAsync = undefined
      const { pool, tape, words, alloc, params } = await start()
      const count = pool.addKernel(countItems())
      const counts = alloc(40)
      const at = tape([{ kernel: count, params: params(counts, 1), items: 10, grain: 1 }])
      await Promise.all(Array.from({ length: 50 }, () => pool.run(at, 1)))
      await pool.run(at, 1)
      expect(words()[counts / 4 + 9]).toBe(51)
    } finally {
      Atomics.waitAsync = waitAsync
    }
  })

  it('of two pools share a memory', async () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 64, shared: true })
    const one = await start({ memory, control: 0, threads: 2 })
    const two = await start({ memory, control: 512 * 1024, threads: 3 })
    const work = async ({ pool, alloc, params, tape, words }: Arena) => {
      const count = pool.addKernel(countItems())
      const counts = alloc(400)
      const step = { kernel: count, params: params(counts, 1), items: 100, grain: 1 }
      const at = tape(Array.from({ length: 50 }, () => step))
      await Promise.all(Array.from({ length: 20 }, () => pool.run(at, 50)))
      return words().slice(counts / 4, counts / 4 + 100)
    }
    const [a, b] = await Promise.all([work(one), work(two)])
    expect(a).toEqual(new Int32Array(100).fill(1000))
    expect(b).toEqual(new Int32Array(100).fill(1000))
  })
})

describe('start', () => {
  it('refuses bad addresses and numbers of threads', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    await expect(KernelPool.start({ memory, control: 4, threads: 1 })).rejects.toThrow('control 4 is not a multiple')
    await expect(KernelPool.start({ memory, control: 65536 - 128, threads: 1 })).rejects.toThrow(RangeError)
    await expect(KernelPool.start({ memory, control: 0, threads: 0 })).rejects.toThrow('threads is 0')
    await expect(KernelPool.start({ memory, control: 0, threads: 1.5 })).rejects.toThrow("or 'auto'")
  })

  it('works without shared memory on one thread, and says so once', async () => {
    vi.resetModules()
    const fresh = await import('./index.ts')
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      for (let i = 0; i < 2; i++) {
        const memory = new WebAssembly.Memory({ initial: 4 })
        const { pool, run, words, alloc, params } = await start({ memory, threads: 2, start: fresh.KernelPool.start })
        expect(pool.inline).toBe(true)
        const count = pool.addKernel(countItems({ shared: false }))
        const trap = pool.addKernel(trapAt({ shared: false }))
        const counts = alloc(400)
        const step = { kernel: count, params: params(counts, 1), items: 100, grain: 1 }
        memory.grow(1)
        await expect(run([step, { kernel: trap, params: 0, items: 1, grain: 1 }])).rejects.toThrow('failed in step 1')
        memory.grow(1)
        await run([step, step])
        expect(words().slice(counts / 4, counts / 4 + 101)).toEqual(new Int32Array(101).fill(3, 0, 100))
      }
      expect(warn).toHaveBeenCalledTimes(1)
      expect(warn.mock.calls[0][0]).toMatch(/^cairn: running on one thread: the memory is not shared/)
    } finally {
      warn.mockRestore()
    }
  })

  it("takes one thread a processor with 'auto'", async () => {
    const { pool, run, words, alloc, params } = await start({ threads: 'auto' })
    expect(pool.threads).toBe((await import('node:os')).availableParallelism())
    const count = pool.addKernel(countItems())
    const counts = alloc(400)
    await run([{ kernel: count, params: params(counts, 1), items: 100, grain: 1 }])
    expect(words().slice(counts / 4, counts / 4 + 100)).toEqual(new Int32Array(100).fill(1))
  })

  it('leaves results independent of the number of threads', async () => {
    // Sums of floats in an order that depends on the items only: out[i] = sum of j < i of 1 / (j + 1).
    const harmonic = kernel((f, params, begin, end) => {
      each(f, begin, end, i => {
        const j = f.local('i32')
        const sum = f.local('f32')
        f.i32_const(0).set(j).f32_const(0).set(sum)
        f.while(
          () => f.get(j).get(i).i32_lt_s(),
          () => {
            f.get(sum).f32_const(1).get(j).i32_const(1).i32_add().f32_convert_i32_s().f32_div().f32_add().set(sum)
            f.get(j).i32_const(1).i32_add().set(j)
          },
        )
        f.get(params).get(i).i32_const(2).i32_shl().i32_add().get(sum).f32_store()
      })
    })
    const results = await Promise.all(
      threadCounts.map(async threads => {
        const { pool, run, words, alloc } = await start({ threads })
        const out = alloc(4 * 777)
        await run([{ kernel: pool.addKernel(harmonic), params: out, items: 777, grain: 5 }])
        return words().slice(out / 4, out / 4 + 777)
      }),
    )
    for (const result of results) expect(result).toEqual(results[0])
    expect(new Float32Array(results[0].buffer)[776]).toBeCloseTo(7.23, 1)
  })
})

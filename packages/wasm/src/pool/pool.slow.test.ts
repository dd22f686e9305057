// Many small steps, runs that fail among runs that do not, on threads that fight for few processors: races show here.

import { expect, it } from 'vitest'
import { arena, randomInts, shiftAndAddOne, trapAt } from './fixtures.ts'

const rounds = 40

it(`runs ${rounds} random schedules as one thread would`, async () => {
  const seed = Date.now() % 1e6
  console.log(`pool.slow.test.ts: seed ${seed}`)
  const below = randomInts(seed)
  for (let round = 0; round < rounds; round++) {
    const { pool, tape, words, alloc, params } = await arena({ threads: 2 + below(4), pages: 32 })
    await using _ = pool
    const n = 3 + below(60)
    const [a, b] = [alloc(n * 4), alloc(n * 4)]
    const shift = pool.addKernel(shiftAndAddOne())
    const trap = pool.addKernel(trapAt())
    // An even number of steps, so that the newest values end in a.
    const steps = Array.from({ length: 2 * (1 + below(1500)) }, (_, i) => ({
      kernel: shift,
      params: params(i % 2 ? b : a, i % 2 ? a : b, n, below(n)),
      items: n,
      grain: below(5) === 0 ? n : 1 + below(8),
    }))
    const before = steps.slice(0, 2 * (1 + below(steps.length / 2)))
    const failing = [...before, { kernel: trap, params: below(n), items: n, grain: 1 + below(4) }, ...before]
    const [good, bad] = [tape(steps), tape(failing)]
    const fails = Array.from({ length: 40 }, () => below(3) === 0)
    const runs = fails.map(fail => (fail ? pool.run(bad, failing.length) : pool.run(good, steps.length)))
    const ends = await Promise.allSettled(runs)
    const where = `seed ${seed}, round ${round}, ${pool.threads} threads`
    expect(
      ends.map(end => (end.status === 'rejected' ? end.reason.step : undefined)),
      where,
    ).toEqual(fails.map(fail => (fail ? before.length : undefined)))
    const sum = fails.reduce((all, fail) => all + (fail ? before.length : steps.length), 0)
    expect(words().slice(a / 4, a / 4 + n), where).toEqual(new Int32Array(n).fill(sum))
  }
}, 300_000)

// Results that are written where the value they replace lies bind one buffer and not two. The scheduler counts on it where a device binds few, and takes it back where it
// cannot be.

import { describe, expect, test } from 'vitest'
import { InterpretBackend } from '../backends/interpret/backend.ts'
import { Tensor } from '../ops/methods.ts'
import { draw, testSeed } from '../testing/random.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { Storage } from './storage.ts'

async function device(buffersPerKernel: number) {
  const executor = new CompiledExecutor(new InterpretBackend({ scratch: false, parts: false, buffersPerKernel }))
  const engine = new Engine('few', () => Promise.resolve(executor))
  await engine.ready()
  const leaf = (shape: number[], values: readonly number[]): Tensor =>
    new Tensor(new Storage(engine, shape, 'f32').hold(Float32Array.from(values)))
  const kernels = (): number[] => [...executor.plans()].at(-1)!.program.launches.map(l => l.kernel.buffers.length)
  return { engine, executor, leaf, kernels }
}

const side = 3
const size = side * side

describe('few buffers', () => {
  /** Adam's rule for a weight whose gradient is a product: x, dy, the gradient, two moments, the weight, two numbers of the step. */
  async function update(buffersPerKernel: number) {
    const { engine, leaf, kernels } = await device(buffersPerKernel)
    const from = draw('update')
    const matrix = (): Tensor => leaf([side, side], from.many(size, 0.5, 1))
    const [x, dy, g, m, v, w] = Array.from({ length: 6 }, matrix)
    const [a, b] = [leaf([], [0.5]), leaf([], [0.25])]
    const grad = x.transpose(0, 1).matmul(dy)
    const [first, second] = [m.mul(0.9).add(grad.mul(0.1)), v.mul(0.99).add(grad.square().mul(0.01))]
    g.assign(grad)
    m.assign(first)
    v.assign(second)
    w.assign(w.sub(first.mul(a).div(second.sqrt().mul(b).add(1))))
    await engine.queue.run()
    return { kernels: kernels(), values: await Promise.all([g, m, v, w].map(t => t.numbers())) }
  }

  test('a product and the update by it are one kernel of eight', async () => {
    const few = await update(8)
    expect(few.kernels).toEqual([8])
    const fewer = await update(7)
    expect(fewer.kernels.length).toBeGreaterThan(1)
    expect(Math.max(...fewer.kernels)).toBeLessThanOrEqual(7)
    const many = await update(64)
    expect(few.values).toEqual(many.values)
    expect(fewer.values).toEqual(many.values)
  })

  test('what reads its old value elsewhere takes new memory, and the kernels are planned again', async () => {
    const { engine, leaf, kernels } = await device(3)
    const values = Array.from({ length: size }, (_, i) => i + 1)
    const turned = values.map((_, i) => values[(i % side) * side + Math.floor(i / side)])
    const [a, b] = [leaf([side, side], values), leaf([side, side], turned)]
    const [first, second] = [a.add(a.transpose(0, 1)).add(b), b.add(b.transpose(0, 1)).sub(a)]
    a.assign(first)
    b.assign(second)
    await engine.queue.run()
    expect(kernels()).toEqual([3, 3])
    expect(await a.numbers()).toEqual(values.map((n, i) => n + 2 * turned[i]))
    expect(await b.numbers()).toEqual(turned)
  })
})

test('random updates of matrices that read each other, in place or not, within what may be bound', async () => {
  const from = draw('in place')
  for (let round = 0; round < 150; round++) {
    const limit = from.integer(4, 9)
    const { engine, executor, leaf } = await device(limit)
    const plain = Array.from({ length: 5 }, () => from.many(size, -1, 1).map(Math.fround))
    const lazy = plain.map(values => leaf([side, side], values))
    for (let piece = 0; piece < 2; piece++) {
      const updates = Array.from({ length: from.integer(1, 6) }, (_, to) => {
        const terms = Array.from({ length: from.integer(1, 4) }, () => ({
          of: from.integer(0, lazy.length),
          turned: from.uniform() < 0.25,
          by: from.integer(-2, 3),
        }))
        return { to, terms }
      })
      const before = plain.map(values => [...values])
      const sums = updates.map(({ terms }) =>
        terms
          .map(({ of, turned, by }) => (turned ? lazy[of].transpose(0, 1) : lazy[of]).mul(by))
          .reduce((a, b) => a.add(b)),
      )
      updates.forEach(({ to, terms }, n) => {
        lazy[to].assign(sums[n])
        plain[to] = before[0].map((_, i) => {
          const other = (i % side) * side + Math.floor(i / side)
          return terms.reduce((sum, { of, turned, by }) => sum + by * before[of][turned ? other : i], 0)
        })
      })
      await engine.queue.run()
    }
    const where = `CAIRN_TEST_SEED=${testSeed}, round ${round}`
    for (const plan of executor.plans())
      for (const { kernel } of plan.program.launches) expect(kernel.buffers.length, where).toBeLessThanOrEqual(limit)
    for (const [i, t] of lazy.entries())
      (await t.numbers()).forEach((n, at) => void expect(n, where).toBeCloseTo(plain[i][at], 3))
  }
})

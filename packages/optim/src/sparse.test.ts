// Sparse rows: a step after sparse lookups equals the dense one, and moves as many bytes as the rows that were looked up.

import { CairnError, GradientError, jit, realize, sparseRows, type Tensor, tensor, zeros } from '@cairn/tensor'
import { embedding } from '@cairn/tensor/functional'
import { profile } from '@cairn/tensor/profile'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { expectClose, numbers } from '../testing.ts'
import * as optim from './index.ts'

const steps = 100
const [count, width] = [11, 3]
const rate = (step: number): number => 0.1 / (1 + step / 10)
const start = numbers(count * width, 3)
/** six of the first ten rows, some of them twice; the last row is never looked up */
const idsOf = (step: number): number[] => numbers(6, 40 + step).map(v => Math.floor(((v + 1) / 2) * 10))
const factorsOf = (step: number): number[] => numbers(6 * width, 400 + step)

const table = () => tensor(Float32Array.from(start), [count, width], { requiresGrad: true })
const ids = (list: readonly number[]) => tensor([...list], { dtype: 'i32' })
/** its gradient of row ids[i] is factors[i] */
const loss = (w: Tensor, at: Tensor, factors: Tensor, sparse = true): Tensor =>
  embedding(w, at, { sparse }).mul(factors).sum()

/** The gradient by rows, as plain numbers. */
function plainGradient(step: number): Map<number, number[]> {
  const rows = new Map<number, number[]>()
  idsOf(step).forEach((id, i) => {
    const row = rows.get(id) ?? new Array<number>(width).fill(0)
    rows.set(
      id,
      row.map((v, j) => v + factorsOf(step)[i * width + j]),
    )
  })
  return rows
}

const rules: [string, (w: Tensor) => optim.Optimizer<optim.GroupOptions>][] = [
  ['SGD', w => new optim.SGD([w], { lr: 1 })],
  ['SGD upwards', w => new optim.SGD([w], { lr: 1, maximize: true })],
  ['Adagrad', w => new optim.Adagrad([w], { lrDecay: 0.1, initialAccumulatorValue: 0.2, eps: 0 })],
]
for (const [name, make] of rules)
  onEachDevice(`${name} by rows is ${name} of the table, ${steps} steps, plain and inside of jit`, async () => {
    for (const compiled of [false, true]) {
      const run = async (sparse: boolean): Promise<number[]> => {
        const w = table()
        const opt = make(w)
        const update = (at: Tensor, factors: Tensor): void => {
          opt.zeroGrad()
          loss(w, at, factors, sparse).backward()
          void opt.step()
        }
        const train = compiled && sparse ? jit(update) : update
        for (let step = 0; step < steps; step++) {
          opt.lr = rate(step)
          train(ids(idsOf(step)), tensor(Float32Array.from(factorsOf(step)), [6, width]))
          if (step % 16 === 0) await w.data()
        }
        expect(sparseRows(w.grad!) !== null).toBe(sparse)
        return w.numbers()
      }
      const [rows, dense] = [await run(true), await run(false)]
      rows.forEach((v, i) => expect(Math.abs(v - dense[i])).toBeLessThan(1e-5))
      expect(rows.slice(-width)).toEqual(start.slice(-width).map(Math.fround))
      expect(Math.max(...rows.map((v, i) => Math.abs(v - start[i])))).toBeGreaterThan(0.1)
    }
  })

onEachDevice(`SparseAdam by torch's definition, ${steps} steps`, async () => {
  const w = table()
  const opt = new optim.SparseAdam([w], { betas: [0.8, 0.95], eps: 1e-4 })
  const plain = start.slice()
  const [m, v] = [start.map(() => 0), start.map(() => 0)]
  for (let step = 0; step < steps; step++) {
    opt.lr = rate(step)
    opt.zeroGrad()
    loss(w, ids(idsOf(step)), tensor(Float32Array.from(factorsOf(step)), [6, width])).backward()
    await opt.step()
    const size = (rate(step) * Math.sqrt(1 - 0.95 ** (step + 1))) / (1 - 0.8 ** (step + 1))
    for (const [id, row] of plainGradient(step))
      row.forEach((g, j) => {
        const at = id * width + j
        m[at] += (g - m[at]) * 0.2
        v[at] += (g * g - v[at]) * 0.05
        plain[at] -= (size * m[at]) / (Math.sqrt(v[at]) + 1e-4)
      })
  }
  await expectClose(w, plain, 1e-4)
})

onEachDevice('gradients of several lookups and backward passes add up as rows', async () => {
  const w = table()
  const [first, second] = [0, 1].map(step => ({
    at: ids(idsOf(step)),
    factors: tensor(Float32Array.from(factorsOf(step)), [6, width]),
  }))
  const wanted = new Array<number>(count * width).fill(0)
  for (const step of [0, 1, 1])
    for (const [id, row] of plainGradient(step)) row.forEach((g, j) => (wanted[id * width + j] += g))
  loss(w, first.at, first.factors)
    .add(loss(w, second.at, second.factors))
    .backward()
  loss(w, second.at, second.factors).backward()
  const rows = sparseRows(w.grad!)!
  expect(rows.indices.shape).toEqual([18])
  expect((await rows.indices.numbers()).sort()).toEqual([...idsOf(0), ...idsOf(1), ...idsOf(1)].sort())
  await expectClose(w.grad!, wanted)
  const { indices, rows: sums } = rows.coalesce()
  const dense = zeros([count, width]).indexAdd(0, indices, sums)
  await expectClose(dense, wanted)
  expect((await indices.numbers()).every((id, i, all) => i === 0 || id >= all[i - 1])).toBe(true)
  const filled = (await sums.abs().sum(1).numbers()).filter(v => v > 0).length
  expect(filled).toBe(new Set([...idsOf(0), ...idsOf(1)]).size)

  // a use of the whole table makes the gradient dense
  w.sum().backward()
  expect(sparseRows(w.grad!)).toBeNull()
  await expectClose(
    w.grad!,
    wanted.map(v => v + 1),
  )
  w.zeroGrad()
  expect(w.grad).toBeUndefined()
  loss(w, first.at, first.factors).backward()
  expect(sparseRows(w.grad!)!.indices.shape).toEqual([6])
  w.zeroGrad()
  loss(w, ids([4]), tensor([[1, 2, 3]])).backward()
  expect(await sparseRows(w.grad!)!.rows.toArray()).toEqual([[1, 2, 3]])
})

onEachDevice('clipping sees each row once, and leaves rows', async () => {
  const at = [2, 5, 2, 2]
  const g = numbers(at.length * width, 9)
  const setUp = (sparse: boolean) => {
    const w = table()
    const other = tensor([1, 1], { requiresGrad: true })
    loss(w, ids(at), tensor(Float32Array.from(g), [at.length, width]), sparse)
      .add(other.mul(3).sum())
      .backward()
    return [w, other]
  }
  const clips: ((params: Tensor[]) => void)[] = [
    params => optim.clipGradNorm(params, 0.5),
    params => optim.clipGradValue(params, 0.3),
    params => optim.clipGradAdaptive(params, 0.2),
  ]
  for (const clip of clips) {
    const [sparse, dense] = [setUp(true), setUp(false)]
    expect(await optim.gradNorm(sparse).item()).toBeCloseTo(await optim.gradNorm(dense).item(), 5)
    for (const params of [sparse, dense]) clip(params)
    expect(sparseRows(sparse[0].grad!)).not.toBeNull()
    expect(sparseRows(dense[0].grad!)).toBeNull()
    for (const i of [0, 1]) await expectClose(sparse[i].grad!, await dense[i].grad!.numbers())
  }
})

onEachDevice('a scaler skips steps by rows, and a resumed run goes on exactly', async () => {
  const advance = async (w: Tensor, opt: optim.SparseAdam, scaler: optim.GradScaler, from: number, to: number) => {
    for (let step = from; step < to; step++) {
      opt.zeroGrad()
      const factors = tensor(Float32Array.from(factorsOf(step)), [6, width]).mul(step % 5 === 3 ? Infinity : 1)
      scaler.scale(loss(w, ids(idsOf(step)), factors)).backward()
      await scaler.step(opt)
    }
  }
  const w = table()
  const opt = new optim.SparseAdam([w], { lr: 0.1 })
  await advance(w, opt, new optim.GradScaler(), 0, 8)
  const again = tensor(Float32Array.from(await w.numbers()), [count, width], { requiresGrad: true })
  const resumed = new optim.SparseAdam([again], { lr: 0.1 })
  resumed.loadStateDict(opt.stateDict())
  await advance(w, opt, new optim.GradScaler({ initial: 64 }), 8, 20)
  await advance(again, resumed, new optim.GradScaler({ initial: 64 }), 8, 20)
  const values = await w.numbers()
  expect(values.every(Number.isFinite)).toBe(true)
  expect(await again.numbers()).toEqual(values)
})

onEachDevice('a rule that cannot go by rows says so before anything moves', async () => {
  const w = table()
  loss(w, ids([1]), tensor([[1, 2, 3]])).backward()
  const refused: [optim.Optimizer<optim.GroupOptions>, RegExp][] = [
    [new optim.AdamW([w]), /AdamW: takes no sparse gradients; use SGD, Adagrad or SparseAdam/],
    [new optim.SGD([w], { lr: 1, momentum: 0.9 }), /SGD: momentum moves all rows/],
    [new optim.SGD([w], { lr: 1, weightDecay: 0.1 }), /SGD: weightDecay moves all rows/],
    [new optim.Adagrad([w], { weightDecay: 0.1 }), /Adagrad: weightDecay moves all rows/],
  ]
  for (const [opt, message] of refused) {
    expect(() => opt.step()).toThrow(GradientError)
    expect(() => opt.step()).toThrow(message)
  }
  w.grad = zeros([count, width])
  expect(() => new optim.SparseAdam([w]).step()).toThrow(/takes sparse gradients only; use Adam/)
  expect(() => new optim.SparseAdam([w]).step()).toThrow(CairnError)
  await expectClose(w, start)
})

onEachDevice('a lookup of nothing steps nothing', async () => {
  const w = table()
  const opt = new optim.Adagrad([w])
  loss(w, tensor([], { dtype: 'i32' }), zeros([0, width])).backward()
  await opt.step()
  await expectClose(w, start)
})

onEachDevice(
  'a step on 2,000 rows of 100,000 x 100 moves bytes in proportion to 2,000',
  async () => {
    const [rows, columns, picked] = [100_000, 100, 2000]
    const makers: [string, (w: Tensor) => optim.Optimizer<optim.GroupOptions>, states: number][] = [
      ['SGD', w => new optim.SGD([w], { lr: 0.1 }), 0],
      ['Adagrad', w => new optim.Adagrad([w]), 1],
      ['SparseAdam', w => new optim.SparseAdam([w]), 2],
    ]
    for (const [name, make, states] of makers) {
      const w = zeros([rows, columns])
      w.requiresGrad = true
      const opt = make(w)
      const step = async (n: number, seed: number, sparse = true): Promise<void> => {
        const at = Int32Array.from(numbers(n, seed), v => Math.floor(((v + 1) / 2) * rows))
        opt.zeroGrad()
        embedding(w, tensor(at), { sparse }).square().add(1).sqrt().sum().backward()
        await opt.step()
      }
      const bytes = async (n: number, sparse = true): Promise<number> => {
        await step(n, 1, sparse)
        await step(n, 2, sparse)
        await realize()
        const { kernels } = await profile(() => step(n, 3, sparse))
        return kernels.reduce((sum, k) => sum + k.bytes, 0)
      }
      const [once, twice] = [await bytes(picked), await bytes(2 * picked)]
      // the lookup and its gradient, their sums, and the rows of the table and of each state read and written
      const passes = 4 * picked * columns * (20 + 8 * states)
      expect(once, name).toBeLessThan(passes)
      expect(twice / once, name).toBeLessThan(2.3)
      expect(twice / once, name).toBeGreaterThan(1.7)
      if (name === 'SGD') expect(await bytes(picked, false)).toBeGreaterThan(4 * rows * columns * 2)
    }
  },
  { on: ['wasm'] },
)

// One structure with many sizes: the second size compiles a plan with runtime symbols, and that one serves all others.

import { beforeAll, expect, test } from 'vitest'
import { InterpretBackend } from '../backends/interpret/backend.ts'
import { encode } from '../numeric.ts'
import { Tensor } from '../ops/methods.ts'
import { apply } from '../tensor.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { ReferenceExecutor } from './reference.ts'
import { Storage } from './storage.ts'
import { matches, modelOf, symbolsOf } from './symbols.ts'

const compiled = new CompiledExecutor(new InterpretBackend())
const kernels = new Engine('interpret', () => Promise.resolve(compiled))
const reference = new Engine('reference', () => Promise.resolve(new ReferenceExecutor()))
beforeAll(() => Promise.all([kernels.ready(), reference.ready()]))

function leaf(engine: Engine, shape: number[], scale: number): Tensor {
  const storage = new Storage(engine, shape, 'f32')
  const n = shape.reduce((a, b) => a * b, 1)
  storage.host = encode(
    'f32',
    Array.from({ length: n }, (_, i) => Math.sin(i * scale + 1)),
  )
  storage.settled = storage.head
  const t = new Tensor(storage)
  t.requiresGrad = true
  return t
}

/** A layer of attention with its norm and its gradients, for a batch of sequences of any length. */
function attention(engine: Engine, batch: number, length: number): Promise<number[]>[] {
  const x = leaf(engine, [batch, length, 8], 0.3)
  const places = leaf(engine, [64, 8], 0.2)
  const w = leaf(engine, [24, 8], 0.1)
  const h = x.add(places.narrow(0, 0, length))
  const centred = h.sub(h.mean(-1, { keepDim: true }))
  const normed = centred.mul(centred.mul(centred).mean(-1, { keepDim: true }).add(1e-5).rsqrt())
  const [q, k, v] = normed
    .linear(w)
    .split(8, -1)
    .map(t => t.reshape([batch, length, 2, 4]).transpose(1, 2))
  const scores = q.matmul(k.transpose(-1, -2)).mul(0.5)
  const rows = apply('iota', [], { axis: 2 }, scores.shape, engine)
  const columns = apply('iota', [], { axis: 3 }, scores.shape, engine)
  const mixed = scores.where(columns.le(rows), -1e9).softmax(-1).matmul(v).transpose(1, 2).reshape([batch, length, 8])
  const loss = mixed.mul(mixed).mean()
  loss.backward()
  return [loss.numbers(), mixed.keep().numbers(), w.grad!.numbers(), x.grad!.numbers(), places.grad!.numbers()]
}

test('lengths and batches share two plans and give the reference values', async () => {
  const sizes = [
    [2, 7],
    [2, 5],
    [3, 5],
    [2, 6],
    [4, 9],
    [3, 3],
    [2, 12],
  ]
  const counts: number[] = []
  for (const [batch, length] of sizes) {
    const expected = await Promise.all(attention(reference, batch, length))
    const got = await Promise.all(attention(kernels, batch, length))
    got.forEach((list, i) =>
      list.forEach((value, j) => {
        expect(Math.abs(value - expected[i][j])).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(expected[i][j]))
      }),
    )
    counts.push(compiled.statistics.plansCompiled)
  }
  // two structures (the step, and the value kept after it), each: the first sizes as constants, then one and a refined guess of what varies
  expect(counts[2]).toBeLessThanOrEqual(6)
  expect(counts[counts.length - 1]).toBe(counts[2])
})

test('a size that was always a product stays one, and a broken guess is refined', () => {
  const samples = [
    [4, 12, 48, 8],
    [4, 10, 40, 8],
  ]
  const model = modelOf(samples)
  expect(model.positions).toEqual([1])
  expect(matches(model, [4, 7, 28, 8], symbolsOf(model, [4, 7, 28, 8]))).toBe(true)
  const broken = [4, 7, 29, 8]
  expect(matches(model, broken, symbolsOf(model, broken))).toBe(false)
  const refined = modelOf([...samples, broken])
  expect(refined.positions).toEqual([1, 2])
  expect(matches(refined, broken, symbolsOf(refined, broken))).toBe(true)
})

test('a size that is a product of three others follows them', () => {
  // images, rows and columns, and how many elements they are with three channels
  const samples = [
    [2, 5, 7, 3 * 2 * 5 * 7],
    [4, 6, 11, 3 * 4 * 6 * 11],
  ]
  const model = modelOf(samples)
  expect(model.positions).toEqual([0, 1, 2])
  for (const sizes of [...samples, [9, 13, 2, 3 * 9 * 13 * 2]])
    expect(matches(model, sizes, symbolsOf(model, sizes))).toBe(true)
  const other = [9, 13, 2, 3 * 9 * 13 * 2 + 1]
  expect(matches(model, other, symbolsOf(model, other))).toBe(false)
})

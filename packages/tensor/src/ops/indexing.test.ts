// Reading and writing at indices that are data, against torch's gather, scatter, index_select, index_add and one_hot.

import { describe, expect, test } from 'vitest'
import { arange, type DType, type NestedArray, realize, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp, type Given, given } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'
import { torchCase } from '../testing/torch-cases.ts'

const index = (shape: readonly number[], ...values: number[]): Given => given(shape, values, 'i32')
const random = (...shape: number[]): Given => {
  const n = shape.reduce((a, b) => a * b, 1)
  return given(shape, draw(`indexing ${shape}`).many(n, -2, 2).map(Math.fround))
}
const halves = ['f16', 'bf16', 'f64'] as const

describe('reading', () => {
  checkOp('gather', (x, i) => x.gather(1, i), {
    inputs: [
      [random(3, 4), index([3, 2], 0, 3, 1, 1, 2, 0)],
      [random(3, 4), index([2, 5], 0, 3, 1, 1, 2, 0, 1, 2, 3, 3)],
      [random(2, 3), given([0, 2], [], 'i32')],
    ],
    against: torchCase('gather'),
    dtypes: halves,
  })
  checkOp('gather of the first axis', (x, i) => x.gather(0, i), {
    inputs: [
      [random(4, 2, 2), index([1, 2, 2], 3, 0, 1, 3)],
      [random(5), index([3], 4, 4, 0)],
    ],
  })
  checkOp('indexSelect', (x, i) => x.indexSelect(0, i), {
    inputs: [
      [random(5, 2), index([3], 4, 0, 4)],
      [random(5, 2), index([2, 2], 4, 0, 1, 1)],
      [random(5, 2), index([], 3)],
      [random(5, 2), given([0], [], 'i32')],
    ],
    against: torchCase('embedding'),
    dtypes: halves,
  })
  checkOp('indexSelect of the last axis', (x, i) => x.indexSelect(-1, i), {
    inputs: [[random(2, 3, 4), index([2, 2], 3, 0, 1, 1)]],
  })
  checkOp('indexSelect, as stored', x => x.indexSelect(0, tensor([2, 0, 2], { dtype: 'i32' })), {
    against: torchCase('index_select'),
  })
})

describe('writing', () => {
  checkOp('scatter', (x, i, u) => x.scatter(1, i, u), {
    inputs: [
      [random(3, 4), index([3, 2], 0, 3, 1, 2, 2, 0), random(3, 2)],
      [random(3, 4), index([1, 2], 0, 3), random(1, 2)],
      [random(3, 4), given([3, 0], [], 'i32'), given([3, 0], [])],
    ],
    dtypes: halves,
  })
  checkOp('scatter of a number', (x, i) => x.scatter(0, i, 7), { inputs: [[random(3, 2), index([1, 2], 2, 0)]] })
  checkOp('scatterAdd', (x, i, u) => x.scatterAdd(0, i, u), {
    inputs: [
      [random(3, 2), index([4, 2], 0, 2, 1, 1, 0, 0, 0, 2), random(4, 2)],
      [random(3), index([5], 1, 1, 1, 1, 1), random(5)],
    ],
    dtypes: halves,
  })
  checkOp('scatterMax', (x, i, u) => x.scatterMax(0, i, u), {
    inputs: [[random(3), index([5], 1, 1, 0, 1, 2), random(5)]],
    dtypes: halves,
  })
  checkOp('scatterMin', (x, i, u) => x.scatterMin(0, i, u), {
    inputs: [[random(3), index([5], 1, 1, 0, 1, 2), random(5)]],
  })
  checkOp('indexAdd', (x, i, v) => x.indexAdd(1, i, v), {
    inputs: [[random(2, 4), index([3], 3, 0, 3), random(2, 3)]],
  })
  checkOp('setNarrow', (x, v) => x.setNarrow(1, 1, v), {
    inputs: [[random(2, 4), random(2, 2)]],
    dtypes: halves,
  })
  checkOp('setNarrow from the end', (x, v) => x.setNarrow(-1, -2, v), { inputs: [[random(2, 4), random(2, 2)]] })
  checkOp('setNarrow from a tensor', (x, start, v) => x.setNarrow(1, start, v), {
    inputs: [0, 2, 3, -5, 99].map(start => [random(2, 4), index([], start), random(2, 2)]),
  })
})

describe('values that torch gives', () => {
  const i = (...list: number[]): Tensor => tensor(list, { dtype: 'i32' })
  const rows = (): Tensor => arange(6).reshape([3, 2])
  const cases: [string, () => Tensor, NestedArray][] = [
    ['the last of repeated indices wins', () => zeros([3]).scatter(0, i(1, 1), tensor([5, 6])), [0, 6, 0]],
    ['repeated indices add', () => zeros([3]).scatterAdd(0, i(1, 1), tensor([5, 6])), [0, 11, 0]],
    ['scatterAdd of i32', () => rows().scatterAdd(0, i(2, 2).reshape([2, 1]), i(10, 20).reshape([2, 1])), [[0, 1], [2, 3], [34, 5]]], // biome-ignore format: a matrix
    ['scatterMax keeps the larger', () => tensor([1, 5, 3]).scatterMax(0, i(0, 1), tensor([4, 4])), [4, 5, 3]],
    ['scatterMin keeps the smaller', () => tensor([1, 5, 3]).scatterMin(0, i(0, 1), tensor([4, 4])), [1, 4, 3]],
    ['scatterMax with NaN', () => tensor([1, 5]).scatterMax(0, i(0), tensor([NaN])), [NaN, 5]],
    ['rows by a table', () => rows().indexSelect(0, i(2, 0)), [[4, 5], [0, 1]]], // biome-ignore format: a matrix
    ['an index of u8', () => rows().indexSelect(0, tensor([1], { dtype: 'u8' })), [[2, 3]]],
    ['indexSelect of bool', () => tensor([true, false]).indexSelect(0, i(1, 0)), [false, true]],
    ['oneHot', () => i(2, 0).oneHot(3), [[0, 0, 1], [1, 0, 0]]], // biome-ignore format: a matrix
    ['oneHot of 0-d', () => tensor(1, { dtype: 'i32' }).oneHot(2), [0, 1]],
    ['oneHot outside of its classes', () => i(5, -1).oneHot(2), [[0, 0], [0, 0]]], // biome-ignore format: a matrix
    ['setNarrow', () => rows().setNarrow(0, 1, i(8, 9).reshape([1, 2])), [[0, 1], [8, 9], [4, 5]]], // biome-ignore format: a matrix
    ['setNarrow clamps a tensor start', () => rows().setNarrow(0, tensor(7, { dtype: 'i32' }), i(8, 9).reshape([1, 2])), [[0, 1], [2, 3], [8, 9]]], // biome-ignore format: a matrix
    ['setNarrow of everything', () => arange(2).setNarrow(0, 0, i(8, 9)), [8, 9]],
  ]
  for (const [name, make, wanted] of cases)
    onEachDevice(
      name,
      async () => {
        expect(await make().toArray()).toEqual(wanted)
      },
      { on: ['reference', 'wasm'] },
    )
  onEachDevice(
    'every dtype is gathered and scattered',
    async () => {
      for (const dtype of ['f32', 'f16', 'bf16', 'f64', 'i32', 'u32', 'i8', 'u8', 'i64'] as const) {
        const x = tensor([1, 2, 3], { dtype })
        expect(await x.gather(0, i(2, 0)).toArray(), dtype).toEqual([3, 1])
        expect(await x.scatter(0, i(2, 0), tensor([7, 8], { dtype })).toArray(), dtype).toEqual([8, 2, 7])
        expect(await x.scatterAdd(0, i(2, 2), tensor([7, 8], { dtype })).toArray(), dtype).toEqual([1, 2, 18])
      }
      expect(
        await tensor([true, false])
          .scatter(0, i(1), tensor([true]))
          .toArray(),
      ).toEqual([true, true])
    },
    { on: ['reference', 'wasm'] },
  )
})

onEachDevice(
  'ties of scatterMax share the gradient',
  async () => {
    const x = tensor([4, 1, 9], { requiresGrad: true })
    const u = tensor([4, 4, 2], { requiresGrad: true })
    x.scatterMax(0, tensor([0, 0, 1], { dtype: 'i32' }), u)
      .mul(tensor([3, 5, 7]))
      .sum()
      .backward()
    expect(await x.grad!.toArray()).toEqual([1, 0, 7])
    expect(await u.grad!.toArray()).toEqual([1, 1, 5])
  },
  { on: ['reference', 'wasm'] },
)

describe('errors', () => {
  const on = { device: 'reference' } as const
  const x = (dtype: DType = 'f32'): Tensor => zeros([2, 3], { ...on, dtype })
  const i = (shape: number[], dtype: DType = 'i32'): Tensor => zeros(shape, { ...on, dtype })
  const cases: [string, () => unknown, RegExp][] = [
    ['an index that is not an integer', () => x().gather(0, i([1, 3], 'f32')), /^gather: the index must be an integer tensor, not f32; convert with \.to\('i32'\)/],
    ['a table index that is not an integer', () => x().indexSelect(0, i([1], 'f32')), /^indexSelect: the index must be an integer/],
    ['an index of another rank', () => x().gather(0, i([3])), /^gather: index \[3\] does not fit \[2, 3\] outside of axis 0/],
    ['an index that is too wide', () => x().gather(0, i([1, 4])), /^gather: index \[1, 4\] does not fit \[2, 3\]/],
    ['gather outside', () => x().gather(2, i([1, 3])), /^gather: axis 2/],
    ['updates of another shape', () => x().scatter(0, i([1, 3]), x()), /^scatter: updates \[2, 3\] and index \[1, 3\] differ/],
    ['updates of another dtype', () => x().scatter(0, i([2, 3]), x('i32')), /^scatter: updates are i32, the tensor is f32; convert with \.to\('f32'\)/],
    ['scattering a fraction into integers', () => x('i32').scatter(0, i([2, 3]), 0.5), /^scatter: 0\.5 is not an integer/],
    ['a window that is too long', () => x().setNarrow(1, 0, zeros([2, 4], on)), /^setNarrow: \[2, 4\] is not a window of \[2, 3\] along axis 1/],
    ['a window that does not fit', () => x().setNarrow(1, 2, zeros([2, 2], on)), /^setNarrow: 2 elements from 2 do not fit axis 1 \(size 3\)/],
    ['a window at a fraction', () => x().setNarrow(1, 0.5, zeros([2, 2], on)), /^setNarrow: 2 elements from 0\.5/],
    ['a window from a vector', () => x().setNarrow(1, i([1]), zeros([2, 2], on)), /^setNarrow: a tensor start must be 0-d/],
    ['a window from a float', () => x().setNarrow(1, i([], 'f32'), zeros([2, 2], on)), /^setNarrow: .*f32.*\.to\('i32'\)/],
    ['a window of another dtype', () => x().setNarrow(1, 0, i([2, 2])), /^setNarrow: the values are i32, the tensor is f32; convert with \.to\('f32'\)/],
    ['indexAdd of another length', () => x().indexAdd(0, i([3]), x()), /^indexAdd: 3 indices for values \[2, 3\] along axis 0/],
    ['indexAdd with a matrix of indices', () => x().indexAdd(0, i([1, 2]), x()), /^indexAdd: .*\[1, 2\]/],
    ['oneHot of floats', () => x().oneHot(3), /^oneHot: the index must be an integer tensor, not f32/],
    ['oneHot of no number of classes', () => i([1]).oneHot(1.5), /^oneHot: .*1\.5/],
  ] // biome-ignore format: one case a line
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
  test('an index outside of its axis names its place', async () => {
    const picked = zeros([3, 2], on).gather(0, tensor([[0, 3]], { dtype: 'i32', device: 'reference' }))
    await expect(picked.data()).rejects.toThrow(/^gather: index 3 is outside of axis 0 \(size 3, position \[0, 1\]\)/)
    const written = zeros([3], on).scatter(0, tensor([-1], { dtype: 'i32', device: 'reference' }), 1)
    await expect(written.data()).rejects.toThrow(/^scatter: index -1 is outside of axis 0/)
  })
})

onEachDevice('rows that are picked and padded: where there is no index none is read', async () => {
  for (const [count, before, after] of [
    [20, 0, 4],
    [20, 3, 0],
    [20, 2, 2],
    [3, 20, 20],
  ]) {
    const table = arange(0, 20 * 16, 1, { dtype: 'f32' }).reshape([20, 16])
    // what lies around the indices in memory is no index
    const around = tensor(new Int32Array(200 + count).fill(1e9).fill(19, 100, 100 + count))
    await realize(around)
    const ids = around.narrow(0, 100, count)
    const rows = table
      .indexSelect(0, ids)
      .pad([
        [before, after],
        [0, 0],
      ])
      .mul(2)
    const got = await rows.numbers()
    const wanted = got.map((_, i) => {
      const row = Math.floor(i / 16) - before
      return row >= 0 && row < count ? 2 * (19 * 16 + (i % 16)) : 0
    })
    expect(got).toEqual(wanted)
  }
})

// Indexing by arrays and by what values say.

import { describe, expect, test } from 'vitest'
import { arange, grad, tensor, zeros } from '../index.ts'
import { checkOp, given } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'

const i32 = (values: number[]) => given([values.length], values, 'i32')
const twelve = Array.from({ length: 12 }, (_, i) => Math.sin(i))
const matrix = given([3, 4], twelve)
checkOp('take', (x, i) => x.take(i), { inputs: [[matrix, i32([11, 0, -1, 5])]] })
checkOp('takeAlongDim', (x, i) => x.takeAlongDim(i.reshape([1, 3]), 1), { inputs: [[matrix, i32([3, -4, 1])]] })
checkOp('indexCopy', (x, i, v) => x.indexCopy(0, i, v), {
  inputs: [[matrix, i32([2, 0]), given([2, 4], twelve.slice(0, 8))]],
})
checkOp('indexFill', (x, i) => x.indexFill(1, i, 9), { inputs: [[matrix, i32([3, 1])]] })
for (const reduce of ['sum', 'mean', 'amax', 'amin'] as const)
  for (const includeSelf of [true, false])
    checkOp(
      `scatterReduce ${reduce}${includeSelf ? '' : ' without self'}`,
      (x, i, v) => x.scatterReduce(0, i, v, reduce, { includeSelf }),
      {
        inputs: [[given([3], [0.1, 0.2, 0.3]), i32([0, 2, 0, 2]), given([4], [1, -2, 3, 0.5])]],
        webgpu: 'all',
      },
    )
checkOp('index by positions', (x, i) => x.index({ at: [2, 0, 2] }, i), { inputs: [[matrix, i32([1, -1, 3])]] })
checkOp('maskedScatter', (x, m, s) => x.maskedScatter(m.to('bool'), s), {
  inputs: [[given([2, 2], [1, 2, 3, 4]), given([2, 2], [1, 0, 1, 1], 'i32'), given([3], [7, 8, 9])]],
})

describe('index follows NumPy', () => {
  const cube = () => arange(24).reshape([2, 3, 4])
  onEachDevice('positions, booleans, ranges, numbers together', async () => {
    expect(
      await cube()
        .index(1, { at: [0, 2] }, [null, null, 2])
        .toArray(),
    ).toEqual([
      [12, 14],
      [20, 22],
    ])
    expect(
      await cube()
        .index(null, { at: [0, 2] }, { at: [3, -1] })
        .toArray(),
    ).toEqual([
      [3, 11],
      [15, 23],
    ])
    expect(
      await cube()
        .index({ at: [1, 0] }, null, { at: [0, 1] })
        .toArray(),
    ).toEqual([
      [12, 16, 20],
      [1, 5, 9],
    ])
    expect(await cube().index(0, [true, false, true]).toArray()).toEqual([
      [0, 1, 2, 3],
      [8, 9, 10, 11],
    ])
    expect(
      cube().index(
        null,
        tensor(
          [
            [0, 1],
            [2, 2],
          ],
          { dtype: 'i32' },
        ),
      ).shape,
    ).toEqual([2, 2, 2, 4])
    expect(await cube().index(0, '1:', -1).toArray()).toEqual([7, 11])
  })
  test('and refuses what depends on values, or is outside', () => {
    expect(() => cube().index(tensor([true, false]))).toThrow('use await x.maskedSelect(mask)')
    expect(() => cube().index({ at: [2] })).toThrow('index: index 2 is outside of axis 0 (size 2)')
    expect(() => cube().index([true])).toThrow('index: 1 booleans for axis 0 (size 2)')
  })
})

describe('what values decide', () => {
  onEachDevice('nonzero and maskedSelect', async () => {
    const x = tensor(
      [
        [1, 0],
        [0, 3],
      ],
      { requiresGrad: true },
    )
    expect(await (await x.nonzero()).toArray()).toEqual([
      [0, 0],
      [1, 1],
    ])
    expect((await zeros([2, 2]).nonzero()).shape).toEqual([0, 2])
    expect(await (await tensor(5).nonzero()).shape).toEqual([1, 0])
    const picked = await x.maskedSelect(tensor([true, false]))
    expect(await picked.toArray()).toEqual([1, 0])
    const [g] = grad(picked.sum(), [x])
    expect(await g.toArray()).toEqual([
      [1, 0],
      [1, 0],
    ])
  })
  onEachDevice('unique', async () => {
    const { values, inverse, counts } = await tensor([
      [3, 1],
      [3, -2],
    ]).unique()
    expect(await values.toArray()).toEqual([-2, 1, 3])
    expect(await inverse.toArray()).toEqual([
      [2, 1],
      [2, 0],
    ])
    expect(await counts.toArray()).toEqual([1, 1, 2])
    const runs = await tensor([1, 1, 2, 1], { dtype: 'i32' }).uniqueConsecutive()
    expect(await runs.values.toArray()).toEqual([1, 2, 1])
    expect(await runs.counts.toArray()).toEqual([2, 1, 1])
    expect(
      await tensor([NaN, 1, NaN])
        .unique()
        .then(u => u.counts.toArray()),
    ).toEqual([1, 1, 1])
  })
  onEachDevice('isin', async () => {
    expect(
      await tensor([
        [1, 2],
        [9, 4],
      ])
        .isin(tensor([4, 1, 1]))
        .toArray(),
    ).toEqual([
      [true, false],
      [false, true],
    ])
    expect(
      await tensor([1])
        .isin(zeros([0]))
        .toArray(),
    ).toEqual([false])
  })
  onEachDevice('integers average downwards', async () => {
    const x = tensor([0, 7], { dtype: 'i32' })
    const out = x.scatterReduce(0, tensor([0, 0], { dtype: 'i32' }), tensor([3, 4], { dtype: 'i32' }), 'mean', {
      includeSelf: false,
    })
    expect(await out.toArray()).toEqual([3, 7])
  })
  onEachDevice(
    'the largest of integers of 64 bits are found far below 0, too',
    async () => {
      const far = -(2 ** 40)
      const x = tensor([1, 2], { dtype: 'i64' })
      const out = x.scatterReduce(0, tensor([0], { dtype: 'i32' }), tensor([far], { dtype: 'i64' }), 'amax', {
        includeSelf: false,
      })
      expect(await out.toArray()).toEqual([far, 2])
    },
    { on: ['wasm', 'reference'] },
  )
})

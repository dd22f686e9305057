import { Generator, tensor, zeros } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { expectClose, sample } from '../../testing.ts'
import { Dropout, Embedding, Linear, MultiheadAttention } from '../index.ts'

onEachDevice('linear is x W^T + b', async () => {
  const layer = new Linear(2, 3)
  layer.loadStateDict({
    weight: tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
    bias: tensor([10, 20, 30]),
  })
  await expectClose(layer.forward(tensor([[[1, 1]], [[2, 0]]])), [13, 27, 41, 12, 26, 40])
  expect(new Linear(2, 3, { bias: false }).parameters().length).toBe(1)
  expect(() => layer.forward(zeros([4, 3]))).toThrow('inner sizes differ')
})

onEachDevice('embedding reads rows; the padding row stays out of training', async () => {
  const layer = new Embedding(4, 2, { paddingIdx: 1 })
  const rows = (await layer.weight.toArray()) as number[][]
  expect(rows[1]).toEqual([0, 0])
  const ids = tensor(
    [
      [3, 1],
      [1, 3],
    ],
    { dtype: 'i32' },
  )
  const out = layer.forward(ids)
  await expectClose(out, [...rows[3], 0, 0, 0, 0, ...rows[3]])
  out.sum().backward()
  expect(await layer.weight.grad!.toArray()).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
    [2, 2],
  ])
})

onEachDevice('dropout drops its share in training only, and repeats under a seed', async () => {
  const run = async () => new Dropout(0.25, { generator: new Generator(7) }).forward(zeros([4000]).add(1)).numbers()
  const once = await run()
  const kept = once.filter(v => v !== 0)
  expect(kept.every(v => Math.abs(v - 4 / 3) < 1e-6)).toBe(true)
  expect(Math.abs(kept.length / 4000 - 0.75)).toBeLessThan(0.03)
  expect(await run()).toEqual(once)
  const layer = new Dropout(0.25).eval()
  const x = zeros([3])
  expect(layer.forward(x)).toBe(x)
  expect(() => new Dropout(1.5)).toThrow('must be in [0, 1]')
})

onEachDevice('multi-head attention projects, attends and projects back', async () => {
  const layer = new MultiheadAttention(4, 2)
  expect([...layer.stateDict().keys()]).toEqual(['in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias'])
  // With queries of zero every key counts the same, so the result is the projection of the mean value.
  const weight = (await layer.in_proj_weight!.toArray()) as number[][]
  layer.in_proj_weight!.assign(tensor(weight.map((row, i) => (i < 4 ? row.map(() => 0) : row))))
  const x = sample([2, 3, 4])
  const mean = x.linear(layer.in_proj_weight!.narrow(0, 8, 4)).mean(1, { keepDim: true })
  const wanted = await mean.linear(layer.out_proj.weight).expand([2, 3, 4]).numbers()
  await expectClose(layer.forward(x), wanted)
  expect(() => new MultiheadAttention(5, 2)).toThrow('do not divide')
})

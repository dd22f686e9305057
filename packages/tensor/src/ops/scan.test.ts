import { beforeAll, expect, test } from 'vitest'
import { setDefaultDevice, tensor, zeros } from '../index.ts'

beforeAll(async () => {
  await setDefaultDevice('reference')
})

test('running sums of every length, along either axis, with gradients', async () => {
  for (const n of [1, 2, 3, 7, 8, 33]) {
    const values = Array.from({ length: n }, (_, i) => ((i * 7) % 5) - 2)
    let sum = 0
    const wanted = values.map(v => (sum += v))
    expect(await tensor(values).cumsum(0).toArray()).toEqual(wanted)
    const x = tensor(
      values.map(v => [v, 1]),
      { requiresGrad: true },
    )
    const y = x.cumsum(0)
    expect(await y.toArray()).toEqual(wanted.map((v, i) => [v, i + 1]))
    y.sum().backward()
    expect(await x.grad!.toArray()).toEqual(values.map((_, i) => [n - i, n - i]))
  }
  expect(
    await tensor([[true, false, true]])
      .cumsum(-1)
      .toArray(),
  ).toEqual([[1, 1, 2]])
  expect(zeros([2, 0]).cumsum(1).shape).toEqual([2, 0])
})

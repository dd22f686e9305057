import { expect, test } from 'vitest'
import { realize, setDefaultDevice, tensor, valueAndGrad } from '../index.ts'

test('gradients of a small composition', async () => {
  await setDefaultDevice('reference')
  const w = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  )
  const x = tensor([
    [1, -1],
    [0.5, 2],
  ])
  const y = x.matmul(w).relu()
  const loss = y.mul(y).sum()
  loss.backward()
  expect(await loss.item()).toBeCloseTo(6.5 ** 2 + 9 ** 2)
  expect(await w.grad!.toArray()).toEqual([
    [6.5, 9],
    [26, 36],
  ])
  expect(await tensor([1, 2, 3]).softmax(0).toArray()).toEqual([
    0.09003057330846786, 0.2447284758090973, 0.6652409434318542,
  ])
  w.assign(w.sub(w.grad!.mul(0.1)))
  await realize()
  expect(await w.toArray()).toEqual([
    [0.34999996423721313, 1.0999999046325684],
    [0.39999985694885254, 0.39999985694885254],
  ])
  expect(() => loss.backward()).toThrow('released')
  const [v, g] = valueAndGrad(t => t.exp().sum())(tensor([0, 1]))
  expect(await v.item()).toBeCloseTo(1 + Math.E)
  expect(((await g.toArray()) as number[])[1]).toBeCloseTo(Math.E)
})

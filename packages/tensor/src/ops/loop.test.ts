// Functions over the slices of tensors.

import { describe, expect, test } from 'vitest'
import { grad, scan, type Tensor, tensor, zeros } from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'

describe('scan', () => {
  onEachDevice('carries and stacks, with derivatives', async () => {
    const x = tensor([1, 2, 3, 4], { requiresGrad: true })
    const [last, [all]] = scan((sum: Tensor, [v]) => [sum.mul(v), [sum.add(v)]], tensor(1), [x])
    expect(await last.item()).toBe(24)
    expect(await all.toArray()).toEqual([2, 3, 5, 10])
    const [g] = grad(last, [x])
    expect(await g.toArray()).toEqual([24, 12, 8, 6])
  })
  onEachDevice('runs backwards along any axis', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ])
    const [, [sums]] = scan(
      (sum: Tensor, [v]) => {
        const next = sum.add(v)
        return [next, [next]]
      },
      zeros([2]),
      [x],
      { axis: 1, reverse: true },
    )
    expect(await sums.toArray()).toEqual([
      [6, 5, 3],
      [15, 11, 6],
    ])
  })
})

test('a run over nothing is refused by name', () => {
  expect(() => scan((c, _) => [c, []], 0, [])).toThrow('scan: needs at least one tensor to run over')
})

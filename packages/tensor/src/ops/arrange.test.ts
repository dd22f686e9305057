// Rolls, diagonals, borders, grids: against NumPy's results on small numbers, with gradients.

import { describe, expect, test } from 'vitest'
import { arange, blockDiag, broadcastTensors, cartesianProd, meshgrid, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'

checkOp('roll', x => x.roll(2, 0), { shapes: [[5], [3, 2], [0], [1, 2]] })
checkOp('roll two axes', x => x.roll([1, -1], [0, 1]), { shapes: [[3, 4]] })
checkOp('roll as if flat', x => x.roll(-3), { shapes: [[3, 2]] })
checkOp('rot90', x => x.rot90(1).add(x.rot90(-3)), { shapes: [[3, 3, 2]] })
checkOp('movedim', x => x.movedim([0, 1], [-1, 0]), { shapes: [[2, 3, 4]] })
checkOp('unflatten', x => x.unflatten(1, [2, -1]), { shapes: [[2, 6]] })
checkOp('tile', x => x.tile([2]), { shapes: [[2, 3]] })
for (const offset of [-1, 0, 2]) {
  checkOp(`diagonal ${offset}`, x => x.diagonal(offset), {
    shapes: [
      [3, 4],
      [4, 2, 2],
      [2, 2],
    ],
  })
  checkOp(`diagEmbed ${offset}`, x => x.diagEmbed(offset), { shapes: [[3], [2, 3], [0]] })
}
checkOp('diagonal of other axes', x => x.diagonal(1, -1, 0), { shapes: [[3, 2, 4]] })
checkOp('trace', x => x.trace(), { shapes: [[3, 4]] })
for (const mode of ['reflect', 'replicate', 'circular'] as const)
  checkOp(
    `pad ${mode}`,
    x =>
      x.padWith(
        [
          [1, 2],
          [0, 3],
        ],
        mode,
      ),
    { shapes: [[3, 4]], webgpu: 'all' },
  )
checkOp("pad in torch's order", x => x.padLast([1, -1, 2, 0], 'reflect'), { shapes: [[2, 3, 4]] })
checkOp('blockDiag', (a, b) => blockDiag(a, b), {
  shapes: [
    [
      [2, 1],
      [1, 3],
    ],
  ],
})
checkOp('vander', x => x.vander(3), { shapes: [[4]] })
checkOp(
  'meshgrid',
  (a, b) => {
    const [x, y] = meshgrid([a, b], { indexing: 'xy' })
    return x.mul(y)
  },
  { shapes: [[[2], [3]]] },
)

describe('places', () => {
  onEachDevice('rolls and turns', async () => {
    expect(await arange(5).roll(2).toArray()).toEqual([3, 4, 0, 1, 2])
    const x = tensor([
      [1, 2],
      [3, 4],
    ])
    expect(await x.rot90().toArray()).toEqual([
      [2, 4],
      [1, 3],
    ])
    expect(await x.rot90(2).toArray()).toEqual([
      [4, 3],
      [2, 1],
    ])
    expect(await x.rot90(3).toArray()).toEqual([
      [3, 1],
      [4, 2],
    ])
    expect(zeros([2, 3, 4]).movedim(0, 1).shape).toEqual([3, 2, 4])
    expect(await x.t().toArray()).toEqual([
      [1, 3],
      [2, 4],
    ])
  })
  onEachDevice('diagonals', async () => {
    const x = arange(12).reshape([3, 4])
    expect(await x.diagonal().toArray()).toEqual([0, 5, 10])
    expect(await x.diagonal(2).toArray()).toEqual([2, 7])
    expect(await x.diagonal(-2).toArray()).toEqual([8])
    expect(await x.diagonal(9).toArray()).toEqual([])
    expect(await tensor([1, 2]).diag(-1).toArray()).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [0, 2, 0],
    ])
    expect(
      await tensor([[true, true]])
        .diagflat()
        .toArray(),
    ).toEqual([
      [true, false],
      [false, true],
    ])
    expect(await x.trace().item()).toBe(15)
  })
  onEachDevice('borders', async () => {
    const x = tensor([1, 2, 3])
    expect(await x.padLast([2, 1], 'reflect').toArray()).toEqual([3, 2, 1, 2, 3, 2])
    expect(await x.padLast([2, 1], 'replicate').toArray()).toEqual([1, 1, 1, 2, 3, 3])
    expect(await x.padLast([2, 1], 'circular').toArray()).toEqual([2, 3, 1, 2, 3, 1])
    expect(await x.padLast([1, -1], 'constant', 7).toArray()).toEqual([7, 1, 2])
  })
  onEachDevice('grids and products', async () => {
    const [x, y] = meshgrid([tensor([1, 2]), tensor([3, 4, 5])])
    expect(await x.toArray()).toEqual([
      [1, 1, 1],
      [2, 2, 2],
    ])
    expect(await y.toArray()).toEqual([
      [3, 4, 5],
      [3, 4, 5],
    ])
    const [u] = meshgrid([tensor([1, 2]), tensor([3, 4, 5])], { indexing: 'xy' })
    expect(await u.toArray()).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    expect(await cartesianProd(tensor([1, 2]), tensor([3, 4])).toArray()).toEqual([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ])
    expect(broadcastTensors(zeros([2, 1]), zeros([3])).map(t => t.shape)).toEqual([
      [2, 3],
      [2, 3],
    ])
    expect(await tensor([1, 2]).vander(3, { increasing: true }).toArray()).toEqual([
      [1, 1, 1],
      [1, 2, 4],
    ])
  })
  onEachDevice('pieces and strings', async () => {
    const x = arange(7)
    expect(await Promise.all(x.tensorSplit(3).map(p => p.toArray()))).toEqual([
      [0, 1, 2],
      [3, 4],
      [5, 6],
    ])
    expect(await Promise.all(x.tensorSplit([1, 5]).map(p => p.toArray()))).toEqual([[0], [1, 2, 3, 4], [5, 6]])
    const m = arange(24).reshape([2, 3, 4])
    expect(await m.slice('1', '::2', '-1').toArray()).toEqual([15, 23])
    expect(await m.slice('...', '1:3').shape).toEqual([2, 3, 2])
    expect(await m.slice('-1:', 0, '::-1').toArray()).toEqual([[15, 14, 13, 12]])
  })
})

test('what does not fit is refused by name', () => {
  expect(() => arange(3).padLast([3, 0], 'reflect')).toThrow(
    "padWith: 'reflect' takes at most 2 from axis 0, not 3 (size 3)",
  )
  expect(() => arange(3).slice('a:b')).toThrow("slice: 'a:b' is no range; write 'start:end:step' or an index")
  expect(() => zeros([2, 2]).diagonal(0, 1, 1)).toThrow('diagonal: needs two different axes')
  expect(() => zeros([2, 2]).roll([1, 2], [0])).toThrow('roll: 2 shifts for 1 axes')
})

// Resizing against torch's values, and against the definition of each mode in plain numbers.

import { describe, expect, test } from 'vitest'
import { arange, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { torchCase } from '../testing/torch-cases.ts'
import { type InterpolateOptions, interpolate } from './index.ts'

checkOp('interpolate nearest', x => interpolate(x, { scaleFactor: 2 }), {
  shapes: [[1, 2, 3, 2]],
  against: torchCase('interpolate_nearest2x'),
  webgpu: 'all',
})
checkOp('interpolate bilinear', x => interpolate(x, { scaleFactor: 2, mode: 'bilinear' }), {
  shapes: [[1, 2, 3, 2]],
  against: torchCase('interpolate_bilinear2x'),
  webgpu: 'all',
})
const modes: readonly (InterpolateOptions & { rank: number })[] = [
  { rank: 1, mode: 'nearestExact' },
  { rank: 1, mode: 'linear', alignCorners: true },
  { rank: 1, mode: 'area' },
  { rank: 2, mode: 'bilinear', antialias: true },
  { rank: 2, mode: 'bicubic' },
  { rank: 2, mode: 'bicubic', alignCorners: true },
  { rank: 2, mode: 'bicubic', antialias: true },
  { rank: 3, mode: 'trilinear' },
]
for (const { rank, ...options } of modes)
  for (const size of [3, 7])
    checkOp(`interpolate ${JSON.stringify(options)} to ${size}`, x => interpolate(x, { ...options, size }), {
      shapes: [
        [1, 2, ...new Array<number>(rank).fill(5)].slice(0, rank === 3 ? 4 : undefined).concat(rank === 3 ? [4] : []),
      ],
      tolerance: single,
      second: rank < 3,
    })

const line = async (values: readonly number[], options: InterpolateOptions): Promise<number[]> =>
  interpolate(tensor([[[...values]]]), options).numbers()

describe('positions are those of torch', () => {
  onEachDevice('nearest takes the element at or before, nearestExact the nearest centre', async () => {
    expect(await line([0, 1, 2, 3, 4], { size: 3 })).toEqual([0, 1, 3])
    expect(await line([0, 1, 2, 3, 4], { size: 3, mode: 'nearestExact' })).toEqual([0, 2, 4])
    expect(await line([0, 1, 2], { size: 5 })).toEqual([0, 0, 1, 1, 2])
  })
  onEachDevice('linear holds at the edges, or aligns the corners', async () => {
    expectClose(
      await line([0, 1, 2, 3], { size: 8, mode: 'linear' }),
      [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3],
      single,
      'linear',
    )
    expectClose(
      await line([0, 1, 2, 3], { size: 7, mode: 'linear', alignCorners: true }),
      [0, 0.5, 1, 1.5, 2, 2.5, 3],
      single,
      'aligned',
    )
    expectClose(await line([0, 4], { size: 1, mode: 'linear', alignCorners: true }), [0], single, 'one')
  })
  onEachDevice('cubic weights are those of a = -0.75', async () => {
    const x = tensor([[[[0, 0, 1, 0, 0]]]])
    // at 1.25, 1.75, 2.25 and 2.75 of doubled positions: distances 0.75, 0.25 from the one
    const out = await interpolate(x, { size: [1, 10], mode: 'bicubic' }).numbers()
    const near = (1.25 * 0.25 - 2.25) * 0.25 * 0.25 + 1
    const far = (1.25 * 0.75 - 2.25) * 0.75 * 0.75 + 1
    expectClose(out.slice(3, 7), [far, near, near, far], single, 'cubic')
  })
  onEachDevice('area and antialias average what shrinks', async () => {
    expectClose(await line([0, 2, 4, 6], { size: 2, mode: 'area' }), [1, 5], single, 'area')
    const x = arange(8).to('f32').reshape([1, 1, 1, 8])
    // a triangle of radius 2 around 1: weights 1/8, 3/8, 3/8, 1/8, cut at the edge
    const out = await interpolate(x, { size: [1, 4], mode: 'bilinear', antialias: true }).numbers()
    expectClose(out, [5 / 7, 2.5, 4.5, 44 / 7], single, 'antialias')
  })
})

test('what does not fit is refused by name', () => {
  const x = zeros([1, 1, 4, 4])
  expect(() => interpolate(x, { size: 2, mode: 'linear' })).toThrow(
    "interpolate: 'linear' resizes 1 axes, the tensor has 2",
  )
  expect(() => interpolate(x, {})).toThrow('interpolate: needs either a size or a scaleFactor')
  expect(() => interpolate(x, { size: 2, alignCorners: true })).toThrow(
    "interpolate: 'nearest' has no corners to align",
  )
})

// Pooling against torch's values and plain loops; the gradient of a maximum goes to the first of equal elements, as torch's does.

import { describe, expect, test } from 'vitest'
import { arange, grad, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { torchCase } from '../testing/torch-cases.ts'
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool2dWithIndices,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxUnpool,
} from './index.ts'

checkOp('maxPool1d', x => maxPool1d(x, 3, { stride: 2, padding: 1 }), {
  shapes: [
    [2, 3, 7],
    [3, 4],
  ],
})
checkOp('maxPool2d', x => maxPool2d(x, 2), { shapes: [[2, 3, 4, 5]], against: torchCase('max_pool2d'), webgpu: 'all' })
checkOp('maxPool2d overlapping', x => maxPool2d(x, 3, { stride: 2, padding: 1, dilation: [1, 2] }), {
  shapes: [[1, 2, 6, 7]],
  webgpu: 'all',
})
checkOp('maxPool2d with ceilMode', x => maxPool2d(x, 2, { ceilMode: true }), { shapes: [[1, 2, 5, 3]] })
checkOp('maxPool3d', x => maxPool3d(x, 2, { stride: 1 }), { shapes: [[1, 1, 3, 2, 3]] })
checkOp('avgPool1d', x => avgPool1d(x, 2), { shapes: [[2, 3, 5]] })
checkOp('avgPool2d', x => avgPool2d(x, 2), { shapes: [[2, 3, 4, 4]], against: torchCase('avg_pool2d'), webgpu: 'all' })
checkOp('avgPool2d overlapping', x => avgPool2d(x, 3, { stride: 2, padding: 1 }), { shapes: [[1, 2, 5, 6]] })
checkOp('avgPool3d', x => avgPool3d(x, [1, 2, 2], { divisorOverride: 3 }), { shapes: [[1, 2, 2, 4, 2]] })
checkOp('adaptiveAvgPool1d', x => adaptiveAvgPool1d(x, 3), {
  shapes: [
    [2, 3, 7],
    [1, 2, 6],
    [1, 1, 2],
  ],
})
checkOp('adaptiveAvgPool2d', x => adaptiveAvgPool2d(x, [3, null]), { shapes: [[2, 2, 5, 3]], webgpu: 'all' })
checkOp('adaptiveMaxPool1d', x => adaptiveMaxPool1d(x, 3), {
  shapes: [
    [2, 3, 7],
    [1, 2, 6],
    [1, 1, 2],
  ],
})
checkOp('adaptiveMaxPool2d', x => adaptiveMaxPool2d(x, [3, 2]), { shapes: [[2, 2, 5, 4]], webgpu: 'all' })

describe('what is pooled', () => {
  onEachDevice('maxima with their flat positions, and back', async () => {
    const x = tensor([
      [
        [
          [1, 5, 2, 0],
          [3, 4, 9, 8],
          [7, 7, 1, 1],
          [0, 2, 1, 1],
        ],
      ],
    ])
    const [values, indices] = maxPool2dWithIndices(x, 2)
    expect(await values.toArray()).toEqual([
      [
        [
          [5, 9],
          [7, 1],
        ],
      ],
    ])
    expect(await indices.toArray()).toEqual([
      [
        [
          [1, 6],
          [8, 10],
        ],
      ],
    ])
    expect(await maxUnpool(values, indices, [4, 4]).toArray()).toEqual([
      [
        [
          [0, 5, 0, 0],
          [0, 0, 9, 0],
          [7, 0, 1, 0],
          [0, 0, 0, 0],
        ],
      ],
    ])
    const [, overlapping] = maxPool1dWithIndices(tensor([[[-1, -2, -3]]]), 3, { stride: 1, padding: 1 })
    expect(await overlapping.toArray()).toEqual([[[0, 0, 1]]])
    const [, adaptive] = adaptiveMaxPool2dWithIndices(x, [1, 3])
    expect(await adaptive.toArray()).toEqual([[[[8, 6, 6]]]])
  })

  onEachDevice('the first of equal elements takes the whole gradient', async () => {
    const x = zeros([1, 1, 4]).detach()
    x.requiresGrad = true
    const [g] = grad(maxPool1d(x, 2, { stride: 1 }).sum(), [x])
    expect(await g.toArray()).toEqual([[[1, 1, 1, 0]]])
  })

  onEachDevice('NaN and infinities win as in torch', async () => {
    const x = tensor([[[NaN, 1, -Infinity, -Infinity, 2, Infinity]]], { requiresGrad: true })
    const y = maxPool1d(x, 2)
    expect(await y.toArray()).toEqual([[[NaN, -Infinity, Infinity]]])
    const [g] = grad(y.sum(), [x])
    expect(await g.toArray()).toEqual([[[1, 0, 1, 0, 0, 1]]])
  })

  onEachDevice('means at the edge count what torch counts', async () => {
    const x = arange(1, 6).to('f32').reshape([1, 1, 5])
    expect(await avgPool1d(x, 3, { stride: 2, padding: 1 }).toArray()).toEqual([[[1, 3, 3]]])
    expect(await avgPool1d(x, 3, { stride: 2, padding: 1, countIncludePad: false }).toArray()).toEqual([
      [[1.5, 3, 4.5]],
    ])
    expect(await avgPool1d(x, 2, { ceilMode: true }).toArray()).toEqual([[[1.5, 3.5, 5]]])
    expect(await avgPool2d(x.unsqueeze(2), [1, 5]).toArray()).toEqual([[[[3]]]])
  })

  onEachDevice('integers have maxima', async () => {
    expect(await maxPool1d(tensor([[[-3, -1, -2]]], { dtype: 'i32' }), 2, { padding: 1 }).toArray()).toEqual([
      [[-3, -1]],
    ])
  })
})

test('what does not fit is refused by name', () => {
  expect(() => maxPool2d(zeros([1, 1, 2, 2]), 3)).toThrow('maxPool2d: a kernel of [3, 3] does not fit the padded input')
  expect(() => avgPool1d(zeros([1, 1, 4]), 2, { padding: 2 })).toThrow(
    'avgPool1d: a padding of 2 is more than half of the kernel',
  )
  expect(() => adaptiveAvgPool1d(zeros([1, 1, 4]), 0)).toThrow('adaptiveAvgPool1d')
})

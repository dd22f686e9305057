// Convolutions against torch's values, against a plain loop over all sizes of windows, and their derivatives.

import { describe, expect, test } from 'vitest'
import { type Tensor, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'
import { torchCase } from '../testing/torch-cases.ts'
import { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d, fold, unfold } from './index.ts'

checkOp('conv1d', (x, w, b) => conv1d(x, w, b, { stride: 2, padding: 1 }), {
  shapes: [[[2, 3, 7], [4, 3, 3], [4]]],
  against: torchCase('conv1d'),
})
checkOp('conv1d same, dilated', (x, w) => conv1d(x, w, undefined, { padding: 'same', dilation: 2 }), {
  shapes: [
    [
      [1, 2, 6],
      [2, 2, 4],
    ],
  ],
  webgpu: 'all',
})
checkOp('conv2d', (x, w, b) => conv2d(x, w, b, { stride: 2, padding: 1 }), {
  shapes: [
    [[2, 3, 5, 4], [2, 3, 3, 3], [2]],
    [[0, 3, 5, 4], [2, 3, 3, 3], [2]],
  ],
  against: torchCase('conv2d'),
  dtypes: ['f16', 'bf16', 'f64'],
})
checkOp('conv2d without a batch', (x, w) => conv2d(x, w), {
  shapes: [
    [
      [2, 4, 4],
      [3, 2, 2, 3],
    ],
  ],
})
checkOp('conv2d 1x1', (x, w, b) => conv2d(x, w, b), { shapes: [[[2, 3, 4, 4], [5, 3, 1, 1], [5]]] })
checkOp('conv2d 1x1 with a stride', (x, w) => conv2d(x, w, undefined, { stride: 2 }), {
  shapes: [
    [
      [1, 3, 5, 4],
      [5, 3, 1, 1],
    ],
  ],
})
checkOp('conv2d in groups', (x, w) => conv2d(x, w, undefined, { padding: 2, dilation: 2, groups: 2 }), {
  shapes: [
    [
      [1, 4, 4, 4],
      [8, 2, 3, 3],
    ],
  ],
  against: torchCase('conv2d_groups_dilation'),
  webgpu: 'all',
})
checkOp('depthwise conv2d', (x, w) => conv2d(x, w, undefined, { padding: 1, stride: [1, 2], groups: 3 }), {
  shapes: [
    [
      [2, 3, 4, 5],
      [6, 1, 3, 2],
    ],
  ],
  webgpu: 'all',
})
checkOp('conv3d', (x, w) => conv3d(x, w, undefined, { padding: 1 }), {
  shapes: [
    [
      [1, 2, 2, 3, 3],
      [2, 2, 3, 3, 3],
    ],
  ],
  against: torchCase('conv3d'),
})
checkOp('convTranspose1d', (x, w, b) => convTranspose1d(x, w, b, { stride: 3, padding: 1, dilation: 2 }), {
  shapes: [[[2, 3, 4], [3, 2, 3], [2]]],
  webgpu: 'all',
})
checkOp('convTranspose2d', (x, w, b) => convTranspose2d(x, w, b, { stride: 2, padding: 1, outputPadding: 1 }), {
  shapes: [[[1, 3, 2, 3], [3, 2, 3, 3], [2]]],
  against: torchCase('conv_transpose2d'),
})
checkOp('convTranspose2d in groups', (x, w) => convTranspose2d(x, w, undefined, { stride: 2, groups: 2 }), {
  shapes: [
    [
      [1, 4, 2, 2],
      [4, 3, 2, 2],
    ],
    [
      [1, 8, 2, 2],
      [8, 1, 3, 2],
    ],
  ],
})
checkOp('convTranspose3d', (x, w) => convTranspose3d(x, w, undefined, { stride: [1, 2, 1] }), {
  shapes: [
    [
      [1, 2, 2, 2, 2],
      [2, 1, 2, 2, 2],
    ],
  ],
})
checkOp('unfold', x => unfold(x, [2, 3], { padding: 1, stride: [1, 2], dilation: [2, 1] }), {
  shapes: [[2, 2, 4, 5]],
})
checkOp('fold', x => fold(x, [4, 5], [2, 3], { padding: 1, stride: [1, 2] }), { shapes: [[2, 12, 15]] })

describe('against plain loops', () => {
  /** Every index at once: out[n][o][y][x] = sum over channels and kernel of x * w. */
  function plain(
    x: readonly number[],
    [n, c, h, wide]: readonly number[],
    w: readonly number[],
    [o, own, kh, kw]: readonly number[],
    [stride, padding, dilation, groups]: readonly number[],
  ): number[] {
    const sizeOf = (size: number, k: number) => Math.floor((size + 2 * padding - dilation * (k - 1) - 1) / stride) + 1
    const [oh, ow] = [sizeOf(h, kh), sizeOf(wide, kw)]
    const out: number[] = []
    for (let b = 0; b < n; b++)
      for (let f = 0; f < o; f++)
        for (let y = 0; y < oh; y++)
          for (let z = 0; z < ow; z++) {
            let sum = 0
            for (let d = 0; d < own; d++)
              for (let i = 0; i < kh; i++)
                for (let j = 0; j < kw; j++) {
                  const row = y * stride - padding + i * dilation
                  const column = z * stride - padding + j * dilation
                  if (row < 0 || row >= h || column < 0 || column >= wide) continue
                  const channel = Math.floor(f / (o / groups)) * own + d
                  sum += x[((b * c + channel) * h + row) * wide + column] * w[((f * own + d) * kh + i) * kw + j]
                }
            out.push(sum)
          }
    return out
  }

  onEachDevice('conv2d of random sizes', async device => {
    const from = draw('conv2d')
    for (let round = 0; round < (device === 'webgpu' ? 4 : 20); round++) {
      const pick = (low: number, high: number) => Math.floor(from.many(1, low, high + 1)[0])
      const groups = pick(1, 3)
      const x = [pick(1, 3), groups * pick(1, 4), pick(5, 12), pick(5, 12)]
      const w = [groups * pick(1, 6), x[1] / groups, pick(1, 3), pick(1, 3)]
      const [stride, padding, dilation] = [pick(1, 3), pick(0, 2), pick(1, 2)]
      const [a, b] = [x, w].map(shape =>
        from
          .many(
            shape.reduce((p, q) => p * q),
            -1,
            1,
          )
          .map(Math.fround),
      )
      const out = conv2d(tensor(Float32Array.from(a), x), tensor(Float32Array.from(b), w), undefined, {
        stride,
        padding,
        dilation,
        groups,
      })
      const wanted = plain(a, x, b, w, [stride, padding, dilation, groups])
      expectClose(await out.numbers(), wanted, single, `[${x}] with [${w}], ${[stride, padding, dilation, groups]}`)
    }
  })

  onEachDevice('integers convolve exactly', async () => {
    const ones = (shape: number[]): Tensor => zeros(shape, { dtype: 'i32' }).add(1)
    expect(await conv1d(ones([1, 2, 4]), ones([1, 2, 3])).toArray()).toEqual([[[6, 6]]])
  })
})

test('what does not fit is refused by name', () => {
  const x = zeros([1, 3, 4, 4])
  expect(() => conv2d(x, zeros([2, 2, 3, 3]))).toThrow(
    'conv2d: the input has 3 channels, the weight [2, 2, 3, 3] takes 2 in 1 group',
  )
  expect(() => conv2d(x, zeros([2, 3, 5, 5]))).toThrow('conv2d: a kernel of [5, 5] does not fit the padded input')
  expect(() => conv2d(x, zeros([2, 3, 3]))).toThrow('conv2d: the weight needs 4 axes (shape [2, 3, 3])')
  expect(() => conv2d(x, zeros([2, 3, 3, 3]), undefined, { padding: 'same', stride: 2 })).toThrow(
    "conv2d: padding 'same' needs stride 1; give the padding in numbers (stride [2, 2])",
  )
  expect(() => convTranspose2d(x, zeros([3, 2, 3, 3]), undefined, { outputPadding: 1 })).toThrow(
    'convTranspose2d: an outputPadding of 1 must be smaller than the stride or the dilation',
  )
})

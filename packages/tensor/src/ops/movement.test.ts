// Views and joins: each against torch's (or NumPy's) result on small numbers, and its gradient, which is the transposed movement.

import { describe, expect, test } from 'vitest'
import { arange, cat, type DType, type NestedArray, stack, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp, given } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { torchCase } from '../testing/torch-cases.ts'

const cube = [[2, 3, 4]] as const
const all = ['f16', 'bf16', 'f64'] as const

describe('reshaping', () => {
  checkOp('reshape', x => x.reshape([4, -1]), { shapes: [[2, 3, 4], [4], [4, 0, 2]], dtypes: all })
  checkOp('view', x => x.view([x.size]), { shapes: [[2, 3], []] })
  checkOp('flatten', x => x.flatten(), { shapes: [[2, 3, 4], [], [0, 3]] })
  checkOp('flatten the middle', x => x.flatten(1, -2), { shapes: [[2, 3, 2, 2]] })
  checkOp('squeeze', x => x.squeeze(), { shapes: [[1, 3, 1], [1], [2, 3]] })
  checkOp('squeeze one axis', x => x.squeeze(-1), {
    shapes: [
      [1, 3, 1],
      [2, 3],
    ],
  })
  checkOp('unsqueeze', x => x.unsqueeze(-1).unsqueeze(1), { shapes: [[2, 3], []] })
  checkOp('transpose and reshape', x => x.transpose(1, 2).reshape([x.shape[0], -1]), {
    shapes: cube,
    against: torchCase('transpose_reshape'),
  })
  checkOp('permute', x => x.permute([2, 0, 1]), { shapes: cube, dtypes: all })
  checkOp('permute twice', x => x.permute([2, 0, 1]).permute([2, 0, 1]), { shapes: cube })
  checkOp('transpose', x => x.transpose(0, -1), { shapes: [...cube, [1], [0, 3]] })
})

describe('stretching', () => {
  checkOp('expand', x => x.expand([4, 2, 3]), {
    shapes: [[2, 3], [2, 1], [], [4, 1, 1], [1, 1, 3]],
  })
  checkOp('expand with -1', x => x.expand([4, -1, 3]), { shapes: [[2, 1]] })
  checkOp('expand to nothing', x => x.expand([0, 3]), { shapes: [[1, 3], [3]] })
  checkOp('expandAs', (x, y) => x.expandAs(y).mul(y), {
    shapes: [
      [
        [2, 1],
        [2, 3],
      ],
    ],
  })
  checkOp('repeat', x => x.repeat(2, 3), { shapes: [[2, 2], [3], []] })
  checkOp('repeat to nothing', x => x.repeat(0), { shapes: [[3]] })
  checkOp('repeatInterleave', x => x.repeatInterleave(3, -1), { shapes: [[2, 2], [3]] })
})

describe('cutting', () => {
  checkOp('slice', x => x.slice([1, null], 0, [null, null, 2]), { shapes: [[3, 2, 5]], dtypes: all })
  checkOp('slice backwards', x => x.slice([null, null, -2], [3, 0, -1]), {
    shapes: [
      [5, 4],
      [4, 4],
    ],
  })
  checkOp('slice from the end', x => x.slice([-3, -1], [-1, null, -3]), { shapes: [[5, 8]] })
  checkOp('slice to nothing', x => x.slice([3, 1]), { shapes: [[4, 2]] })
  checkOp('slice beyond the end', x => x.slice([1, 100], [-100, 2]), { shapes: [[3, 3]] })
  checkOp('slice of a slice', x => x.slice([1, null, 2]).slice([null, null, -1]), { shapes: [[7]] })
  checkOp('narrow', x => x.narrow(1, 1, 2), { shapes: [[2, 4, 3]] })
  checkOp('narrow from the end', x => x.narrow(-1, -2, 2), { shapes: [[2, 5]] })
  checkOp('narrow to nothing', x => x.narrow(0, 2, 0), { shapes: [[2]] })
  checkOp('narrow from a tensor', (x, start) => x.narrow(1, start, 2), {
    inputs: [0, 2, 3, -5, 99].map(start => [given([2, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), given([], [start], 'i32')]),
    dtypes: all,
  })
  checkOp('select', x => x.select(1, -1), { shapes: cube })
  checkOp('flip', x => x.flip([0, -1]), { shapes: [...cube, [0, 2]], dtypes: all })
  checkOp('one of split', x => x.split(2, 1)[1], { shapes: [[2, 5]] })
  checkOp('the rest of split', x => x.split(2, 1)[2], { shapes: [[2, 5]] })
  checkOp('chunk, all parts', x => cat(x.chunk(3).reverse()), { shapes: [[7, 2], [2]] })
  checkOp('one of unbind', x => x.unbind(1)[1], { shapes: cube })
  checkOp('tril', x => x.tril(1), {
    shapes: [
      [3, 4],
      [2, 4, 3],
    ],
  })
  checkOp('triu', x => x.triu(-1), {
    shapes: [
      [3, 4],
      [2, 4, 3],
    ],
  })
})

describe('padding', () => {
  const widths = [
    [1, 0],
    [2, 3],
  ] as const
  checkOp('pad', x => x.pad(widths), {
    shapes: [
      [2, 3],
      [0, 2],
    ],
    dtypes: all,
  })
  checkOp('pad with a value', x => x.pad(widths, -1.5), { shapes: [[2, 3]] })
  checkOp(
    'pad that cuts',
    x =>
      x.pad([
        [-1, 2],
        [1, -2],
      ]),
    { shapes: [[3, 4]] },
  )
  checkOp('dilate', x => x.dilate(1, 3), {
    shapes: [
      [2, 3],
      [2, 1],
      [2, 0],
    ],
  })
})

describe('joining', () => {
  checkOp('cat', (a, b) => cat([a, b], 1), {
    shapes: [
      [
        [2, 3],
        [2, 1],
      ],
      [
        [2, 0],
        [2, 3],
      ],
    ],
    against: torchCase('cat'),
    dtypes: all,
  })
  checkOp('cat of three, one twice', (a, b) => cat([a, b, a], -2), {
    shapes: [
      [
        [1, 3],
        [2, 3],
      ],
    ],
  })
  checkOp('stack', (a, b) => stack([a, b], -1), {
    shapes: [
      [
        [2, 3],
        [2, 3],
      ],
      [[], []],
    ],
  })
})

describe('values that torch and NumPy give', () => {
  const x = (): Tensor => arange(6).reshape([2, 3])
  const line = (): Tensor => arange(5)
  const cases: [string, () => Tensor, NestedArray][] = [
    ['slice', () => x().slice([1, null], [0, 2]), [[3, 4]]],
    ['an index drops its axis', () => x().slice(-1), [3, 4, 5]],
    ['two indices', () => x().slice(1, 2), 5],
    ['null keeps an axis', () => x().slice(null, 1), [1, 4]],
    ['[::-1]', () => line().slice([null, null, -1]), [4, 3, 2, 1, 0]],
    ['[3:0:-2]', () => line().slice([3, 0, -2]), [3, 1]],
    ['[-2::-1]', () => line().slice([-2, null, -1]), [3, 2, 1, 0]],
    ['[:2:-1]', () => line().slice([null, 2, -1]), [4, 3]],
    ['[10:-10:-2]', () => line().slice([10, -10, -2]), [4, 2, 0]],
    ['[-10:10:3]', () => line().slice([-10, 10, 3]), [0, 3]],
    ['[4:1]', () => line().slice([4, 1]), []],
    ['[1:4:-1]', () => line().slice([1, 4, -1]), []],
    ['narrow clamps a tensor start', () => line().narrow(0, tensor(4, { dtype: 'i32' }), 3), [2, 3, 4]],
    ['narrow clamps a negative tensor start', () => line().narrow(0, tensor(-4, { dtype: 'i32' }), 3), [0, 1, 2]],
    ['narrow from a u8 start', () => line().narrow(0, tensor(1, { dtype: 'u8' }), 2), [1, 2]],
    ['flip', () => x().flip(1), [[2, 1, 0], [5, 4, 3]]], // biome-ignore format: a matrix
    ['pad', () => arange(1, 3).pad([[1, 2]]), [0, 1, 2, 0, 0]],
    ['pad with a value', () => arange(1, 3).pad([[1, 0]], 9), [9, 1, 2]],
    ['pad of bool', () => tensor([true]).pad([[1, 1]]), [false, true, false]],
    ['pad of bool with true', () => tensor([false]).pad([[1, 0]], 1), [true, false]],
    ['pad that cuts both ends', () => line().pad([[-1, -2]]), [1, 2]],
    ['dilate', () => arange(1, 4).dilate(0, 3), [1, 0, 0, 2, 0, 0, 3]],
    ['repeat', () => arange(2).repeat(2, 2), [[0, 1, 0, 1], [0, 1, 0, 1]]], // biome-ignore format: a matrix
    ['repeatInterleave', () => arange(2).repeatInterleave(3, 0), [0, 0, 0, 1, 1, 1]],
    ['tril', () => x().tril(), [[0, 0, 0], [3, 4, 0]]], // biome-ignore format: a matrix
    ['triu', () => x().triu(1), [[0, 1, 2], [0, 0, 5]]], // biome-ignore format: a matrix
    ['tril of bool', () => tensor([[true, true]]).tril(), [[true, false]]],
    ['cat promotes', () => cat([arange(2), tensor([0.5])]), [0, 1, 0.5]],
    ['transpose', () => x().transpose(0, 1), [[0, 3], [1, 4], [2, 5]]], // biome-ignore format: a matrix
    ['empty rows', () => zeros([2, 0]), [[], []]],
  ]
  for (const [name, make, wanted] of cases)
    onEachDevice(
      name,
      async () => {
        expect(await make().toArray()).toEqual(wanted)
      },
      { on: ['reference', 'wasm'] },
    )
  test('split, chunk and unbind give the sizes of torch', () => {
    const t = zeros([7, 2], { device: 'reference' })
    expect(t.split(3).map(p => p.shape[0])).toEqual([3, 3, 1])
    expect(t.split([4, 0, 3]).map(p => p.shape[0])).toEqual([4, 0, 3])
    expect(t.chunk(3).map(p => p.shape[0])).toEqual([3, 3, 1])
    expect(t.chunk(4).map(p => p.shape[0])).toEqual([2, 2, 2, 1])
    expect(t.chunk(9).map(p => p.shape[0])).toEqual([1, 1, 1, 1, 1, 1, 1])
    expect(zeros([0], { device: 'reference' }).split(2)).toHaveLength(1)
    expect(t.unbind(1).map(p => p.shape)).toEqual([[7], [7]])
  })
})

describe('every dtype moves', () => {
  onEachDevice(
    'permute, slice, pad, cat',
    async () => {
      for (const dtype of ['f32', 'f16', 'bf16', 'f64', 'i32', 'u32', 'i8', 'u8', 'i64'] as const) {
        const x = tensor(
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          { dtype },
        )
        const moved = cat([x.transpose(0, 1).slice([null, null, -2]), x.narrow(1, 0, 2)], 0).pad([
          [0, 1],
          [1, 0],
        ])
        expect(moved.dtype).toBe(dtype)
        expect(await moved.toArray()).toEqual([
          [0, 3, 6],
          [0, 1, 4],
          [0, 1, 2],
          [0, 4, 5],
          [0, 0, 0],
        ])
      }
    },
    { on: ['reference', 'wasm'] },
  )
})

describe('errors', () => {
  const x = (dtype: DType = 'f32'): Tensor => zeros([2, 3], { device: 'reference', dtype })
  const start = (list: number[], dtype: DType = 'i32'): Tensor => tensor(list, { dtype, device: 'reference' })
  const pairs = (...list: [number, number][]) => list
  const cases: [string, () => unknown, RegExp][] = [
    ['reshape to another size', () => x().reshape([4]), /^reshape: \[2, 3\] has 6 elements, \[4\] has 4/],
    ['reshape that does not divide', () => x().reshape([-1, 4]), /^reshape: \[2, 3\] does not divide into \[-1, 4\]/],
    ['reshape with two free sizes', () => x().reshape([-1, -1]), /^reshape: .*\[-1, -1\]/],
    ['reshape to a fraction', () => x().reshape([2.5, 2]), /^reshape: sizes must be non-negative integers/],
    [
      'expand of a size',
      () => x().expand([4, 3]),
      /^expand: \[2, 3\] does not expand to \[4, 3\]; only axes of size 1/,
    ],
    ['expand to fewer axes', () => x().expand([3]), /^expand: \[3\] has fewer axes than \[2, 3\]/],
    ['permute without an axis', () => x().permute([0]), /^permute: \[0\] does not name each of 2 axes once/],
    ['permute with an axis twice', () => x().permute([0, 0]), /^permute: \[0, 0\]/],
    [
      'transpose of an axis outside',
      () => x().transpose(0, 2),
      /^transpose: axis 2 is outside of a tensor with 2 axes/,
    ],
    ['unsqueeze outside', () => x().unsqueeze(4), /^unsqueeze: axis 4/],
    ['squeeze outside', () => x().squeeze(2), /^squeeze: axis 2/],
    ['flatten in the wrong order', () => x().flatten(1, 0), /^flatten: .*1.*0/],
    ['an index outside', () => x().slice(2), /^slice: index 2 is outside of axis 0 \(size 2\)/],
    ['a negative index outside', () => x().slice(0, -4), /^slice: index -4 is outside of axis 1/],
    ['a fractional index', () => x().slice(0.5), /^slice: index 0\.5/],
    ['a fractional bound', () => x().slice([0.5, 2]), /^slice: .*0\.5/],
    ['a bound that is NaN', () => x().slice([0, NaN]), /^slice: .*NaN/],
    ['a step of 0', () => x().slice([0, 2, 0]), /^slice: a step must be a non-zero integer, not 0/],
    ['a fractional step', () => x().slice([0, 2, 1.5]), /^slice: a step must be a non-zero integer, not 1\.5/],
    ['too many ranges', () => x().slice(0, 0, 0), /^slice: 3 ranges for a tensor with 2 axes/],
    ['narrow beyond the end', () => x().narrow(1, 2, 2), /^narrow: 2 elements from 2 do not fit axis 1 \(size 3\)/],
    ['narrow before the start', () => x().narrow(1, -4, 1), /^narrow: 1 elements from -4/],
    ['narrow of a fraction', () => x().narrow(1, 0, 1.5), /^narrow: the length must be an integer.*1\.5/],
    ['narrow longer than the axis', () => x().narrow(1, start([0]).slice(0), 4), /^narrow: .*4/],
    [
      'narrow from a vector',
      () => x().narrow(1, start([0, 1]), 1),
      /^narrow: a tensor start must be 0-d \(shape \[2\]\)/,
    ],
    ['narrow from a float', () => x().narrow(1, start([0], 'f32').slice(0), 1), /^narrow: .*f32.*\.to\('i32'\)/],
    ['select outside', () => x().select(1, 3), /^(select|slice): index 3 is outside of axis 1/],
    ['flip outside', () => x().flip(2), /^flip: axis 2/],
    ['pad of too few axes', () => x().pad(pairs([1, 1])), /^pad: needs a pair of widths for each of 2 axes, got 1/],
    ['pad by a fraction', () => x().pad(pairs([0.5, 0], [0, 0])), /^pad: .*0\.5/],
    ['pad that cuts too much', () => x().pad(pairs([0, -3], [0, 0])), /^pad: .*-3/],
    [
      'pad integers with a fraction',
      () => x('i32').pad(pairs([1, 0], [0, 0]), 0.5),
      /0\.5 is not an integer.*\.to\('f32'\)/,
    ],
    ['dilate by 0', () => x().dilate(0, 0), /^dilate: .*0/],
    ['cat of nothing', () => cat([]), /^cat: needs at least one tensor/],
    ['cat of ranks', () => cat([x(), x().reshape([6])]), /^cat: ranks differ: \[2, 3\] and \[6\]/],
    [
      'cat of sizes',
      () => cat([x(), x().transpose(0, 1)]),
      /^cat: sizes differ outside of axis 0: \[2, 3\] and \[3, 2\]/,
    ],
    ['cat outside', () => cat([x(), x()], 2), /^cat: axis 2/],
    ['stack of nothing', () => stack([]), /^stack: needs at least one tensor/],
    ['stack of shapes', () => stack([x(), x().transpose(0, 1)]), /^stack: shapes differ: \[2, 3\] and \[3, 2\]/],
    ['split that does not add up', () => x().split([1, 1], 1), /^split: sizes \[1, 1\] do not add up to 3 \(axis 1\)/],
    ['split into nothing', () => x().split(0), /^split: .*0/],
    ['split into negative sizes', () => x().split([4, -1], 1), /^split: .*-1/],
    ['chunk into nothing', () => x().chunk(0), /^chunk: .*0/],
    ['repeat of too few', () => x().repeat(2), /^repeat: needs at least 2 counts, got 1/],
    ['repeat of a negative', () => x().repeat(2, -1), /^repeat: .*-1/],
    ['repeatInterleave of a fraction', () => x().repeatInterleave(1.5, 0), /^repeatInterleave: .*1\.5/],
    [
      'tril of a vector',
      () => zeros([3], { device: 'reference' }).tril(),
      /^tril: needs at least two axes \(shape \[3\]\)/,
    ],
  ]
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
})

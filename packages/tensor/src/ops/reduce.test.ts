// Reductions: every set of axes, empty and 0-d inputs, NaN and ties, integers, halves that would overflow, and what is made of them.

import { describe, expect, test } from 'vitest'
import { type DType, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp, given } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { torchCase } from '../testing/torch-cases.ts'

const shapes = [[3, 5], [], [1], [2, 3, 4]] as const
const withEmpty = [...shapes, [0, 4], [3, 0]] as const
const matrices = [
  [3, 5],
  [1, 1],
  [4, 2],
] as const
const halves = ['f16', 'bf16', 'f64'] as const

describe('sums and products', () => {
  checkOp('sum', x => x.sum(), { shapes: withEmpty, dtypes: [...halves] })
  checkOp('sum along an axis', x => x.sum(1), {
    shapes: [
      [2, 5, 8],
      [3, 0],
      [0, 4],
    ],
    against: torchCase('sum_dim'),
  })
  checkOp('sum along the first and last axis', x => x.sum([0, -1]), { shapes: [[2, 3, 4]] })
  checkOp('sum kept', x => x.sum([-1, 0], { keepDim: true }), { shapes: [[2, 3, 4]] })
  checkOp('sum over no axis', x => x.sum([]), { shapes: [[3], []] })
  checkOp('sum of many', x => x.sum(), { shapes: [[4099]], second: false, tolerance: { absolute: 1e-3 } })
  checkOp('sum of a broadcast', x => x.expand([3, 4]).sum(0), { shapes: [[4], [1]] })
  checkOp('mean', x => x.mean(), { shapes, dtypes: halves })
  checkOp('mean kept', x => x.mean(-1, { keepDim: true }), { shapes: matrices, against: torchCase('mean_keepdim') })
  checkOp('prod', x => x.prod(), { shapes: withEmpty, dtypes: ['f64'] })
  checkOp('prod along an axis', x => x.prod(-1), { shapes: matrices, against: torchCase('prod') })
  checkOp('prod with a zero', x => x.prod(-1), { inputs: [[given([2, 3], [2, 0, 3, 4, 5, 6])]] })
  checkOp('prod with two zeros', x => x.prod(-1), { inputs: [[given([3], [0, 0, 3])]], second: false })
  checkOp('norm', x => x.norm(-1), { shapes: matrices, dtypes: halves })
  checkOp('variance', x => x.variance(-1), {
    shapes: [
      [3, 5],
      [4, 2],
    ],
    against: torchCase('var_unbiased'),
    dtypes: halves,
  })
  checkOp('variance of a population', x => x.variance([0, 1], { correction: 0 }), { shapes: [[3, 5]] })
  checkOp('std', x => x.std(-1, { keepDim: true }), {
    shapes: [
      [3, 5],
      [4, 2],
    ],
    dtypes: halves,
  })
})

describe('extremes', () => {
  checkOp('max', x => x.max(), { shapes, dtypes: halves })
  checkOp('max along an axis', x => x.max(-1), { shapes: matrices, against: torchCase('max_dim') })
  checkOp('min', x => x.min(0, { keepDim: true }), { shapes: matrices, dtypes: halves })
  checkOp('max of an empty result', x => x.max(1), { shapes: [[0, 4]] })
  checkOp('argmax', x => x.argmax(), { shapes: matrices, gradient: false, dtypes: halves })
  checkOp('argmin kept', x => x.argmin(0, { keepDim: true }), { shapes: matrices, gradient: false })
})

describe('softmax and relatives', () => {
  checkOp('softmax', x => x.softmax(-1), {
    shapes: [[3, 5], [0, 4], [3, 0], [1], [2, 3, 4]],
    against: torchCase('softmax'),
    dtypes: halves,
  })
  checkOp('softmax of the middle axis', x => x.softmax(1), { shapes: [[2, 3, 4]], against: torchCase('softmax_dim1') })
  checkOp('logSoftmax', x => x.logSoftmax(-1), { shapes: matrices, against: torchCase('log_softmax'), dtypes: halves })
  checkOp('logsumexp', x => x.logsumexp(-1), { shapes: matrices, against: torchCase('logsumexp'), dtypes: halves })
  checkOp('logsumexp kept', x => x.logsumexp([0, 1], { keepDim: true }), { shapes: matrices })
  checkOp('softmax of large numbers', x => x.softmax(0), { inputs: [[given([3], [1e30, -1e30, 3e38])]], second: false })
})

const read = (x: Tensor): Promise<number[]> => x.numbers()
const i = (list: number[], dtype: DType): Tensor => tensor(list, { dtype })

describe('values that torch gives', () => {
  const empty = (dtype: DType = 'f32'): Tensor => zeros([0], { dtype })
  const none = (dtype: DType = 'f32'): Tensor => zeros([2, 0], { dtype })
  const cases: [string, () => Tensor, number[], DType][] = [
    ['empty sum', () => empty().sum(), [0], 'f32'],
    ['empty sum along an axis', () => none().sum(1), [0, 0], 'f32'],
    ['empty prod', () => none().prod(1), [1, 1], 'f32'],
    ['empty mean', () => empty().mean(), [NaN], 'f32'],
    ['empty variance', () => empty().variance(), [NaN], 'f32'],
    ['variance of one', () => tensor([3]).variance(), [NaN], 'f32'],
    ['empty any', () => none('bool').any(1), [0, 0], 'bool'],
    ['empty all', () => none('bool').all(1), [1, 1], 'bool'],
    ['any', () => i([0, 0, 0, 1], 'bool').reshape([2, 2]).any(1), [0, 1], 'bool'],
    ['all', () => i([0, 1, 1, 1], 'bool').reshape([2, 2]).all(1), [0, 1], 'bool'],
    ['any of floats', () => tensor([0, -0, 1e-40]).any(), [1], 'bool'],
    ['all of NaN', () => tensor([NaN, 1]).all(), [1], 'bool'],
    ['any of 0-d', () => tensor(3).any(), [1], 'bool'],
    ['sum of bool', () => i([1, 1, 0], 'bool').sum(), [2], 'i32'],
    ['sum of u8 does not wrap', () => i([255, 255], 'u8').sum(), [510], 'i32'],
    ['sum of i8 does not wrap', () => i([-128, -128], 'i8').sum(), [-256], 'i32'],
    ['sum of i32 wraps', () => i([2 ** 31 - 1, 1], 'i32').sum(), [-(2 ** 31)], 'i32'],
    ['sum of u32', () => i([2 ** 31, 5], 'u32').sum(), [2 ** 31 + 5], 'u32'],
    ['prod of i32', () => i([3, -4, 5], 'i32').prod(), [-60], 'i32'],
    ['prod of i32 wraps', () => i([65537, 65537, 3], 'i32').prod(), [393219], 'i32'],
    ['max of i32', () => i([-5, -9], 'i32').max(), [-5], 'i32'],
    ['max of u32 is unsigned', () => i([2 ** 31, 5], 'u32').max(), [2 ** 31], 'u32'],
    ['min of u8', () => i([200, 100], 'u8').min(), [100], 'u8'],
    ['min of i8', () => i([-100, 100], 'i8').min(), [-100], 'i8'],
    ['max of bool', () => i([0, 1], 'bool').max(), [1], 'i32'],
    ['max with NaN', () => tensor([1, NaN, 3]).max(), [NaN], 'f32'],
    ['min with NaN', () => tensor([1, NaN, 3]).min(), [NaN], 'f32'],
    ['max of -Infinity', () => tensor([-Infinity, -Infinity]).max(), [-Infinity], 'f32'],
    ['sum of infinities', () => tensor([Infinity, -Infinity]).sum(), [NaN], 'f32'],
    ['argmax takes the first of ties', () => tensor([1, 3, 3, 2]).argmax(), [1], 'i32'],
    ['argmin takes the first of ties', () => tensor([2, 1, 1, 3]).argmin(), [1], 'i32'],
    ['argmax takes the first NaN', () => tensor([1, NaN, 5, NaN]).argmax(), [1], 'i32'],
    ['argmin takes the first NaN', () => tensor([1, NaN, -5, NaN]).argmin(), [1], 'i32'],
    ['argmax of -Infinity', () => tensor([-Infinity, -Infinity]).argmax(), [0], 'i32'],
    ['argmax of i32', () => i([5, -7, 9, 9], 'i32').argmax(), [2], 'i32'],
    ['argmax of u32', () => i([5, 2 ** 31], 'u32').argmax(), [1], 'i32'],
    ['argmax of bool', () => i([0, 1, 1], 'bool').argmax(), [1], 'i32'],
    ['softmax of -Infinity alone', () => tensor([-Infinity, -Infinity]).softmax(0), [NaN, NaN], 'f32'],
    ['softmax with -Infinity', () => tensor([-Infinity, 0, 0]).softmax(0), [0, 0.5, 0.5], 'f32'],
    ['softmax with Infinity', () => tensor([Infinity, 0]).softmax(0), [NaN, NaN], 'f32'],
    ['softmax of integers', () => i([7, 7], 'i32').softmax(0), [0.5, 0.5], 'f32'],
    ['logSoftmax with -Infinity', () => tensor([-Infinity, 0]).logSoftmax(0), [-Infinity, 0], 'f32'],
    ['logsumexp of -Infinity', () => tensor([-Infinity, -Infinity]).logsumexp(0), [-Infinity], 'f32'],
    ['logsumexp of Infinity', () => tensor([Infinity, 0]).logsumexp(0), [Infinity], 'f32'],
    ['logsumexp of an integer', () => i([7], 'i32').logsumexp(0), [7], 'f32'],
    ['norm of nothing', () => empty().norm(), [0], 'f32'],
  ]
  for (const [name, make, wanted, dtype] of cases)
    onEachDevice(
      name,
      async () => {
        const x = make()
        expect(x.dtype).toBe(dtype)
        expect(await read(x)).toEqual(wanted)
      },
      { on: ['reference', 'wasm'] },
    )
})

describe('f16 and bf16 are summed in f32', () => {
  const many = (value: number, n: number, dtype: DType): Tensor => tensor(new Array(n).fill(value), { dtype })
  onEachDevice('a mean whose sum has no f16', async () => {
    expect(await read(many(1000, 100, 'f16').mean())).toEqual([1000])
    expect(await read(many(1000, 100, 'f16').variance())).toEqual([0])
    expect(many(1, 1, 'f16').mean().dtype).toBe('f16')
  })
  onEachDevice('a norm whose square has no f16', async () => {
    expect(await read(many(300, 4, 'f16').norm())).toEqual([600])
  })
  onEachDevice('a softmax of more elements than f16 counts', async () => {
    const n = 70_000
    expect((await read(many(0, n, 'f16').softmax(0)))[0] * n).toBeCloseTo(1, 2)
    expect((await read(many(0, n, 'f16').logSoftmax(0)))[0]).toBeCloseTo(-Math.log(n), 1)
    expect((await read(many(0, n, 'f16').logsumexp(0)))[0]).toBeCloseTo(Math.log(n), 1)
  })
  onEachDevice('ties of more elements than f16 counts', async () => {
    const x = tensor(new Array(4099).fill(1), { dtype: 'f16', requiresGrad: true })
    x.max().backward({ gradient: tensor(4099, { dtype: 'f16' }) })
    expect((await read(x.grad!))[17]).toBeCloseTo(1, 2)
  })
})

describe('gradients where a derivative has to be chosen are those of torch', () => {
  const cases: [string, (x: Tensor) => Tensor, number[], number[]][] = [
    ['ties of max share', x => x.max(), [3, 1, 3], [0.5, 0, 0.5]],
    ['ties of min share', x => x.min(0), [3, 1, 1], [0, 0.5, 0.5]],
    ['norm at 0', x => x.norm(), [0, 0], [0, 0]],
    ['std at 0', x => x.std(), [2, 2], [0, 0]],
    ['prod at one zero', x => x.prod(), [0, 2, 3], [6, 0, 0]],
    ['prod at two zeros', x => x.prod(), [0, 0, 3], [0, 0, 0]],
    ['logsumexp with -Infinity', x => x.logsumexp(0), [-Infinity, 0], [0, 1]],
    ['softmax of one', x => x.softmax(0), [4], [0]],
  ]
  for (const [name, f, at, slope] of cases)
    onEachDevice(
      name,
      async () => {
        const x = tensor(at, { requiresGrad: true })
        f(x).sum().backward()
        expect(await read(x.grad!.add(0))).toEqual(slope)
      },
      { on: ['reference', 'wasm'] },
    )
})

describe('errors', () => {
  const x = (): Tensor => zeros([2, 3], { device: 'reference' })
  const none = (): Tensor => zeros([2, 0], { device: 'reference' })
  const cases: [string, () => unknown, RegExp][] = [
    ['an axis outside', () => x().sum(2), /^sum: axis 2 is outside of a tensor with 2 axes/],
    ['a negative axis outside', () => x().mean(-3), /^(mean|sum): axis -3 is outside of a tensor with 2 axes/],
    ['a fractional axis', () => x().max(0.5), /^max: an axis is an integer, not 0\.5/],
    ['an axis twice', () => x().sum([1, -1]), /^sum: axis 1 is given twice/],
    ['the largest of nothing', () => none().max(1), /^max: an empty axis has no max .*\[2, 0\]/],
    ['the smallest of nothing', () => none().min(), /^min: an empty axis has no min/],
    ['the position in nothing', () => none().argmax(1), /^argmax: an empty axis has no position/],
    [
      'a mean of integers',
      () => x().to('i32').mean(),
      /^mean: needs floating point, not i32; convert with \.to\('f32'\)/,
    ],
    ['a variance of integers', () => x().to('i32').variance(), /^variance: needs floating point, not i32/],
    ['a softmax axis outside', () => x().softmax(2), /^softmax: axis 2/],
    ['a logSoftmax axis outside', () => x().logSoftmax(2), /^logSoftmax: axis 2/],
    ['an argmin axis outside', () => x().argmin(2), /^argmin: axis 2/],
    ['a logsumexp axis outside', () => x().logsumexp(2), /^logsumexp: axis 2/],
  ]
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
})

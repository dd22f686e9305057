// Elementwise ops: values and derivatives of each, then what differs from plain arithmetic: promotion, integers, numbers beside
// tensors, casts, errors.

import { describe, expect, test } from 'vitest'
import { type DType, manualSeed, noGrad, rand, Tensor, tensor, where } from '../index.ts'
import { erf } from '../kernel/erf.ts'
import { checkOp, given, supports } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { torchCase } from '../testing/torch-cases.ts'

const halfEven = (x: number): number => {
  const low = Math.floor(x)
  return x - low < 0.5 || (x - low === 0.5 && low % 2 === 0) ? low : low + 1
}
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const softplus = (x: number): number => (x > 20 ? x : Math.log1p(Math.exp(x)))
/** IEEE 754's pow, which torch follows: 1 ** NaN and (-1) ** Infinity are 1. */
const pow = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b)
const shapes = [[3, 5], [], [0, 4], [1]] as const
const pairs = [
  [
    [2, 3],
    [2, 3],
  ],
  [
    [4, 1, 3],
    [2, 1],
  ],
  [[], [3]],
  [[], []],
  [
    [0, 3],
    [1, 3],
  ],
] as const
const halves = ['f16', 'bf16', 'f64'] as const
const positive = [0.2, 3] as const
/** results below f32's normal range may lose their last digits when several operations round */
const loose = { absolute: 1e-37, relative: 1e-5 }

describe('functions of one tensor', () => {
  checkOp('neg', x => x.neg(), { shapes, plain: x => -x, dtypes: halves })
  checkOp('abs', x => x.abs(), { shapes, plain: Math.abs, dtypes: halves })
  checkOp('exp', x => x.exp(), { shapes, plain: Math.exp, dtypes: halves, against: torchCase('exp') })
  checkOp('log', x => x.log(), { shapes, range: positive, plain: Math.log, dtypes: halves, against: torchCase('log') })
  checkOp('log1p', x => x.log1p(), { shapes, range: [-0.5, 3], plain: Math.log1p, dtypes: halves })
  checkOp('expm1', x => x.expm1(), { shapes, plain: Math.expm1, dtypes: halves })
  checkOp('sin', x => x.sin(), { shapes, plain: Math.sin, dtypes: halves })
  checkOp('cos', x => x.cos(), { shapes, plain: Math.cos, dtypes: halves })
  checkOp('tan', x => x.tan(), { shapes, range: [-1, 1], plain: Math.tan, dtypes: halves })
  checkOp('tanh', x => x.tanh(), { shapes, plain: Math.tanh, dtypes: halves, against: torchCase('tanh') })
  checkOp('erf', x => x.erf(), { shapes, plain: erf, dtypes: halves })
  checkOp('sqrt', x => x.sqrt(), {
    shapes,
    range: positive,
    plain: Math.sqrt,
    dtypes: halves,
    against: torchCase('sqrt'),
  })
  checkOp('rsqrt', x => x.rsqrt(), { shapes, range: positive, plain: x => 1 / Math.sqrt(x), dtypes: halves })
  checkOp('reciprocal', x => x.reciprocal(), { shapes, range: positive, plain: x => 1 / x, dtypes: halves })
  checkOp('square', x => x.square(), { shapes, plain: x => x * x, dtypes: halves })
  checkOp('floor', x => x.floor(), { shapes, plain: Math.floor, dtypes: halves })
  checkOp('ceil', x => x.ceil(), { shapes, plain: Math.ceil, dtypes: halves })
  checkOp('round', x => x.round(), { shapes, plain: halfEven, dtypes: halves })
  checkOp('trunc', x => x.trunc(), { shapes, plain: Math.trunc, dtypes: halves })
  checkOp('sign', x => x.sign(), { shapes, plain: Math.sign, dtypes: [...halves, 'i32', 'i8', 'u8', 'u32'] })
  checkOp('isnan', x => x.isnan(), { shapes, plain: x => (Number.isNaN(x) ? 1 : 0), gradient: false })
})

describe('activations', () => {
  checkOp('relu', x => x.relu(), {
    shapes,
    plain: x => Math.max(x, 0),
    dtypes: halves,
    against: torchCase('relu'),
  })
  checkOp('sigmoid', x => x.sigmoid(), {
    shapes,
    plain: sigmoid,
    plainTolerance: loose,
    dtypes: halves,
    against: torchCase('sigmoid'),
  })
  checkOp('silu', x => x.silu(), {
    shapes,
    plain: x => x * sigmoid(x),
    plainTolerance: loose,
    dtypes: halves,
    against: torchCase('silu'),
  })
  checkOp('gelu', x => x.gelu(), {
    shapes,
    plain: x => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
    plainTolerance: loose,
    dtypes: halves,
    against: torchCase('gelu_erf'),
  })
  checkOp('gelu by tanh', x => x.gelu({ approximate: 'tanh' }), {
    shapes,
    plain: x => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    plainTolerance: loose,
    dtypes: halves,
    against: torchCase('gelu_tanh'),
  })
  checkOp('softplus', x => x.softplus(), {
    shapes,
    plain: softplus,
    plainTolerance: loose,
    dtypes: halves,
    against: torchCase('softplus'),
  })
  checkOp('elu', x => x.elu(), {
    shapes,
    plain: x => (x > 0 ? x : Math.expm1(x)),
    dtypes: halves,
    against: torchCase('elu'),
  })
  checkOp('elu with alpha', x => x.elu(0.3), { shapes, plain: x => (x > 0 ? x : 0.3 * Math.expm1(x)) })
  checkOp('leakyRelu', x => x.leakyRelu(0.1), {
    shapes,
    plain: x => (x > 0 ? x : Math.fround(0.1) * x),
    dtypes: halves,
    against: torchCase('leaky_relu'),
  })
  checkOp('mish', x => x.mish(), {
    shapes,
    plain: x => x * Math.tanh(softplus(x)),
    plainTolerance: loose,
    dtypes: halves,
    against: torchCase('mish'),
  })
  checkOp('hardsigmoid', x => x.hardsigmoid(), {
    shapes,
    range: [-5, 5],
    plain: x => Math.min(Math.max(x + 3, 0), 6) / 6,
    dtypes: halves,
  })
  checkOp('hardswish', x => x.hardswish(), {
    shapes,
    range: [-5, 5],
    plain: x => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
    dtypes: halves,
    against: torchCase('hardswish'),
  })
  checkOp('logSigmoid', x => x.logSigmoid(), {
    shapes,
    plain: x => -softplus(-x),
    plainTolerance: loose,
    dtypes: halves,
  })
})

describe('functions of two tensors', () => {
  checkOp('add', (a, b) => a.add(b), {
    shapes: pairs,
    plain: (a, b) => a + b,
    dtypes: halves,
    against: torchCase('add_broadcast'),
  })
  checkOp('sub', (a, b) => a.sub(b), { shapes: pairs, plain: (a, b) => a - b, dtypes: halves })
  checkOp('mul', (a, b) => a.mul(b), {
    shapes: pairs,
    plain: (a, b) => a * b,
    dtypes: halves,
    against: torchCase('mul_broadcast'),
  })
  checkOp('div', (a, b) => a.div(b), {
    shapes: pairs,
    range: positive,
    plain: (a, b) => a / b,
    dtypes: halves,
    against: torchCase('div'),
  })
  checkOp('pow', (a, b) => a.pow(b), { shapes: pairs, range: positive, plain: pow, dtypes: halves })
  checkOp('pow of a number', x => x.pow(3), { shapes, plain: x => x ** 3, dtypes: halves, against: torchCase('pow') })
  checkOp('atan2', (a, b) => a.atan2(b), { shapes: pairs, plain: Math.atan2, dtypes: halves })
  checkOp('fmod', (a, b) => a.fmod(b), { shapes: pairs, range: positive, plain: (a, b) => a % b, dtypes: ['f64'] })
  checkOp('maximum', (a, b) => a.maximum(b), { shapes: pairs, plain: Math.max, dtypes: halves })
  checkOp('minimum', (a, b) => a.minimum(b), { shapes: pairs, plain: Math.min, dtypes: halves })
  const compared = { shapes: pairs, gradient: false, dtypes: halves } as const
  checkOp('lt', (a, b) => a.lt(b), { ...compared, plain: (a, b) => +(a < b) })
  checkOp('le', (a, b) => a.le(b), { ...compared, plain: (a, b) => +(a <= b) })
  checkOp('gt', (a, b) => a.gt(b), { ...compared, plain: (a, b) => +(a > b) })
  checkOp('ge', (a, b) => a.ge(b), { ...compared, plain: (a, b) => +(a >= b) })
  checkOp('eq', (a, b) => a.eq(b), { ...compared, plain: (a, b) => +(a === b) })
  checkOp('ne', (a, b) => a.ne(b), { ...compared, plain: (a, b) => +(a !== b) })
})

describe('choices', () => {
  const mask = given([2, 3], [1, 0, 0, 1, 1, 0], 'bool')
  checkOp('where', (c, a, b) => where(c, a, b), {
    inputs: [
      [mask, given([2, 3], [1, 2, 3, 4, 5, 6]), given([3], [-1, -2, -3])],
      [given([], [1], 'bool'), given([2], [1, 2]), given([], [3])],
      [given([2, 1], [1, 0], 'bool'), given([], [1]), given([], [2])],
      [given([0], [], 'bool'), given([0], []), given([1], [3])],
    ],
    dtypes: halves,
  })
  checkOp('where with a number', (c, a) => where(c, a, -7), { inputs: [[mask, given([3], [1, 2, 3])]] })
  checkOp('where hides NaN of the other side', (c, a) => where(c, a, a.mul(0).add(2)), {
    inputs: [[given([2], [1, 1], 'bool'), given([2], [1, 2])]],
  })
  checkOp('maskedFill', (x, m) => x.maskedFill(m, -30), {
    inputs: [[given([2, 3], [1, 2, 3, 4, 5, 6]), mask]],
  })
  checkOp('clamp', x => x.clamp(-1, 1), { shapes, plain: x => Math.min(Math.max(x, -1), 1), dtypes: halves })
  checkOp('clamp from below', x => x.clamp(0.5), { shapes, plain: x => Math.max(x, 0.5) })
  checkOp('clamp from above', x => x.clamp(undefined, 0.5), { shapes, plain: x => Math.min(x, 0.5) })
  checkOp('clamp between tensors', (x, low, high) => x.clamp(low, high), {
    shapes: [[[3, 4], [4], [3, 1]]],
    range: [
      [-3, 3],
      [-2, -1],
      [1, 2],
    ],
  })
})

const values = async (x: Tensor): Promise<number[]> => x.numbers()

describe('gradients at a kink are those of torch', () => {
  const cases: [string, (x: Tensor) => Tensor, number[], number[]][] = [
    ['abs', x => x.abs(), [0], [0]],
    ['relu', x => x.relu(), [0], [0]],
    ['leakyRelu', x => x.leakyRelu(0.25), [0], [0.25]],
    ['elu', x => x.elu(0.5), [0], [0.5]],
    ['softplus', x => x.softplus(), [20], [1]],
    ['hardsigmoid', x => x.hardsigmoid(), [-3, 3], [0, 0]],
    ['hardswish', x => x.hardswish(), [-3, 3], [0, 1]],
    ['clamp', x => x.clamp(-1, 1), [-1, 1, -2, 2, 0], [1, 1, 0, 0, 1]],
    ['maximum', x => x.maximum(tensor([1, 1])), [1, 2], [0.5, 1]],
    ['minimum', x => x.minimum(tensor([1, 1])), [1, 2], [0.5, 0]],
    ['floor', x => x.floor(), [1, NaN, Infinity], [0, 0, 0]],
    ['round', x => x.round().mul(Infinity), [1.5], [0]],
    ['pow to 0', x => x.pow(0), [0, 2], [0, 0]],
    ['pow to 1', x => x.pow(1), [0, 2], [1, 1]],
    ['pow of 0 to 2', x => x.pow(2), [0], [0]],
    ['sqrt', x => x.sqrt(), [0], [Infinity]],
    ['sign', x => x.sign(), [0, 3], [0, 0]],
  ]
  for (const [name, f, at, slope] of cases)
    onEachDevice(
      name,
      async () => {
        const x = tensor(at, { requiresGrad: true })
        f(x).sum().backward()
        expect(await values(x.grad!.add(0))).toEqual(slope)
      },
      { on: ['reference', 'wasm'] },
    )
})

describe('promotion', () => {
  const at = (dtype: DType, ndim: number): Tensor => {
    const one = tensor(1, { dtype, device: 'reference' })
    return ndim === 0 ? one : one.reshape([1])
  }
  // torch.result_type, with two differences that are documented: u8 with i8 gives i32, u32 with signed integers i64
  const table: [DType, DType, DType][] = [
    ['bool', 'u8', 'u8'],
    ['bool', 'f16', 'f16'],
    ['u8', 'i8', 'i32'],
    ['u8', 'i32', 'i32'],
    ['i8', 'i32', 'i32'],
    ['u32', 'i32', 'i64'],
    ['u32', 'u8', 'u32'],
    ['u32', 'i64', 'i64'],
    ['i32', 'i64', 'i64'],
    ['i64', 'f16', 'f16'],
    ['i32', 'f32', 'f32'],
    ['f16', 'bf16', 'f32'],
    ['f16', 'f32', 'f32'],
    ['bf16', 'f32', 'f32'],
    ['f32', 'f64', 'f64'],
  ]
  for (const [a, b, wanted] of table)
    test(`${a} with ${b} gives ${wanted}`, () => {
      expect(at(a, 1).add(at(b, 1)).dtype).toBe(wanted)
      expect(at(b, 1).mul(at(a, 1)).dtype).toBe(wanted)
      expect(where(tensor([true], { device: 'reference' }), at(a, 1), at(b, 1)).dtype).toBe(wanted)
    })
  const zeroD: [DType, DType, DType][] = [
    ['f16', 'f32', 'f16'],
    ['f32', 'f64', 'f32'],
    ['u8', 'i64', 'u8'],
    ['i32', 'f16', 'f16'],
    ['i32', 'f64', 'f64'],
    ['bool', 'i32', 'i32'],
    ['f32', 'i64', 'f32'],
  ]
  for (const [a, b, wanted] of zeroD)
    test(`${a} with a 0-d ${b} gives ${wanted}`, () => {
      expect(at(a, 1).add(at(b, 0)).dtype).toBe(wanted)
      expect(at(b, 0).add(at(a, 1)).dtype).toBe(wanted)
    })
  test('a number takes the dtype of its tensor', () => {
    for (const dtype of ['f16', 'bf16', 'f32', 'f64', 'i8', 'u8', 'i32', 'u32', 'i64'] as const)
      expect(at(dtype, 1).add(2).dtype).toBe(dtype)
    expect(at('f16', 1).add(0.1).dtype).toBe('f16')
  })
  test('division of integers gives f32, of others their own type', () => {
    expect(at('i32', 1).div(at('i32', 1)).dtype).toBe('f32')
    expect(at('i64', 1).div(2).dtype).toBe('f32')
    expect(at('u8', 1).div(at('f64', 1)).dtype).toBe('f64')
    expect(at('f16', 1).div(at('i32', 1)).dtype).toBe('f16')
    expect(at('f64', 1).div(at('i32', 1)).dtype).toBe('f64')
    expect(at('i32', 1).pow(2).dtype).toBe('i32')
  })
  test('comparisons give bool, functions of integers f32, rounding keeps integers', () => {
    expect(at('i32', 1).lt(2).dtype).toBe('bool')
    expect(at('i32', 1).exp().dtype).toBe('f32')
    expect(at('bool', 1).sqrt().dtype).toBe('f32')
    for (const f of ['floor', 'ceil', 'round', 'trunc'] as const) expect(at('i32', 1)[f]().dtype).toBe('i32')
  })
})

describe('integers', () => {
  const i = (dtype: DType, ...list: number[]): Tensor => tensor(list, { dtype })
  const cases: [string, () => Tensor, number[]][] = [
    ['i32 wraps', () => i('i32', 2 ** 31 - 1, -(2 ** 31)).add(1), [-(2 ** 31), -(2 ** 31) + 1]],
    ['i32 products wrap', () => i('i32', 123456789, -99999).mul(i('i32', 987654321, 99999)), [-67153019, -1409865409]],
    ['u32 wraps', () => i('u32', 0, 2 ** 32 - 1).sub(1), [2 ** 32 - 1, 2 ** 32 - 2]],
    ['u32 products wrap', () => i('u32', 4294967295, 65536).mul(i('u32', 2, 65537)), [4294967294, 65536]],
    ['u32 compares unsigned', () => i('u32', 2 ** 31).gt(i('u32', 1)), [1]],
    ['u32 maximum is unsigned', () => i('u32', 2 ** 31, 5).maximum(6), [2 ** 31, 6]],
    ['u8 wraps', () => i('u8', 255, 0).add(i('u8', 2, 3)), [1, 3]],
    ['u8 negates to its complement', () => i('u8', 1, 0, 200).neg(), [255, 0, 56]],
    ['i8 wraps', () => i('i8', 127, -128).add(1), [-128, -127]],
    ['abs of the lowest i32 stays', () => i('i32', -(2 ** 31), -5).abs(), [-(2 ** 31), 5]],
    ['true division', () => i('i32', 7, -7, 1).div(i('i32', 2, 2, 4)), [3.5, -3.5, 0.25]],
    ['division by zero', () => i('i32', 1, -1, 0).div(0), [Infinity, -Infinity, NaN]],
    ['fmod has the sign of the dividend', () => i('i32', 7, -7, 7, -7).fmod(i('i32', 3, 3, -3, -3)), [1, -1, 1, -1]],
    ['and, or, xor of i32', () => i('i32', -1, 12).and(10).or(1).xor(3), [8, 10]],
    ['not of i32 and of bool', () => i('i32', 0, 5).not(), [-1, -6]],
    ['not of u8', () => i('u8', 0, 5).not(), [255, 250]],
    ['not of bool', () => tensor([true, false]).not(), [0, 1]],
    [
      'and, or, xor of bool',
      () =>
        tensor([true, false])
          .and(tensor([true, true]))
          .xor(tensor([true, true])),
      [0, 1],
    ],
    ['shifts of i32 keep the sign', () => i('i32', -8, 8).shiftRight(1), [-4, 4]],
    ['shifts of u32 do not', () => i('u32', 2 ** 31).shiftRight(31), [1]],
    ['left shift wraps', () => i('i32', 1, 3).shiftLeft(31), [-(2 ** 31), -(2 ** 31)]],
    ['clamp', () => i('i32', -5, 0, 5).clamp(-1, 1), [-1, 0, 1]],
    ['sign', () => i('i32', -5, 0, 5).sign(), [-1, 0, 1]],
    ['where of u8', () => where(tensor([true, false]), i('u8', 1, 2), i('u8', 3, 4)), [1, 4]],
  ]
  for (const [name, make, wanted] of cases)
    onEachDevice(name, async () => {
      expect(await values(make())).toEqual(wanted)
    })
  onEachDevice(
    'i64 beyond 32 bits',
    async () => {
      const x = i('i64', 2 ** 40 + 5, -(2 ** 40))
      expect(await values(x.add(1))).toEqual([2 ** 40 + 6, -(2 ** 40) + 1])
      expect(await values(x.and(2 ** 40))).toEqual([2 ** 40, 2 ** 40])
      expect(await values(x.or(3))).toEqual([2 ** 40 + 7, -(2 ** 40) + 3])
      expect(await values(x.not())).toEqual([-(2 ** 40) - 6, 2 ** 40 - 1])
      expect(await values(x.shiftRight(38))).toEqual([4, -4])
      expect(await values(i('i64', 3).shiftLeft(35))).toEqual([3 * 2 ** 35])
    },
    { on: ['reference', 'wasm'] },
  )
})

describe('casts', () => {
  const cases: [string, () => Tensor, number[]][] = [
    ['f32 to i32 truncates', () => tensor([1.9, -1.9, 0.5]).to('i32'), [1, -1, 0]],
    [
      'f32 to i32 saturates, NaN gives 0',
      () => tensor([3e9, -3e9, Infinity, -Infinity, NaN]).to('i32'),
      [2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 1, -(2 ** 31), 0],
    ],
    ['f32 to u32 saturates', () => tensor([-1, 5e9, 7.9]).to('u32'), [0, 2 ** 32 - 1, 7]],
    ['f32 to u8 saturates', () => tensor([-1, 300, 7.9]).to('u8'), [0, 255, 7]],
    ['f32 to i8 saturates', () => tensor([-200, 300, -7.9]).to('i8'), [-128, 127, -7]],
    ['f32 to bool', () => tensor([0, -0, 1e-40, NaN, 2]).to('bool'), [0, 0, 1, 1, 1]],
    ['i32 to u8 wraps', () => tensor([300, -1], { dtype: 'i32' }).to('u8'), [44, 255]],
    ['i32 to bool', () => tensor([0, 256], { dtype: 'i32' }).to('bool'), [0, 1]],
    ['i32 to f32 rounds to even', () => tensor([16777217, 16777219], { dtype: 'i32' }).to('f32'), [16777216, 16777220]],
    ['u32 to f32', () => tensor([2 ** 31, 2 ** 32 - 1], { dtype: 'u32' }).to('f32'), [2 ** 31, 2 ** 32]],
    ['bool to i32', () => tensor([true, false]).to('i32'), [1, 0]],
    ['f32 bits', () => tensor([1, -2]).bitcast('i32'), [0x3f800000, -0x40000000]],
    ['i32 bits', () => tensor([0x40490fdb], { dtype: 'i32' }).bitcast('f32'), [Math.fround(Math.PI)]],
    ['i32 to u32 bits', () => tensor([-1], { dtype: 'i32' }).bitcast('u32'), [2 ** 32 - 1]],
    // halves between two f16 go to the even one; 65520 is the first that overflows
    [
      'f32 to f16 rounds to even',
      () =>
        tensor([2049, 2051, 65519, 65520, -65520, 2 ** -25, 1.5 * 2 ** -25, 1 / 3])
          .to('f16')
          .to('f32'),
      [2048, 2052, 65504, Infinity, -Infinity, 0, 2 ** -24, 0.333251953125],
    ],
    [
      'f32 to bf16 rounds to even',
      () =>
        tensor([257, 259, 3.4e38, 1 / 3, Infinity, NaN])
          .to('bf16')
          .to('f32'),
      [256, 260, Infinity, 0.333984375, Infinity, NaN],
    ],
    ['f16 sums round once', () => tensor([2048], { dtype: 'f16' }).add(1).to('f32'), [2048]],
    ['bf16 products round once', () => tensor([1.0078125], { dtype: 'bf16' }).mul(1.0078125).to('f32'), [1.015625]],
  ]
  for (const [name, make, wanted] of cases)
    onEachDevice(
      name,
      async () => {
        expect(await values(make())).toEqual(wanted)
      },
      { on: ['reference', 'wasm'] },
    )
  onEachDevice(
    'floats to i64 saturate',
    async () => {
      const x = tensor([1e30, -1e30, Infinity, NaN, -2.5]).to('i64')
      expect(await x.data()).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n - 1n, 0n, -2n))
    },
    { on: ['reference', 'wasm'] },
  )
  onEachDevice('every pair of dtypes converts 0, 1 and 3', async device => {
    const all = (['f32', 'f16', 'bf16', 'f64', 'i32', 'u32', 'i8', 'u8', 'i64', 'bool'] as const).filter(d =>
      supports(device, d),
    )
    for (const from of all)
      for (const to of all) {
        const three = from === 'bool' ? 1 : 3
        const wanted = to === 'bool' ? [0, 1, 1] : [0, 1, three]
        expect(await values(tensor([0, 1, three], { dtype: from }).to(to)), `${from} to ${to}`).toEqual(wanted)
      }
  })
  onEachDevice('gradients pass through a cast in the dtype of the source', async () => {
    const x = tensor([1, 2], { requiresGrad: true })
    x.to('f16').mul(3).sum().backward()
    expect(x.grad!.dtype).toBe('f32')
    expect(await values(x.grad!)).toEqual([3, 3])
    expect(x.to('i32').requiresGrad).toBe(false)
  })
})

describe('copies and likes', () => {
  onEachDevice('zerosLike, onesLike, fullLike', async () => {
    const x = tensor([[1, 2]], { dtype: 'i32' })
    expect(await x.zerosLike().toArray()).toEqual([[0, 0]])
    expect(await x.onesLike().toArray()).toEqual([[1, 1]])
    expect(await x.fullLike(7).toArray()).toEqual([[7, 7]])
    expect(x.fullLike(7).dtype).toBe('i32')
    expect(await tensor(2).fullLike(0.5).item()).toBe(0.5)
  })
  onEachDevice('detach cuts history, clone keeps it', async () => {
    const x = tensor([2], { requiresGrad: true })
    expect(x.detach().requiresGrad).toBe(false)
    expect(x.clone().requiresGrad).toBe(true)
    x.clone().mul(x.detach()).sum().backward()
    expect(await values(x.grad!)).toEqual([2])
  })
  test('noGrad records nothing', () => {
    const x = tensor([2], { requiresGrad: true, device: 'reference' })
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false)
  })
})

describe('errors', () => {
  const t = (list: number[], dtype: DType = 'f32'): Tensor => tensor(list, { dtype, device: 'reference' })
  const cases: [string, () => unknown, RegExp][] = [
    ['shapes that do not broadcast', () => t([1, 2]).add(t([1, 2, 3])), /^add: .*\[2\] and \[3\] \(2 vs 3\)/],
    ['a fraction beside integers', () => t([1], 'i32').add(0.5), /^add: 0\.5 is not an integer.*i32.*\.to\('f32'\)/],
    ['a fraction beside integers in clamp', () => t([1], 'i32').clamp(0.5), /0\.5 is not an integer.*\.to\('f32'\)/],
    ['a fraction beside integers in comparisons', () => t([1], 'u8').lt(0.5), /0\.5 is not an integer/],
    ['NaN beside integers', () => t([1], 'i32').add(NaN), /^add: NaN is not an integer/],
    ['a number beside a bool', () => t([1], 'bool').eq(2), /^eq: 2 does not fit a bool tensor.*\.to\('i32'\)/],
    ['arithmetic on bool', () => t([1], 'bool').add(t([1], 'bool')), /^add: does not take bool.*\.to\('f32'\)/],
    ['bits of floats', () => t([1]).and(t([1])), /^and: does not take f32.*\.to\('i32'\)/],
    ['not of floats', () => t([1]).not(), /^not: does not take f32.*\.eq\(0\)/],
    ['shift of floats', () => t([1]).shiftLeft(1), /^shl: does not take f32/],
    ['a condition that is not bool', () => where(t([1]), 1, 2), /^where: the condition must be bool, not f32/],
    ['a string as operand', () => t([1]).add('2' as unknown as number), /^add: needs a tensor or a number, got '2'/],
    ['nothing as operand', () => t([1]).mul(undefined as unknown as number), /^mul: needs a tensor or a number/],
    ['bitcast of 8 bits', () => t([1], 'u8').bitcast('f32'), /^bitcast: takes 32-bit types, not u8/],
    ['bitcast to 8 bits', () => t([1]).bitcast('u8' as 'f32'), /^bitcast: .*u8/],
    ['a dtype that is not there', () => t([1]).to('float' as DType), /^to: .*float/],
    ['gradient of integers', () => (t([1], 'i32').requiresGrad = true), /^requiresGrad: .*i32/],
  ]
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
  test('two devices', () => {
    const a = tensor([1], { device: 'reference' })
    const b = tensor([1], { device: 'wasm' })
    expect(() => a.add(b)).toThrow(/^add: tensors are on reference and wasm; move one with \.to\('reference'\)/)
  })
  test('a method exists for every op', () => {
    manualSeed(1)
    expect(rand([1], { device: 'reference' })).toBeInstanceOf(Tensor)
  })
})

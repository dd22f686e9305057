// Signs, bits, remainders, closeness: against plain numbers on every edge.

import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'

const shapes = [[3, 4], [], [0]] as const
const pairs = [[[3, 4], [4]]] as const
const negative = (x: number) => x < 0 || Object.is(x, -0)

checkOp('isinf', x => x.isinf().to('f32'), { shapes, gradient: false, plain: x => Number(Math.abs(x) === Infinity) })
checkOp('isfinite', x => x.isfinite().to('f32'), { shapes, gradient: false, plain: x => Number(Number.isFinite(x)) })
checkOp('isposinf', x => x.isposinf().to('f32'), { shapes, gradient: false, plain: x => Number(x === Infinity) })
checkOp('isneginf', x => x.isneginf().to('f32'), { shapes, gradient: false, plain: x => Number(x === -Infinity) })
checkOp('copysign', (a, b) => a.copysign(b), {
  shapes: pairs,
  gradient: false,
  plain: (a, b) => (negative(b) ? -Math.abs(a) : Math.abs(a)),
})
checkOp('copysign of a number', x => x.copysign(-1), { shapes })
checkOp('heaviside', (a, b) => a.heaviside(b), {
  shapes: pairs,
  gradient: false,
  plain: (a, b) => (Number.isNaN(a) ? a : a < 0 ? 0 : a > 0 ? 1 : b),
})
checkOp('nanToNum', x => x.nanToNum({ nan: 7 }), {
  shapes,
  plain: x =>
    Number.isNaN(x) ? 7 : x === Infinity ? 3.4028234663852886e38 : x === -Infinity ? -3.4028234663852886e38 : x,
})
const remainder = (a: number, b: number) => {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}
checkOp('remainder', (a, b) => a.remainder(b), {
  shapes: pairs,
  range: [
    [-9, 9],
    [0.7, 0.9],
  ] as never,
  plain: remainder,
})
checkOp('fmod', (a, b) => a.fmod(b), {
  shapes: pairs,
  range: [
    [-9, 9],
    [0.7, 0.9],
  ] as never,
})
checkOp('floorDivide', (a, b) => a.floorDivide(b), {
  shapes: pairs,
  range: [
    [-9, 9],
    [0.7, 0.9],
  ] as never,
  gradient: false,
})
checkOp('truncDivide', (a, b) => a.truncDivide(b), {
  shapes: pairs,
  range: [
    [-9, 9],
    [0.7, 0.9],
  ] as never,
  gradient: false,
})
checkOp('frac', x => x.frac(), { shapes, plain: x => x - Math.trunc(x) })
checkOp('lerp', (a, b, w) => a.lerp(b, w), { shapes: [[[3, 4], [4], [3, 1]]] })
checkOp('fmax', (a, b) => a.fmax(b), {
  shapes: pairs,
  plain: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b)),
})
checkOp('fmin', (a, b) => a.fmin(b), {
  shapes: pairs,
  plain: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b)),
})
checkOp('addcmul', (x, a, b) => x.addcmul(a, b, 0.5), { shapes: [[[2, 3], [3], [2, 1]]] })
checkOp('addcdiv', (x, a, b) => x.addcdiv(a, b), { shapes: [[[2, 3], [3], [2, 1]]], range: [0.5, 2] })
checkOp('deg2rad', x => x.deg2rad(), { shapes, plain: x => (x * Math.PI) / 180 })
checkOp('rad2deg', x => x.rad2deg(), { shapes, plain: x => (x * 180) / Math.PI })

describe('integers', () => {
  const i32 = (values: number[]) => tensor(values, { dtype: 'i32' })
  onEachDevice('divide and leave remainders by the sign of the divisor', async () => {
    const [a, b] = [i32([7, -7, 7, -7, 5]), i32([2, 2, -2, -2, 0])]
    expect(await a.floorDivide(b).toArray()).toEqual([3, -4, -4, 3, 0])
    expect(await a.remainder(b).toArray()).toEqual([1, 1, -1, -1, 0])
    expect(await a.truncDivide(b).toArray()).toEqual([3, -3, -3, 3, 0])
    expect(await tensor([5, -5, 0]).floorDivide(0).toArray()).toEqual([Infinity, -Infinity, NaN])
  })
  onEachDevice('powers are exact and wrap', async () => {
    expect(
      await i32([3, -3, 2, 7, 0])
        .pow(i32([13, 3, 31, 0, 0]))
        .numbers(),
    ).toEqual([1594323, -27, -(2 ** 31), 1, 1])
    expect(
      await i32([2, 1, -1, -1])
        .pow(i32([-1, -5, -3, -4]))
        .toArray(),
    ).toEqual([0, 1, -1, 1])
    expect(await i32([46341]).pow(2).toArray()).toEqual([-2147479015])
    expect(await tensor([3], { dtype: 'u8' }).pow(2).toArray()).toEqual([9])
    expect(await i32([2]).pow(0.5).numbers()).toEqual([Math.fround(Math.SQRT2)])
  })
  onEachDevice('have bits', async () => {
    const x = i32([12, -1, 5])
    expect(await x.bitwiseAnd(10).toArray()).toEqual([8, 10, 0])
    expect(await x.bitwiseOr(i32([3, 0, 8])).toArray()).toEqual([15, -1, 13])
    expect(await x.bitwiseXor(1).bitwiseNot().toArray()).toEqual([-14, 1, -5])
    expect(await x.bitwiseLeftShift(2).toArray()).toEqual([48, -4, 20])
    expect(await x.bitwiseRightShift(1).toArray()).toEqual([6, -1, 2])
    expect(await x.logicalAnd(i32([1, 0, 2])).toArray()).toEqual([true, false, true])
    expect(
      await x
        .logicalNot()
        .logicalOr(i32([0, 1, 0]))
        .logicalXor(i32([0, 1, 1]))
        .toArray(),
    ).toEqual([false, false, true])
    expect(() => tensor([1]).bitwiseAnd(1)).toThrow("bitwiseAnd: takes integers and bools; convert with .to('i32')")
  })
})

describe('bits of floats', () => {
  onEachDevice('signs of zeros', async () => {
    expect(await tensor([-0, 0, -1, Infinity, -Infinity]).signbit().toArray()).toEqual([true, false, true, false, true])
    expect(await tensor([-1, 1], { dtype: 'f16' }).isinf().toArray()).toEqual([false, false])
  })
  onEachDevice(
    'the next number',
    async () => {
      const x = tensor([1, 1, 0, 0, -1, Infinity, NaN, 2])
      const y = tensor([2, 0, 1, -1, 0, 0, 1, 2])
      const step = 2 ** -23
      const wanted = [1 + step, 1 - step / 2, 2 ** -149, -(2 ** -149), -1 + step / 2, 3.4028234663852886e38, NaN, 2]
      expect(await x.nextafter(y).numbers()).toEqual(wanted)
    },
    { on: ['reference', 'wasm'] },
  )
  onEachDevice('closeness', async () => {
    const a = tensor([1, Infinity, NaN, 1, -Infinity])
    const b = tensor([1 + 1e-6, Infinity, NaN, 1.1, Infinity])
    expect(await a.isclose(b).toArray()).toEqual([true, true, false, false, false])
    expect(await a.isclose(b, { equalNan: true, rtol: 0.2 }).toArray()).toEqual([true, true, true, true, false])
    expect(await a.allclose(b)).toBe(false)
    expect(await tensor([1, 2]).allclose(tensor([1, 2]))).toBe(true)
    expect(await tensor([1, 2]).equal(tensor([1, 2]))).toBe(true)
    expect(await tensor([1, 2]).equal(tensor([[1, 2]]))).toBe(false)
    expect(await tensor([1, 3]).equal(tensor([1, 2]))).toBe(false)
  })
})

onEachDevice('gelu stays finite where its result is, and so does its slope', async () => {
  const x = tensor([1e30, -1e30, 50, -50], { requiresGrad: true })
  for (const gelu of [(t: Tensor) => t.gelu(), (t: Tensor) => t.gelu({ approximate: 'tanh' })]) {
    x.zeroGrad()
    const y = gelu(x)
    expect((await y.numbers()).map(v => v + 0)).toEqual([Math.fround(1e30), 0, 50, 0])
    y.sum().backward()
    expect((await x.grad!.numbers()).map(v => v + 0)).toEqual([1, 0, 1, 0])
  }
  expect(await tensor([1e30, -1e30, 100]).tanh().toArray()).toEqual([1, -1, 1])
})

test('nextafter takes f32 only', () => {
  expect(() => tensor([1], { dtype: 'f16' }).nextafter(2)).toThrow('nextafter: takes f32, not f16')
})

// The interpreter against values worked out by hand and against plain JavaScript.

import { expect, test } from 'vitest'
import {
  acc,
  axis,
  binary,
  bitcast,
  buffer,
  cast,
  constant,
  declare,
  f32,
  i32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
  where,
} from './build.ts'
import { dim, symbol } from './dim.ts'
import { erf } from './erf.ts'
import { f16ToNumber, numberToBf16, numberToF16 } from './half.ts'
import { axisIndex, dimIndex, divIndex, modIndex, valueIndex } from './index-expr.ts'
import { interpret } from './interpret.ts'
import type { Expr, LoopKernel } from './ir.ts'

const kernel = (
  k: Omit<LoopKernel, 'kind' | 'name' | 'scalars' | 'scratch' | 'vector'> & Partial<LoopKernel>,
): LoopKernel => ({
  kind: 'loop',
  name: 'test',
  scalars: [],
  scratch: [],
  vector: false,
  ...k,
})

/** Evaluates one expression without loads. */
function value(e: Expr): number | bigint {
  const out = {
    f32: Float32Array,
    f64: Float64Array,
    i32: Int32Array,
    u32: Uint32Array,
    i64: BigInt64Array,
    bool: Uint8Array,
  }
  const target = new out[e.dtype](1)
  interpret(kernel({ parallel: [], buffers: [buffer(e.dtype, 1, 'write')], body: [store(0, dimIndex(dim(0)), e)] }), [
    target,
  ])
  return target[0]
}

test('softmax over rows, with a scratch row and a size known at run time', () => {
  const r = axis(0, 2)
  const n = symbol(0, 3)
  const c = axis(1, n)
  const x = load('f32', 0, rowMajor(r, c))
  const e = unary('exp', binary('sub', x, acc(0)))
  const k = kernel({
    parallel: [r],
    buffers: [buffer('f32', n), buffer('f32', n, 'write')],
    scratch: [{ dtype: 'f32', size: n }],
    body: [
      declare(0, Number.NEGATIVE_INFINITY),
      loop(c, [update(0, 'max', x)], { reduces: [0] }),
      declare(1, 0),
      loop(c, [store(2, axisIndex(c), e), update(1, 'add', e)], { reduces: [1] }),
      loop(c, [store(1, rowMajor(r, c), binary('div', load('f32', 2, axisIndex(c)), acc(1)))]),
    ],
  })
  const input = Float32Array.of(1, 2, 3, 4, -200, 0, 100, 100)
  const output = new Float32Array(8)
  interpret(k, [input, output], { symbols: [4] })
  expect(output[4]).toBe(0)
  expect(output[6]).toBe(0.5)
  const sum = [1, 2, 3, 4].reduce((s, v) => s + Math.exp(v), 0)
  for (let i = 0; i < 4; i++) expect(output[i]).toBeCloseTo(Math.exp(i + 1) / sum, 6)
})

test('an expression keeps its value in a body, an accumulator read does not', () => {
  const i = axis(0, 3)
  const x = load('f32', 0, axisIndex(i))
  const a = acc(0)
  const k = kernel({
    parallel: [i],
    buffers: [buffer('f32', 3, 'readwrite'), buffer('f32', 3, 'write')],
    body: [
      store(0, axisIndex(i), binary('add', x, f32(1))),
      declare(0, 0),
      update(0, 'add', x),
      update(0, 'add', a),
      store(1, axisIndex(i), a),
    ],
  })
  const [p, q] = [Float32Array.of(1, 2, 3), new Float32Array(3)]
  interpret(k, [p, q], { begin: 1, end: 3 })
  expect([...p]).toEqual([1, 3, 4])
  expect([...q]).toEqual([0, 4, 6])
})

test('gather, padding, quotients and accumulating stores', () => {
  const i = axis(0, 6)
  const picked = load('i32', 0, divIndex(axisIndex(i), dim(2)))
  const inside = binary('lt', { op: 'index', dtype: 'i32', index: axisIndex(i) }, i32(5))
  const k = kernel({
    parallel: [],
    buffers: [buffer('i32', 3), buffer('f32', 4), buffer('f32', 2, 'readwrite')],
    body: [
      loop(i, [store(2, modIndex(axisIndex(i), dim(2)), load('f32', 1, valueIndex(picked), inside), 'add')], {
        ordered: true,
      }),
    ],
  })
  const out = Float32Array.of(100, 200)
  interpret(k, [Int32Array.of(3, 0, 2), Float32Array.of(1, 10, 20, 30), out])
  expect([...out]).toEqual([100 + 30 + 1 + 20, 200 + 30 + 1])
})

test('integers: division, wrapping, shifts, powers', () => {
  const int = (op: Parameters<typeof binary>[0], a: number, b: number, dtype: 'i32' | 'u32' | 'i64' = 'i32') =>
    value(binary(op, constant(dtype, a), constant(dtype, b)))
  expect(int('div', -7, 2)).toBe(-3)
  expect(int('mod', -7, 2)).toBe(-1)
  expect(int('div', 7, 0)).toBe(0)
  expect(int('mod', 7, 0)).toBe(0)
  expect(int('div', -(2 ** 31), -1)).toBe(-(2 ** 31))
  expect(int('mul', 65537, 65537)).toBe(131073)
  expect(int('shr', 0x80000000, 4, 'u32')).toBe(0x08000000)
  expect(int('pow', -3, 3)).toBe(-27)
  expect(int('pow', -1, -3)).toBe(-1)
  expect(int('pow', 3, 41, 'i64')).toBe(BigInt.asIntN(64, 3n ** 41n))
  expect(int('mul', 2 ** 40, 2 ** 30, 'i64')).toBe(0n)
})

test('casts', () => {
  expect(value(cast('i32', f32(3e9)))).toBe(2 ** 31 - 1)
  expect(value(cast('i32', f32(Number.NaN)))).toBe(0)
  expect(value(cast('i32', f32(-2.7)))).toBe(-2)
  expect(value(cast('u32', f32(-2)))).toBe(0)
  expect(value(cast('u32', constant('i32', -1)))).toBe(0xffffffff)
  expect(value(cast('i32', constant('u32', 0xffffffff)))).toBe(-1)
  expect(value(cast('i32', constant('i64', 2 ** 32 + 5)))).toBe(5)
  expect(value(cast('bool', f32(Number.NaN)))).toBe(1)
  expect(value(cast('f32', constant('i64', 2 ** 53 - 1)))).toBe(2 ** 53)
  expect(value(bitcast('i32', f32(1)))).toBe(0x3f800000)
  expect(value(where(binary('lt', f32(Number.NaN), f32(1)), i32(1), i32(2)))).toBe(2)
})

test('every f16 converts to a number and back; rounding is to even', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const x = f16ToNumber(bits)
    if (!Number.isNaN(x)) expect(numberToF16(x)).toBe(bits)
  }
  expect(numberToF16(1 + 2 ** -11)).toBe(0x3c00)
  expect(numberToF16(1 + 3 * 2 ** -11)).toBe(0x3c02)
  expect(numberToF16(65519.99609375)).toBe(0x7bff)
  expect(numberToF16(65520)).toBe(0x7c00)
  expect(numberToF16(2 ** -25)).toBe(0)
  expect(numberToF16(3 * 2 ** -25)).toBe(2)
  expect(numberToF16(2 ** -14 - 2 ** -26)).toBe(0x400)
  expect(numberToBf16(1 + 2 ** -8)).toBe(0x3f80)
  expect(numberToBf16(1 + 3 * 2 ** -8)).toBe(0x3f82)
  expect(numberToBf16(3.4e38)).toBe(0x7f80)
})

test('erf at known points (Abramowitz & Stegun, table 7.1)', () => {
  for (const [x, y] of [
    [0.5, 0.520499877813],
    [1, 0.842700792949714],
    [2, 0.995322265018953],
    [-1, -0.842700792949714],
    [3, 0.999977909503001],
  ])
    expect(Math.abs(erf(x) - y)).toBeLessThan(1e-12)
})

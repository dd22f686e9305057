// Elementwise kernels by hand: each operation on each dtype, in lanes and in the tail.

import { describe, expect, test } from 'vitest'
import type { ComputeType, DType } from '../../dtype.ts'
import { axis, binary, buffer, cast, load, store, unary } from '../../kernel/build.ts'
import { axisIndex } from '../../kernel/index-expr.ts'
import type { BinaryOp, UnaryOp } from '../../kernel/ir.ts'
import { arrays, check, fill, make, Random } from './testing/check-kernel.ts'
import { runKernel } from './testing/run-kernel.ts'

const sizes = [0, 1, 3, 4, 5, 17, 64, 1000]

describe('maps', () => {
  test.each(sizes)('add, multiply and exp of %i elements', n => {
    const r = new Random(n + 1)
    const i = axis(0, n)
    const [x, y] = [load('f32', 0, axisIndex(i)), load('f32', 1, axisIndex(i))]
    check(
      make({
        parallel: [i],
        vector: true,
        buffers: [buffer('f32', n), buffer('f32', n), buffer('f32', n, 'write')],
        body: [store(2, axisIndex(i), unary('exp', binary('add', binary('mul', x, y), y)))],
      }),
      [fill(r, 'f32', n), fill(r, 'f32', n), new Float32Array(n)],
    )
  })

  const pairs: [DType, ComputeType][] = [
    ['f32', 'f32'],
    ['f16', 'f32'],
    ['bf16', 'f32'],
    ['f64', 'f64'],
    ['i32', 'i32'],
    ['u32', 'u32'],
    ['i8', 'i32'],
    ['u8', 'u32'],
    ['i64', 'i64'],
    ['bool', 'bool'],
  ]
  test.each(pairs.flatMap(from => pairs.map(to => [from[0], to[0], from[1], to[1]] as const)))(
    '%s to %s',
    (from, to, computeFrom, computeTo) => {
      const r = new Random(7)
      const n = 37
      const i = axis(0, n)
      check(
        make({
          parallel: [i],
          vector: true,
          buffers: [buffer(from, n), buffer(to, n, 'write')],
          body: [store(1, axisIndex(i), cast(computeTo, load(computeFrom, 0, axisIndex(i))))],
        }),
        [fill(r, from, n), new arrays[to](n)],
      )
    },
  )

  const unaries: [DType, ComputeType, UnaryOp[]][] = [
    [
      'f32',
      'f32',
      [
        'neg',
        'abs',
        'exp',
        'log',
        'log1p',
        'expm1',
        'sin',
        'cos',
        'tan',
        'tanh',
        'erf',
        'sqrt',
        'rsqrt',
        'reciprocal',
        'floor',
        'ceil',
        'round',
        'trunc',
        'isNaN',
      ],
    ],
    [
      'f64',
      'f64',
      [
        'neg',
        'abs',
        'exp',
        'log',
        'log1p',
        'expm1',
        'sin',
        'cos',
        'tan',
        'tanh',
        'erf',
        'sqrt',
        'rsqrt',
        'reciprocal',
        'floor',
        'ceil',
        'round',
        'trunc',
        'isNaN',
      ],
    ],
    ['i32', 'i32', ['neg', 'abs', 'not']],
    ['u32', 'u32', ['not']],
    ['i64', 'i64', ['neg', 'abs', 'not']],
    ['bool', 'bool', ['not']],
  ]
  test.each(unaries.flatMap(([d, c, ops]) => ops.map(op => [op, d, c] as const)))('%s of %s', (op, dtype, compute) => {
    const r = new Random(11)
    const n = 203
    const i = axis(0, n)
    const e = unary(op, load(compute, 0, axisIndex(i)))
    const out: DType = e.dtype === 'bool' ? 'bool' : dtype
    const kernel = make({
      parallel: [i],
      vector: true,
      buffers: [buffer(dtype, n), buffer(out, n, 'write')],
      body: [store(1, axisIndex(i), e)],
    })
    check(kernel, [fill(r, dtype, n), new arrays[out](n)], dtype === 'f64' ? { tolerance: 1e-13 } : {})
  })

  const binaries: [DType, ComputeType, BinaryOp[]][] = [
    ['f32', 'f32', ['add', 'sub', 'mul', 'div', 'mod', 'pow', 'max', 'min', 'atan2', 'lt', 'le', 'eq', 'ne']],
    ['f64', 'f64', ['add', 'sub', 'mul', 'div', 'mod', 'pow', 'max', 'min', 'atan2', 'lt', 'le', 'eq', 'ne']],
    [
      'i32',
      'i32',
      [
        'add',
        'sub',
        'mul',
        'div',
        'mod',
        'pow',
        'max',
        'min',
        'lt',
        'le',
        'eq',
        'ne',
        'and',
        'or',
        'xor',
        'shl',
        'shr',
      ],
    ],
    [
      'u32',
      'u32',
      ['add', 'sub', 'mul', 'div', 'mod', 'max', 'min', 'lt', 'le', 'eq', 'ne', 'and', 'or', 'xor', 'shl', 'shr'],
    ],
    [
      'i64',
      'i64',
      [
        'add',
        'sub',
        'mul',
        'div',
        'mod',
        'pow',
        'max',
        'min',
        'lt',
        'le',
        'eq',
        'ne',
        'and',
        'or',
        'xor',
        'shl',
        'shr',
      ],
    ],
    ['bool', 'bool', ['and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'max', 'min']],
  ]
  test.each(binaries.flatMap(([d, c, ops]) => ops.map(op => [op, d, c] as const)))(
    '%s of two %s',
    (op, dtype, compute) => {
      const r = new Random(13)
      const n = 203
      const i = axis(0, n)
      const e = binary(op, load(compute, 0, axisIndex(i)), load(compute, 1, axisIndex(i)))
      const out: DType = e.dtype === 'bool' ? 'bool' : dtype
      const kernel = make({
        parallel: [i],
        vector: true,
        buffers: [buffer(dtype, n), buffer(dtype, n), buffer(out, n, 'write')],
        body: [store(2, axisIndex(i), e)],
      })
      check(
        kernel,
        [fill(r, dtype, n), fill(r, dtype, n), new arrays[out](n)],
        dtype === 'f64' ? { tolerance: 1e-13 } : {},
      )
    },
  )

  test('exp where it overflows, vanishes or is subnormal, lane by lane and in the tail', () => {
    const x = Float32Array.from([
      88.7,
      88.73,
      1e9,
      -87.2,
      -87.4,
      -95,
      -103.9,
      -104.1,
      -1e9,
      0,
      -0,
      1,
      Number.NaN,
      -100,
      3,
      -90,
    ])
    // NaNs whose bits would end up in the exponent
    new Int32Array(x.buffer).set([0x7fc00003, -1], 12)
    for (const n of [16, 13, 5]) {
      const i = axis(0, n)
      const y = new Float32Array(n)
      const kernel = make({
        parallel: [i],
        vector: true,
        buffers: [buffer('f32', n), buffer('f32', n, 'write')],
        body: [store(1, axisIndex(i), unary('exp', load('f32', 0, axisIndex(i))))],
      })
      runKernel(kernel, [x.subarray(0, n), y])
      for (let k = 0; k < n; k++) {
        const want = Math.fround(Math.exp(x[k]))
        if (Number.isFinite(want)) expect(Math.abs(y[k] - want), `exp(${x[k]})`).toBeLessThanOrEqual(want * 2 ** -23)
        else expect(y[k]).toBe(want)
      }
    }
  })

  test('sin, cos and tan of large arguments, lane by lane and in the tail', () => {
    const x = Float32Array.from({ length: 23 }, (_, k) => (k % 3 ? k : 1e5 * 10 ** (k % 30)) * (k % 2 ? -1 : 1))
    const i = axis(0, x.length)
    for (const op of ['sin', 'cos', 'tan'] as const) {
      const y = new Float32Array(x.length)
      const kernel = make({
        parallel: [i],
        vector: true,
        buffers: [buffer('f32', x.length), buffer('f32', x.length, 'write')],
        body: [store(1, axisIndex(i), unary(op, load('f32', 0, axisIndex(i))))],
      })
      runKernel(kernel, [x, y])
      for (let k = 0; k < x.length; k++)
        expect(Math.abs(y[k] - Math[op](x[k])), `${op}(${x[k]})`).toBeLessThan(1e-6 * Math.max(1, Math.abs(y[k])))
    }
  })

  test('integer division by zero and of the smallest number does not trap', () => {
    const n = 8
    const i = axis(0, n)
    const kernel = make({
      parallel: [i],
      vector: true,
      buffers: [buffer('i32', n), buffer('i32', n), buffer('i32', n, 'write'), buffer('i32', n, 'write')],
      body: [
        store(2, axisIndex(i), binary('div', load('i32', 0, axisIndex(i)), load('i32', 1, axisIndex(i)))),
        store(3, axisIndex(i), binary('mod', load('i32', 0, axisIndex(i)), load('i32', 1, axisIndex(i)))),
      ],
    })
    const min = -(2 ** 31)
    check(kernel, [
      Int32Array.of(min, 5, 0, min, min, 7, -7, 9),
      Int32Array.of(-1, 0, 0, 0, 1, 2, 2, -1),
      new Int32Array(n),
      new Int32Array(n),
    ])
  })
})

// Every operation of the kernel language on values where GPUs differ, against JavaScript's double precision.

import { describe, expect, test } from 'vitest'
import type { ComputeType, DType } from '../../dtype.ts'
import { dim } from '../../kernel/dim.ts'
import { erf } from '../../kernel/erf.ts'
import { axisIndex } from '../../kernel/index-expr.ts'
import type { BinaryOp, Expr, LoopKernel, UnaryOp } from '../../kernel/ir.ts'
import { differences, onDevice, openBackend, randomFrom } from './differential.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: no WebGPU adapter)'

const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, bool: Uint8Array } as const
type Type = keyof typeof arrays

/** out[i] = value of the inputs at i */
function mapKernel(
  name: string,
  inputs: readonly DType[],
  output: DType,
  size: number,
  value: (loads: Expr[]) => Expr,
) {
  const axis = { id: 0, size: dim(size) }
  const index = axisIndex(axis)
  const compute: Record<string, ComputeType> = { f16: 'f32', bf16: 'f32', u8: 'u32', i8: 'i32' }
  const loads = inputs.map(
    (dtype, buffer): Expr => ({ op: 'load', dtype: compute[dtype] ?? dtype, buffer, index, valid: null }),
  )
  return {
    kind: 'loop',
    name,
    buffers: [
      ...inputs.map(dtype => ({ dtype, access: 'read' as const, size: dim(size) })),
      { dtype: output, access: 'write', size: dim(size) },
    ],
    scalars: [],
    parallel: [axis],
    vector: true,
    scratch: [],
    body: [{ kind: 'store', buffer: inputs.length, index, value: value(loads), mode: 'set', valid: null }],
  } satisfies LoopKernel
}

const unary = (op: UnaryOp, dtype: ComputeType, x: Expr): Expr => ({ op, dtype, args: [x] })
const binary = (op: BinaryOp, dtype: ComputeType, a: Expr, b: Expr): Expr => ({ op, dtype, args: [a, b] })

/** Distance in units of the last place of f32. */
function ulps(actual: number, want: number): number {
  const rounded = Math.fround(want)
  if (Object.is(actual, rounded) || (Number.isNaN(actual) && Number.isNaN(rounded))) return 0
  if (!Number.isFinite(actual) || !Number.isFinite(rounded)) return Number.POSITIVE_INFINITY
  const unit = 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(want)))) - 23)
  return Math.abs(actual - want) / unit
}

/** Numbers of every size and both signs between the powers of two given. */
function spread(count: number, low: number, high: number, signed: boolean, seed: number): Float32Array {
  const random = randomFrom(seed)
  return Float32Array.from({ length: count }, () => {
    const size = 2 ** (low + (high - low) * random())
    return signed && random() < 0.5 ? -size : size
  })
}

const special = [
  0,
  -0,
  1,
  -1,
  2,
  -2,
  0.5,
  -0.5,
  3,
  -3,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  88.7,
  89,
  -87,
  -104,
  1e30,
  -1e30,
  3.4e38,
]

interface Accuracy {
  readonly of: (x: number) => number
  /** powers of two between which inputs lie */
  readonly range: readonly [number, number]
  readonly signed: boolean
  readonly ulps: number
}

// Bounds are what WGSL or our own functions promise, in ULP; measured on SwiftShader they are lower.
const accuracy: Partial<Record<UnaryOp, Accuracy>> = {
  exp: { of: Math.exp, range: [-20, 6.4], signed: true, ulps: 2 },
  log: { of: Math.log, range: [-100, 100], signed: false, ulps: 2 },
  log1p: { of: Math.log1p, range: [-30, 30], signed: false, ulps: 4 },
  expm1: { of: Math.expm1, range: [-30, 6], signed: true, ulps: 4 },
  sin: { of: Math.sin, range: [-20, 12], signed: true, ulps: 4 },
  cos: { of: Math.cos, range: [-20, 12], signed: true, ulps: 4 },
  tan: { of: Math.tan, range: [-20, 12], signed: true, ulps: 6 },
  tanh: { of: Math.tanh, range: [-20, 7], signed: true, ulps: 4 },
  erf: { of: erf, range: [-20, 3], signed: true, ulps: 4 },
  sqrt: { of: Math.sqrt, range: [-100, 100], signed: false, ulps: 3 },
  rsqrt: { of: x => 1 / Math.sqrt(x), range: [-100, 100], signed: false, ulps: 3 },
  reciprocal: { of: x => 1 / x, range: [-100, 100], signed: true, ulps: 3 },
}

describe.skipIf(!backend)(`WGSL functions${why}`, () => {
  test('unary functions of f32, accuracy', async () => {
    const count = 4096
    for (const [op, { of, range, signed, ulps: bound }] of Object.entries(accuracy)) {
      const x = spread(count, range[0], range[1], signed, 7)
      const kernel = mapKernel(op, ['f32'], 'f32', count, ([v]) => unary(op as UnaryOp, 'f32', v))
      const [, y] = await onDevice(backend!, kernel, [x, new Float32Array(count)])
      let worst = 0
      let at = 0
      y.forEach((v, i) => {
        const apart = ulps(Number(v), of(x[i]))
        if (!(apart <= worst)) [worst, at] = [apart, i]
      })
      expect(worst, `${op}(${x[at]}) = ${y[at]}, want ${of(x[at])}`).toBeLessThanOrEqual(bound)
    }
  })

  test('log1p below 0', async () => {
    const x = spread(2048, -30, -0.001, false, 9).map(v => -v)
    const kernel = mapKernel('log1p', ['f32'], 'f32', x.length, ([v]) => unary('log1p', 'f32', v))
    const [, y] = await onDevice(backend!, kernel, [x, new Float32Array(x.length)])
    y.forEach((v, i) => void expect(ulps(Number(v), Math.log1p(x[i])), `log1p(${x[i]}) = ${v}`).toBeLessThan(5))
  })

  test('large angles keep their accuracy', async () => {
    const x = spread(1024, 10, 127, true, 8)
    for (const [op, of] of [
      ['sin', Math.sin],
      ['cos', Math.cos],
    ] as const) {
      const kernel = mapKernel(op, ['f32'], 'f32', x.length, ([v]) => unary(op, 'f32', v))
      const [, y] = await onDevice(backend!, kernel, [x, new Float32Array(x.length)])
      y.forEach((v, i) => void expect(Math.abs(Number(v) - of(x[i])), `${op}(${x[i]})`).toBeLessThan(3e-7))
    }
  })

  test('unary functions of f32 on special values', async () => {
    const x = Float32Array.from(special)
    const ops: UnaryOp[] = ['neg', 'abs', ...(Object.keys(accuracy) as UnaryOp[]), 'floor', 'ceil', 'round', 'trunc']
    for (const op of ops) {
      const kernel = mapKernel(op, ['f32'], 'f32', x.length, ([v]) => unary(op, 'f32', v))
      expect(
        await differences(backend!, kernel, [x, new Float32Array(x.length)], {}, { absolute: 4e-7, relative: 4e-7 }),
      ).toEqual([])
    }
    const halves = Float32Array.from([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8388607.5, 1e9])
    const round = mapKernel('round', ['f32'], 'f32', halves.length, ([v]) => unary('round', 'f32', v))
    expect(await differences(backend!, round, [halves, new Float32Array(halves.length)])).toEqual([])
    const nan = mapKernel('isNaN', ['f32'], 'bool', x.length, ([v]) => unary('isNaN', 'bool', v))
    expect(await differences(backend!, nan, [x, new Uint8Array(x.length)])).toEqual([])
  })

  test('binary functions of f32 on every pair of special values', async () => {
    const values = [
      ...special.filter(v => Math.abs(v) !== 1e30 && v !== 3.4e38),
      1e10,
      -1e10,
      1e-10,
      0.1,
      7.5,
      -7.5,
      16,
      17,
    ]
    const a = Float32Array.from(values.flatMap(v => values.map(() => v)))
    const b = Float32Array.from(values.flatMap(() => values))
    const out = new Float32Array(a.length)
    for (const op of ['add', 'sub', 'mul', 'div', 'mod', 'pow', 'max', 'min', 'atan2'] as const) {
      const kernel = mapKernel(op, ['f32', 'f32'], 'f32', a.length, ([x, y]) => binary(op, 'f32', x, y))
      expect(await differences(backend!, kernel, [a, b, out], {}, { absolute: 1e-37, relative: 6e-7 })).toEqual([])
    }
    for (const op of ['lt', 'le', 'eq', 'ne'] as const) {
      const kernel = mapKernel(op, ['f32', 'f32'], 'bool', a.length, ([x, y]) => binary(op, 'bool', x, y))
      expect(await differences(backend!, kernel, [a, b, new Uint8Array(a.length)])).toEqual([])
      const self = mapKernel(`${op} itself`, ['f32'], 'bool', a.length, ([x]) => binary(op, 'bool', x, x))
      expect(await differences(backend!, self, [a, new Uint8Array(a.length)])).toEqual([])
    }
  })

  test('pow, mod and atan2 on random pairs', async () => {
    const count = 2048
    const random = randomFrom(11)
    const bases = spread(count, -4, 4, false, 12)
    const exponents = Float32Array.from({ length: count }, () => (random() - 0.5) * 40)
    const pow = mapKernel('pow', ['f32', 'f32'], 'f32', count, ([x, y]) => binary('pow', 'f32', x, y))
    const [, , y] = await onDevice(backend!, pow, [bases, exponents, new Float32Array(count)])
    y.forEach((v, i) => {
      const want = bases[i] ** exponents[i]
      if (Math.abs(want) > 1e-37 && want < 3e38)
        expect(ulps(Number(v), want), `${bases[i]} ** ${exponents[i]} = ${v}`).toBeLessThan(6)
    })
    const a = spread(count, -20, 20, true, 13)
    const b = spread(count, -20, 20, true, 14)
    for (const op of ['mod', 'atan2'] as const) {
      const kernel = mapKernel(op, ['f32', 'f32'], 'f32', count, ([x, y]) => binary(op, 'f32', x, y))
      const bound = op === 'mod' ? { absolute: 0, relative: 0 } : { absolute: 0, relative: 4e-7 }
      expect(await differences(backend!, kernel, [a, b, new Float32Array(count)], {}, bound)).toEqual([])
    }
  })

  test('integers: division, remainder, shifts, powers, extremes', async () => {
    const values = [0, 1, -1, 2, -2, 3, 7, -7, 31, 32, 33, 1000, 46341, 2 ** 31 - 1, -(2 ** 31)]
    for (const dtype of ['i32', 'u32'] as const) {
      const a = arrays[dtype].from(values.flatMap(v => values.map(() => v)))
      const b = arrays[dtype].from(values.flatMap(() => values))
      const ops: BinaryOp[] = ['add', 'sub', 'mul', 'div', 'mod', 'pow', 'max', 'min', 'and', 'or', 'xor', 'shl', 'shr']
      for (const op of ops) {
        const kernel = mapKernel(`${op} ${dtype}`, [dtype, dtype], dtype, a.length, ([x, y]) => binary(op, dtype, x, y))
        expect(await differences(backend!, kernel, [a, b, new arrays[dtype](a.length)])).toEqual([])
      }
      for (const op of ['neg', 'abs', 'not'] as const) {
        const kernel = mapKernel(`${op} ${dtype}`, [dtype], dtype, a.length, ([x]) => unary(op, dtype, x))
        expect(await differences(backend!, kernel, [a, new arrays[dtype](a.length)])).toEqual([])
      }
      for (const divisor of dtype === 'i32' ? [0, 3, -3] : [0, 3, 2 ** 31 + 5]) {
        const constant: Expr = { op: 'const', dtype, value: divisor }
        for (const op of ['div', 'mod'] as const) {
          const kernel = mapKernel(`${op} ${dtype} ${divisor}`, [dtype], dtype, a.length, ([x]) =>
            binary(op, dtype, x, constant),
          )
          expect(await differences(backend!, kernel, [a, new arrays[dtype](a.length)])).toEqual([])
        }
      }
    }
  })

  test('conversions between compute types', async () => {
    const floats = [
      0,
      -0,
      0.5,
      -0.9,
      1.5,
      2147483520,
      2147483648,
      4294967040,
      4294967296,
      1e20,
      -2147483648,
      -2147483904,
      -1e20,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e-30,
    ]
    const given = {
      f32: Float32Array.from(floats),
      i32: Int32Array.from([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 16777217]),
      u32: Uint32Array.from([0, 1, 2 ** 32 - 1, 2 ** 31, 16777217]),
      bool: Uint8Array.from([0, 1]),
    }
    for (const from of Object.keys(given) as Type[])
      for (const to of Object.keys(given) as Type[]) {
        const kernel = mapKernel(`${from} to ${to}`, [from], to, given[from].length, ([x]) => ({
          op: 'cast',
          dtype: to,
          args: [x],
        }))
        expect(await differences(backend!, kernel, [given[from], new arrays[to](given[from].length)])).toEqual([])
      }
  })

  test('narrow dtypes are widened when loaded and rounded or wrapped when stored', async () => {
    const f = Float32Array.from([
      0,
      -0,
      1,
      1 / 3,
      65504,
      65519,
      65520,
      1e-7,
      6e-8,
      2.9e-8,
      3e-8,
      6.1e-5,
      -1e-5,
      2049,
      2051,
      1e30,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ])
    for (const to of ['f16', 'bf16'] as const) {
      const stored = mapKernel(`store ${to}`, ['f32'], to, f.length, ([x]) => x)
      const kernel = mapKernel(`round to ${to}`, ['f32'], 'f32', f.length, ([x]) => ({
        op: 'roundTo',
        dtype: 'f32',
        to,
        args: [x],
      }))
      expect(
        await differences(backend!, kernel, [f, new Float32Array(f.length)], {}, { absolute: 0, relative: 0 }),
      ).toEqual([])
      const [, bits] = await onDevice(backend!, stored, [f, new Uint16Array(f.length)])
      const again = mapKernel(`load ${to}`, [to], 'f32', f.length, ([x]) => x)
      expect(
        await differences(backend!, again, [bits, new Float32Array(f.length)], {}, { absolute: 0, relative: 0 }),
      ).toEqual([])
    }
    const i = Int32Array.from([0, 127, 128, -128, -129, 255, 256, 1000])
    const i8 = mapKernel('store i8', ['i32'], 'i8', i.length, ([x]) => x)
    expect(await differences(backend!, i8, [i, new Int8Array(i.length)])).toEqual([])
    const u8 = mapKernel('store u8', ['u32'], 'u8', i.length, ([x]) => x)
    expect(await differences(backend!, u8, [Uint32Array.from(i), new Uint8Array(i.length)])).toEqual([])
  })

  test('constants that WGSL cannot write, and operations on constants alone', async () => {
    const x = new Float32Array(4)
    const constant = (value: number): Expr => ({ op: 'const', dtype: 'f32', value })
    for (const value of [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -0,
      1e-45,
      3.4028234663852886e38,
      1e-7,
    ]) {
      const kernel = mapKernel(`constant ${value}`, ['f32'], 'f32', 4, ([v]) =>
        binary('add', 'f32', constant(value), v),
      )
      const bound = { absolute: 1e-44, relative: 0 } // subnormals may be flushed
      expect(await differences(backend!, kernel, [x, x], {}, bound)).toEqual([])
    }
    for (const [op, a, b] of [
      ['div', 1, 0],
      ['mul', 3e38, 10],
      ['div', 0, 0],
      ['pow', -2, 3],
    ] as const) {
      const kernel = mapKernel(`constants ${op}`, ['f32'], 'f32', 4, () => binary(op, 'f32', constant(a), constant(b)))
      expect(await differences(backend!, kernel, [x, x])).toEqual([])
    }
    const big: Expr = { op: 'const', dtype: 'i32', value: -(2 ** 31) }
    const i = new Int32Array(4)
    const kernel = mapKernel('constant sum', ['i32'], 'i32', 4, () => binary('add', 'i32', big, big))
    expect(await differences(backend!, kernel, [i, i])).toEqual([])
  })
})

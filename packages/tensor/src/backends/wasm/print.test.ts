// Printed kernels against the interpreter: kernels by hand for each feature, then random ones.
// PRINT_SEED=n runs one random kernel, PRINT_RUNS=n more of them.

import { describe, expect, test } from 'vitest'
import { type ComputeType, type DType, isFloat, type TypedArray } from '../../dtype.ts'
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
  fma,
  i32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
  where,
} from '../../kernel/build.ts'
import { dim, symbol } from '../../kernel/dim.ts'
import { bf16ToNumber, f16ToNumber } from '../../kernel/half.ts'
import {
  type Axis,
  addIndex,
  axisIndex,
  dimIndex,
  divIndex,
  type Index,
  modIndex,
  scaleIndex,
  valueIndex,
} from '../../kernel/index-expr.ts'
import { interpret } from '../../kernel/interpret.ts'
import type { BinaryOp, BufferParam, Expr, LoopKernel, Stmt, UnaryOp } from '../../kernel/ir.ts'
import { expand } from '../../kernel/math.ts'
import { rewriteKernel } from '../../kernel/rewrite.ts'
import { guardOf, withinLimit } from './print-prepare.ts'
import { runKernel } from './run-kernel.ts'

const arrays = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  i64: BigInt64Array,
  bool: Uint8Array,
} as const

const make = (k: Partial<LoopKernel> & Pick<LoopKernel, 'parallel' | 'buffers' | 'body'>): LoopKernel => ({
  kind: 'loop',
  name: 'test',
  scalars: [],
  scratch: [],
  vector: false,
  ...k,
})

class Random {
  private state: number
  constructor(seed: number) {
    this.state = (seed * 2654435761 + 12345) >>> 0
  }
  next(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return ((this.state ^ (this.state >>> 15)) >>> 0) / 2 ** 32
  }
  below(n: number): number {
    return Math.floor(this.next() * n)
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }
  chance(p: number): boolean {
    return this.next() < p
  }
}

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-40,
  -1e-40,
  1e30,
  -1e30,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
]

function fill(random: Random, dtype: DType, n: number, wild = true): TypedArray {
  const out = new arrays[dtype](n)
  for (let i = 0; i < n; i++) {
    if (dtype === 'f16' || dtype === 'bf16') {
      // any bits of moderate size
      const high = dtype === 'f16' ? 0x3000 + random.below(0x1400) : 0x3e00 + random.below(0x200)
      out[i] = (wild && random.chance(0.1) ? random.below(65536) : high | (random.chance(0.5) ? 0x8000 : 0)) as never
    } else if (dtype === 'f32' || dtype === 'f64')
      out[i] = (wild && random.chance(0.05) ? random.pick(specials) : random.next() * 8 - 4) as never
    else if (dtype === 'bool') out[i] = random.below(2) as never
    else if (dtype === 'i64')
      out[i] = BigInt(
        wild && random.chance(0.1) ? random.pick([0, 2 ** 40, -(2 ** 50)]) : random.below(200) - 100,
      ) as never
    else
      out[i] = (
        wild && random.chance(0.1)
          ? random.below(2 ** 32)
          : random.below(20) - (dtype === 'i32' || dtype === 'i8' ? 10 : 0)
      ) as never
  }
  return out
}

const copy = (list: readonly TypedArray[]): TypedArray[] => list.map(a => a.slice() as TypedArray)

/** The arithmetic that is printed: functions expanded within their limits, left to Math beyond. */
const expanded = (kernel: LoopKernel): LoopKernel =>
  rewriteKernel(kernel, e => {
    const guard = guardOf(e)
    if (!guard) return expand(e)
    const [x] = (e as Extract<Expr, { op: UnaryOp }>).args
    const far = guard.vanishes === undefined ? e : where(binary('lt', x, f32(guard.vanishes)), f32(0), e)
    return where(binary('lt', f32(guard.limit), unary('abs', x)), far, withinLimit(e))
  })

interface CheckOptions {
  readonly scalars?: number[]
  readonly symbols?: number[]
  /** relative to the largest value of the buffer; 0: the same bits (any NaN for any NaN) */
  readonly tolerance?: number
  readonly message?: string
}

/** Runs both and compares every buffer; ranges cut in several ways must give the same bits as the whole. */
function check(kernel: LoopKernel, inputs: readonly TypedArray[], options: CheckOptions = {}): TypedArray[] {
  const { tolerance = 0, message = '' } = options
  const want = copy(inputs)
  interpret(expanded(kernel), want, options)
  const sizes = kernel.parallel.map(a =>
    a.size.symbols.length ? a.size.symbols.reduce((p, s) => p * options.symbols![s], a.size.factor) : a.size.factor,
  )
  const items = sizes.reduce((a, b) => a * b, 1)
  const first = copy(inputs)
  runKernel(kernel, first, options)
  compare(kernel, first, want, tolerance, message)
  const cuts = [[1], [3, 4, 9], [Math.floor(items / 2)], [Math.floor(items / 3), Math.floor((2 * items) / 3) + 1]]
  for (const list of cuts) {
    const inside = list.filter((c, i) => c > 0 && c < items && (i === 0 || c > list[i - 1]))
    if (inside.length === 0) continue
    const again = copy(inputs)
    runKernel(kernel, again, { ...options, cuts: inside })
    compare(kernel, again, first, 0, `${message} cut at ${inside}`)
  }
  // without relaxed SIMD multiply-adds round twice
  const plain = copy(inputs)
  runKernel(kernel, plain, { ...options, print: { relaxed: false } })
  return first
}

function compare(
  kernel: LoopKernel,
  got: readonly TypedArray[],
  want: readonly TypedArray[],
  tolerance: number,
  message: string,
): void {
  got.forEach((g, b) => {
    const w = want[b]
    const { dtype } = kernel.buffers[b]
    const number = (v: number | bigint): number =>
      dtype === 'f16' ? f16ToNumber(Number(v)) : dtype === 'bf16' ? bf16ToNumber(Number(v)) : Number(v)
    let scale = 1
    if (tolerance) for (const v of w) if (Number.isFinite(number(v))) scale = Math.max(scale, Math.abs(number(v)))
    const near = dtype === 'f16' || dtype === 'bf16' ? 1e-2 : isFloat(dtype) ? tolerance : 0
    for (let i = 0; i < w.length; i++) {
      const [x, y] = [g[i], w[i]]
      if (Object.is(x, y) || (Number.isNaN(x) && Number.isNaN(y))) continue
      if (tolerance && near && Math.abs(number(x) - number(y)) <= near * scale) continue
      expect(`${String(x)}`, `${message} buffer ${b} (${dtype}) element ${i} of ${w.length}`).toBe(`${String(y)}`)
      expect(Object.is(x, y), `${message} buffer ${b} element ${i}: sign of zero, ${x} for ${y}`).toBe(true)
    }
  })
}

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

describe('layouts', () => {
  test.each([
    [3, 4, 5],
    [1, 1, 7],
    [2, 0, 3],
    [5, 3, 2],
    [2, 3, 17],
  ])('transposed, broadcast, flipped and quotient of %i x %i x %i', (a, b, c) => {
    const r = new Random(a * 100 + b * 10 + c)
    const [x, y, z] = [axis(0, a), axis(1, b), axis(2, c)]
    const n = a * b * c
    const flipped = addIndex(dimIndex(dim(Math.max(0, n - 1))), scaleIndex(rowMajor(x, y, z), dim(-1)))
    const sum = [
      load('f32', 0, rowMajor(z, y, x)),
      load('f32', 0, rowMajor(x, z)),
      load('f32', 0, flipped),
      load('f32', 0, axisIndex(y)),
      load('f32', 0, divIndex(rowMajor(x, y, z), dim(2))),
      load('f32', 0, modIndex(rowMajor(x, y, z), dim(3))),
    ].reduce((p, q) => binary('add', p, q))
    const kernel = make({
      parallel: [x, y, z],
      vector: true,
      buffers: [buffer('f32', Math.max(n, 1)), buffer('f32', n, 'write'), buffer('i32', n, 'write')],
      body: [
        store(1, rowMajor(x, y, z), sum),
        store(2, rowMajor(x, y, z), {
          op: 'index',
          dtype: 'i32',
          index: addIndex(flipped, divIndex(rowMajor(x, y, z), dim(4))),
        }),
      ],
    })
    check(kernel, [fill(r, 'f32', Math.max(n, 1), false), new Float32Array(n), new Int32Array(n)])
  })

  test('padding: masked loads and stores, at every alignment', () => {
    const r = new Random(5)
    for (const n of [1, 4, 7, 30])
      for (const dtype of ['f32', 'u8', 'f16', 'bool', 'i8'] as const) {
        const compute = dtype === 'u8' ? 'u32' : dtype === 'bool' ? 'bool' : dtype === 'i8' ? 'i32' : 'f32'
        const i = axis(0, n + 5)
        const at: Expr = { op: 'index', dtype: 'i32', index: axisIndex(i) }
        const valid = binary('and', binary('le', i32(2), at), binary('lt', at, i32(n + 2)))
        const moved = addIndex(axisIndex(i), dimIndex(dim(-2)))
        const kernel = make({
          parallel: [i],
          vector: true,
          buffers: [buffer(dtype, n), buffer(dtype, n + 5, 'write'), buffer(dtype, n, 'readwrite')],
          body: [
            store(1, axisIndex(i), load(compute, 0, moved, valid)),
            store(2, moved, load(compute, 0, moved, valid), 'max', valid),
          ],
        })
        check(kernel, [fill(r, dtype, n, false), new arrays[dtype](n + 5), fill(r, dtype, n, false)], {
          message: `${dtype} ${n}`,
        })
      }
  })

  test('gather of rows and of elements, scatter with accumulation', () => {
    const r = new Random(6)
    const [rows, n, v] = [6, 19, 11]
    const [i, j] = [axis(0, rows), axis(1, n)]
    const row = load('i64', 0, axisIndex(i))
    const column = load('i32', 1, axisIndex(j))
    const table = load('f32', 2, addIndex(scaleIndex(valueIndex(cast('i32', row)), dim(n)), axisIndex(j)))
    const picked = load('f32', 2, addIndex(scaleIndex(valueIndex(column), dim(n)), axisIndex(j)))
    const kernel = make({
      parallel: [i, j],
      vector: true,
      buffers: [buffer('i64', rows), buffer('i32', n), buffer('f32', v * n), buffer('f32', rows * n, 'write')],
      body: [store(3, rowMajor(i, j), binary('sub', table, picked))],
    })
    const ids = BigInt64Array.from({ length: rows }, () => BigInt(r.below(v)))
    const columns = Int32Array.from({ length: n }, () => r.below(v))
    check(kernel, [ids, columns, fill(r, 'f32', v * n), new Float32Array(rows * n)])
    const scatter = make({
      parallel: [j],
      vector: true,
      buffers: [buffer('i64', rows), buffer('f32', rows * n), buffer('f32', v * n, 'readwrite')],
      body: [
        loop(
          i,
          [
            store(
              2,
              addIndex(scaleIndex(valueIndex(cast('i32', row)), dim(n)), axisIndex(j)),
              load('f32', 1, rowMajor(i, j)),
              'add',
            ),
          ],
          { ordered: true },
        ),
      ],
    })
    check(scatter, [ids, fill(r, 'f32', rows * n), fill(r, 'f32', v * n)])
  })
})

describe('reductions', () => {
  test.each(sizes)('rows of %i: sum, product, maximum, minimum, any', n => {
    const r = new Random(n)
    const rows = 5
    const [i, j] = [axis(0, rows), axis(1, symbol(0, n))]
    const x = load('f32', 0, rowMajor(i, j))
    const k = load('i32', 1, rowMajor(i, j))
    const body: Stmt[] = [
      declare(0, 0),
      declare(1, 1),
      declare(2, Number.NEGATIVE_INFINITY),
      declare(3, Number.POSITIVE_INFINITY),
      declare(4, 0, 'bool'),
      declare(5, -(2 ** 31), 'i32'),
      declare(6, 2 ** 31 - 1, 'i32'),
      declare(7, 0),
      declare(8, 1, 'bool'),
      loop(
        j,
        [
          update(0, 'add', x),
          update(1, 'mul', binary('add', f32(1), binary('mul', x, f32(1e-3)))),
          update(2, 'max', x),
          update(3, 'min', x),
          update(4, 'add', binary('lt', x, f32(-3.9))),
          update(5, 'max', k),
          update(6, 'min', k),
          update(7, 'add', binary('mul', x, x)),
          update(8, 'mul', binary('lt', x, f32(3.9))),
        ],
        { reduces: [0, 1, 2, 3, 4, 5, 6, 7, 8] },
      ),
      ...[0, 1, 2, 3, 7].map((a, at) =>
        store(2, addIndex(scaleIndex(axisIndex(i), dim(5)), dimIndex(dim(at))), acc(a)),
      ),
      ...[5, 6].map((a, at) => store(3, addIndex(scaleIndex(axisIndex(i), dim(2)), dimIndex(dim(at))), acc(a, 'i32'))),
      ...[4, 8].map((a, at) => store(4, addIndex(scaleIndex(axisIndex(i), dim(2)), dimIndex(dim(at))), acc(a, 'bool'))),
    ]
    const size = symbol(0, n)
    const kernel = make({
      parallel: [i],
      buffers: [
        buffer('f32', size),
        buffer('i32', size),
        buffer('f32', rows * 5, 'write'),
        buffer('i32', rows * 2, 'write'),
        buffer('bool', rows * 2, 'write'),
      ],
      body,
    })
    const inputs = (wild: boolean): TypedArray[] => [
      fill(r, 'f32', rows * n, wild),
      fill(r, 'i32', rows * n),
      new Float32Array(rows * 5),
      new Int32Array(rows * 2),
      new Uint8Array(rows * 2),
    ]
    check(kernel, inputs(false), { symbols: [n], tolerance: 1e-5 })
  })

  test('a maximum keeps NaN wherever it stands', () => {
    const n = 41
    const j = axis(0, n)
    const kernel = make({
      parallel: [],
      buffers: [buffer('f32', n), buffer('f32', 1, 'write')],
      body: [
        declare(0, Number.NEGATIVE_INFINITY),
        loop(j, [update(0, 'max', load('f32', 0, axisIndex(j)))], { reduces: [0] }),
        store(1, dimIndex(dim(0)), acc(0)),
      ],
    })
    for (let at = 0; at < n; at++) {
      const x = new Float32Array(n).fill(1)
      x[at] = Number.NaN
      check(kernel, [x, new Float32Array(1)])
    }
  })

  test.each(sizes)('columns: %i of them, loop over rows inside lanes', n => {
    const r = new Random(n)
    const rows = 13
    const [i, j] = [axis(0, rows), axis(1, n)]
    const x = load('f32', 0, rowMajor(i, j))
    const kernel = make({
      parallel: [j],
      vector: true,
      buffers: [buffer('f32', rows * n), buffer('f32', n, 'write')],
      body: [
        declare(0, 0),
        loop(i, [update(0, 'add', binary('mul', x, x))], { reduces: [0] }),
        store(1, axisIndex(j), unary('sqrt', acc(0))),
      ],
    })
    check(kernel, [fill(r, 'f32', rows * n, false), new Float32Array(n)], { tolerance: 1e-6 })
  })

  test.each(sizes)('softmax and layer norm over rows of %i, with scratch', n => {
    const r = new Random(n)
    const rows = 6
    const size = symbol(0, n)
    const [i, j] = [axis(0, rows), axis(1, size)]
    const x = load('f32', 0, rowMajor(i, j))
    const softmax = make({
      parallel: [i],
      buffers: [buffer('f32', size), buffer('f32', size, 'write')],
      scratch: [{ dtype: 'f32', size }],
      body: [
        declare(0, Number.NEGATIVE_INFINITY),
        loop(j, [update(0, 'max', x)], { reduces: [0] }),
        declare(1, 0),
        loop(
          j,
          [
            store(2, axisIndex(j), unary('exp', binary('sub', x, acc(0)))),
            update(1, 'add', unary('exp', binary('sub', x, acc(0)))),
          ],
          { reduces: [1] },
        ),
        loop(j, [store(1, rowMajor(i, j), binary('div', load('f32', 2, axisIndex(j)), acc(1)))]),
      ],
    })
    check(softmax, [fill(r, 'f32', rows * n, false), new Float32Array(rows * n)], { symbols: [n], tolerance: 1e-6 })
    const mean = binary('mul', acc(0), { op: 'scalar', dtype: 'f32', slot: 0 })
    const centred = binary('sub', x, mean)
    const norm = make({
      parallel: [i],
      buffers: [buffer('f32', size), buffer('f32', size), buffer('f32', size, 'write')],
      scalars: ['f32'],
      body: [
        declare(0, 0),
        loop(j, [update(0, 'add', x)], { reduces: [0] }),
        declare(1, 0),
        loop(j, [update(1, 'add', binary('mul', centred, centred))], { reduces: [1] }),
        loop(j, [
          store(
            2,
            rowMajor(i, j),
            fma(
              binary(
                'mul',
                centred,
                unary(
                  'rsqrt',
                  binary('add', binary('mul', acc(1), { op: 'scalar', dtype: 'f32', slot: 0 }), f32(1e-5)),
                ),
              ),
              load('f32', 1, axisIndex(j)),
              f32(0.5),
            ),
          ),
        ]),
      ],
    })
    check(norm, [fill(r, 'f32', rows * n, false), fill(r, 'f32', n, false), new Float32Array(rows * n)], {
      symbols: [n],
      scalars: [1 / Math.max(n, 1)],
      tolerance: 1e-5,
    })
  })

  test('a running scan in order, a causal bound, nested loops', () => {
    const r = new Random(3)
    const n = 23
    const [i, j] = [axis(0, n), axis(1, n)]
    const scan = make({
      parallel: [],
      buffers: [buffer('f32', n), buffer('f32', n, 'write')],
      body: [
        declare(0, 0),
        loop(i, [update(0, 'add', load('f32', 0, axisIndex(i))), store(1, axisIndex(i), acc(0))], { ordered: true }),
      ],
    })
    check(scan, [fill(r, 'f32', n), new Float32Array(n)])
    const causal = make({
      parallel: [i],
      buffers: [buffer('f32', n * n), buffer('f32', n, 'write')],
      body: [
        declare(0, 0),
        loop(j, [update(0, 'add', load('f32', 0, rowMajor(i, j)))], {
          reduces: [0],
          end: addIndex(axisIndex(i), dimIndex(dim(1))),
        }),
        store(1, axisIndex(i), acc(0)),
      ],
    })
    check(causal, [fill(r, 'f32', n * n, false), new Float32Array(n)], { tolerance: 1e-5 })
    const k = axis(2, 9)
    const nested = make({
      parallel: [i],
      buffers: [buffer('f32', n * n * 9), buffer('f32', 9), buffer('f32', n * n, 'write')],
      body: [
        loop(j, [
          declare(0, 0),
          loop(k, [update(0, 'add', binary('mul', load('f32', 0, rowMajor(i, k, j)), load('f32', 1, axisIndex(k))))], {
            reduces: [0],
          }),
          store(2, rowMajor(i, j), binary('add', acc(0), f32(1))),
        ]),
      ],
    })
    check(nested, [fill(r, 'f32', n * n * 9, false), fill(r, 'f32', 9, false), new Float32Array(n * n)], {
      tolerance: 1e-6,
    })
  })

  test('in place: an expression keeps the value it had before the store', () => {
    const r = new Random(4)
    const n = 30
    const i = axis(0, n)
    const x = load('f32', 0, axisIndex(i))
    const kernel = make({
      parallel: [i],
      vector: true,
      buffers: [buffer('f32', n, 'readwrite'), buffer('f32', n, 'write')],
      body: [store(0, axisIndex(i), binary('add', x, f32(1))), store(1, axisIndex(i), binary('mul', x, f32(2)))],
    })
    check(kernel, [fill(r, 'f32', n), new Float32Array(n)])
  })
})

// ---- random kernels

class Generator {
  readonly random: Random
  readonly buffers: BufferParam[] = []
  readonly arrays: TypedArray[] = []
  readonly written = new Set<number>()
  readonly scalars: ComputeType[] = []
  readonly scalarValues: number[] = []
  readonly symbols: number[] = []
  private pool: Expr[] = []
  private reduces = false

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  axis(id: number): { axis: Axis; size: number } {
    const size = this.random.pick([1, 2, 3, 4, 5, 8, 17, 33, 64, 70])
    if (!this.random.chance(0.4)) return { axis: axis(id, size), size }
    this.symbols.push(size)
    return { axis: axis(id, symbol(this.symbols.length - 1, size)), size }
  }

  buffer(dtype: DType, elements: number, access: 'read' | 'write' | 'readwrite', values?: TypedArray): number {
    this.buffers.push(buffer(dtype, elements, access))
    this.arrays.push(values ?? fill(this.random, dtype, elements, !this.reduces))
    return this.buffers.length - 1
  }

  /** An index that touches elements 0..count-1, and the count. */
  index(axes: readonly { axis: Axis; size: number }[]): { index: Index; count: number } {
    const { random } = this
    const chosen = random.chance(0.5) ? axes : axes.filter(() => random.chance(0.7))
    const order = random.chance(0.7) ? chosen : chosen.toReversed()
    let index = rowMajor(...order.map(a => a.axis))
    let count = order.reduce((p, a) => p * a.size, 1)
    if (random.chance(0.1)) {
      const by = random.pick([2, 3, 4])
      index = random.chance(0.5) ? divIndex(index, dim(by)) : modIndex(index, dim(by))
    }
    if (random.chance(0.1)) {
      index = addIndex(scaleIndex(index, dim(3)), dimIndex(dim(2)))
      count = 3 * count + 2
    }
    return { index, count }
  }

  load(dtype: ComputeType, axes: readonly { axis: Axis; size: number }[]): Expr {
    const { random } = this
    const stored: DType =
      dtype === 'f32'
        ? random.pick(['f32', 'f32', 'f32', 'f16', 'bf16'])
        : dtype === 'i32'
          ? random.pick(['i32', 'i8'])
          : dtype === 'u32'
            ? random.pick(['u32', 'u8'])
            : dtype
    if (random.chance(0.1)) {
      const { index, count } = this.index(axes)
      const ids = this.buffer(
        'i32',
        count,
        'read',
        Int32Array.from({ length: count }, () => random.below(20)),
      )
      return load(dtype, this.buffer(stored, 20, 'read'), valueIndex(load('i32', ids, index)))
    }
    const { index, count } = this.index(axes)
    if (random.chance(0.15)) {
      const at: Expr = { op: 'index', dtype: 'i32', index }
      return load(dtype, this.buffer(stored, Math.max(1, count - 2), 'read'), index, binary('lt', at, i32(count - 2)))
    }
    return load(dtype, this.buffer(stored, Math.max(count, 1), 'read'), index)
  }

  expr(dtype: ComputeType, axes: readonly { axis: Axis; size: number }[], depth: number): Expr {
    const { random } = this
    const shared = this.pool.filter(e => e.dtype === dtype)
    if (shared.length && random.chance(0.2)) return random.pick(shared)
    const e = this.fresh(dtype, axes, depth)
    this.pool.push(e)
    return e
  }

  private fresh(dtype: ComputeType, axes: readonly { axis: Axis; size: number }[], depth: number): Expr {
    const { random } = this
    if (depth <= 0 || random.chance(0.15)) {
      if (random.chance(0.15))
        return constant(dtype, dtype === 'bool' ? random.below(2) : random.below(9) - (dtype === 'u32' ? 0 : 4))
      if (random.chance(0.1)) {
        this.scalars.push(dtype)
        this.scalarValues.push(
          dtype === 'f32' ? Math.fround(random.next()) : dtype === 'f64' ? random.next() : random.below(2),
        )
        return { op: 'scalar', dtype, slot: this.scalars.length - 1 }
      }
      if (dtype === 'i32' && random.chance(0.2)) return { op: 'index', dtype, index: this.index(axes).index }
      return this.load(dtype, axes)
    }
    const next = (d: ComputeType): Expr => this.expr(d, axes, depth - 1)
    if (random.chance(0.12)) return where(next('bool'), next(dtype), next(dtype))
    if (random.chance(0.1)) return cast(dtype, next(random.pick(this.types())))
    switch (dtype) {
      case 'f32':
      case 'f64':
        if (random.chance(0.4))
          return unary(
            random.pick(['neg', 'abs', 'exp', 'tanh', 'sqrt', 'reciprocal', 'floor', 'round', 'erf', 'log', 'sin']),
            next(dtype),
          )
        if (dtype === 'f32' && random.chance(0.05))
          return { op: 'roundTo', dtype, to: random.pick(['f16', 'bf16']), args: [next(dtype)] }
        if (dtype === 'f32' && random.chance(0.05)) return bitcast(dtype, next('i32'))
        return binary(random.pick(['add', 'sub', 'mul', 'div', 'max', 'min', 'mod', 'pow']), next(dtype), next(dtype))
      case 'bool': {
        if (random.chance(0.3)) return unary('not', next('bool'))
        if (random.chance(0.3)) return binary(random.pick(['and', 'or', 'xor']), next('bool'), next('bool'))
        const t = random.pick(this.types())
        return binary(random.pick(['lt', 'le', 'eq', 'ne']), next(t), next(t))
      }
      default:
        if (random.chance(0.15))
          return unary(random.pick(dtype === 'u32' ? ['not'] : ['neg', 'abs', 'not']), next(dtype))
        return binary(
          random.pick(['add', 'sub', 'mul', 'div', 'mod', 'max', 'min', 'and', 'or', 'xor', 'shl', 'shr']),
          next(dtype),
          next(dtype),
        )
    }
  }

  private wide = false
  private types(): ComputeType[] {
    return this.wide ? ['f32', 'i32', 'u32', 'bool', 'f64', 'i64'] : ['f32', 'i32', 'u32', 'bool']
  }

  store(axes: readonly { axis: Axis; size: number }[], value: Expr): Stmt {
    const stored: DType =
      value.dtype === 'f32'
        ? this.random.pick(['f32', 'f32', 'f16', 'bf16'])
        : value.dtype === 'i32'
          ? this.random.pick(['i32', 'i8'])
          : value.dtype === 'u32'
            ? this.random.pick(['u32', 'u8'])
            : value.dtype
    const count = axes.reduce((p, a) => p * a.size, 1)
    const order = this.random.chance(0.8) ? axes : axes.toReversed()
    const mode =
      value.dtype !== 'bool' && this.random.chance(0.2) ? this.random.pick(['add', 'max', 'min'] as const) : 'set'
    return store(this.buffer(stored, count, 'readwrite'), rowMajor(...order.map(a => a.axis)), value, mode)
  }

  kernel(): LoopKernel {
    const { random } = this
    this.wide = random.chance(0.25)
    const outer = Array.from({ length: 1 + random.below(3) }, (_, i) => this.axis(i))
    while (outer.reduce((p, a) => p * a.size, 1) > 3000) outer.pop()
    const vector = random.chance(0.6)
    const body: Stmt[] = []
    const shape = random.below(3)
    const type = (): ComputeType => random.pick(this.types())
    if (shape === 0)
      for (let i = 0; i <= random.below(3); i++) body.push(this.store(outer, this.expr(type(), outer, 4)))
    else {
      // a reduction with tame values, then a map that uses it
      this.reduces = true
      const inner = this.axis(10)
      const both = [...outer, inner]
      const op = random.pick(['max', 'min', 'add'] as const)
      const dtype = random.pick(['f32', 'i32', 'u32'] as const)
      const value =
        dtype === 'f32'
          ? binary('add', this.load('f32', both), binary('mul', this.load('f32', both), this.load('f32', outer)))
          : this.expr(dtype, both, 2)
      body.push(declare(0, op === 'add' ? 0 : op === 'max' ? (dtype === 'u32' ? 0 : -1000) : 1000, dtype))
      body.push(loop(inner.axis, [update(0, op, value)], { reduces: [0] }))
      this.pool = []
      const result = acc(0, dtype)
      body.push(this.store(outer, result))
      if (shape === 2) body.push(loop(inner.axis, [this.store(both, binary('add', this.expr(dtype, both, 2), result))]))
    }
    return make({
      name: 'random',
      parallel: outer.map(a => a.axis),
      vector,
      buffers: this.buffers,
      scalars: this.scalars,
      body,
    })
  }
}

describe('random kernels', () => {
  const one = process.env.PRINT_SEED
  const runs = Number(process.env.PRINT_RUNS ?? 150)
  test(`${one ? `seed ${one}` : `${runs} seeds`}`, { timeout: 120_000 }, () => {
    for (let seed = Number(one ?? 1); seed <= Number(one ?? runs); seed++) {
      const generator = new Generator(seed)
      const kernel = generator.kernel()
      const tolerance = kernel.body.some(s => s.kind === 'loop') ? 1e-3 : 0
      try {
        check(kernel, generator.arrays, {
          scalars: generator.scalarValues,
          symbols: generator.symbols,
          tolerance,
          message: `seed ${seed}`,
        })
      } catch (error) {
        throw new Error(`PRINT_SEED=${seed}: ${error}`, { cause: error })
      }
    }
  })
})

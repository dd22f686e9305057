// Kernels by hand that reduce, scan and store what they read.

import { describe, test } from 'vitest'
import type { TypedArray } from '../../dtype.ts'
import {
  acc,
  axis,
  binary,
  buffer,
  declare,
  f32,
  fma,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
} from '../../kernel/build.ts'
import { dim, symbol } from '../../kernel/dim.ts'
import { addIndex, axisIndex, dimIndex, scaleIndex } from '../../kernel/index-expr.ts'
import type { Stmt } from '../../kernel/ir.ts'

import { check, fill, make, Random } from './testing/check-kernel.ts'

const sizes = [0, 1, 3, 4, 5, 17, 64, 1000]

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

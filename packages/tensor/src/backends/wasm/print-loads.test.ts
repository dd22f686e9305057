// Kernels by hand that read and write elsewhere than element by element: views, padding, gathers, scatters.

import { describe, test } from 'vitest'
import { axis, binary, buffer, cast, i32, load, loop, rowMajor, store } from '../../kernel/build.ts'
import { dim } from '../../kernel/dim.ts'
import { addIndex, axisIndex, dimIndex, divIndex, modIndex, scaleIndex, valueIndex } from '../../kernel/index-expr.ts'
import type { Expr } from '../../kernel/ir.ts'

import { arrays, check, fill, make, Random } from './testing/check-kernel.ts'

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

// Sums down columns, past the number of columns from which totals lie in scratch memory, beside the interpreter.

import { describe, expect, test } from 'vitest'
import { acc, axis, binary, buffer, declare, load, loop, rowMajor, store, unary, update } from '../../kernel/build.ts'
import { dim, symbol } from '../../kernel/dim.ts'
import { axisIndex } from '../../kernel/index-expr.ts'
import type { LoopKernel, Stmt } from '../../kernel/ir.ts'
import { columnsOf } from './print-columns.ts'
import { check, fill, make, Random } from './testing/check-kernel.ts'
import { runKernel } from './testing/run-kernel.ts'

const shapes: [rows: number, columns: number][] = [[3, 300], [4, 70], [9, 257], [64, 768], [10, 4100], [5, 8200], [7, 64]] // biome-ignore format: a list

/** `outer` times a reduction of [rows, columns] to [columns]: the sum, the sum of squares times another array, the largest. */
function columns(outer: number, rows: number, count: number, moving: boolean): LoopKernel {
  const [o, c, r] = [
    axis(0, outer),
    axis(1, moving ? symbol(0, count) : count),
    axis(2, moving ? symbol(1, rows) : rows),
  ]
  const at = rowMajor(o, r, c)
  const x = load('f32', 0, at)
  const size = outer * count
  const body: Stmt[] = [
    declare(0, 0),
    declare(1, 0),
    declare(2, Number.NEGATIVE_INFINITY),
    loop(r, [update(0, 'add', x), update(1, 'add', binary('mul', x, load('f32', 1, at))), update(2, 'max', x)], {
      reduces: [0, 1, 2],
    }),
    store(2, rowMajor(o, c), binary('add', acc(0), unary('neg', acc(1)))),
    store(3, rowMajor(o, c), binary('mul', acc(2), load('f32', 4, axisIndex(c)))),
  ]
  const all = outer * rows * count
  return make({
    parallel: outer === 1 ? [c] : [o, c],
    vector: true,
    buffers: [buffer('f32', all), buffer('f32', all), buffer('f32', size, 'write'), buffer('f32', size, 'write'), buffer('f32', count)], // biome-ignore format: a list
    body,
  })
}

describe.each([1, 3])('%d times', outer => {
  test.each(shapes)('[%i, %i] down the columns', (rows, count) => {
    const r = new Random(rows * count)
    for (const moving of [false, true]) {
      const kernel = columns(outer, rows, count, moving)
      expect(columnsOf(kernel, kernel.body) !== null).toBe(count > 64)
      const all = outer * rows * count
      const x = fill(r, 'f32', all, false)
      x[all >> 1] = Number.NaN
      const inputs = [
        x,
        fill(r, 'f32', all, false),
        ...[0, 1].map(() => new Float32Array(outer * count)),
        fill(r, 'f32', count),
      ]
      const options = { symbols: [count, rows] }
      const got = check(kernel, inputs, { ...options, tolerance: 1e-5 })
      // a row of scratch memory that nobody uses: such a kernel keeps its totals in registers
      const plain = inputs.map(values => values.slice())
      runKernel({ ...kernel, scratch: [{ dtype: 'f32', size: dim(1) }] }, plain, options)
      expect(got).toEqual(plain)
    }
  })
})

test('what the loop reads of its totals keeps them in registers', () => {
  const kernel = columns(1, 8, 100, false)
  const [total, , , down, ...rest] = kernel.body as [Stmt, Stmt, Stmt, Extract<Stmt, { kind: 'loop' }>, Stmt, Stmt]
  const body = [total, { ...down, body: [update(0, 'add', binary('mul', acc(0), acc(0)))] }, ...rest]
  expect(columnsOf({ ...kernel, body }, body)).toBe(null)
})

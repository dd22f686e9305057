// Loops long enough to read ahead, of sizes around the length of a block: what is read ahead may be wrong only by being slow, so these look
// at values, and at memory that ends where the last array does.

import { describe, expect, test } from 'vitest'
import {
  acc,
  axis,
  binary,
  buffer,
  declare,
  f32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
} from '../../kernel/build.ts'
import { symbol } from '../../kernel/dim.ts'
import { axisIndex } from '../../kernel/index-expr.ts'
import type { LoopKernel } from '../../kernel/ir.ts'
import { arrays, check, fill, make, Random } from './testing/check-kernel.ts'
import { runKernel } from './testing/run-kernel.ts'

const sizes = [255, 256, 257, 300, 511, 512, 768, 1024, 1030]

/** Softmax of rows, as the scheduler writes it. */
function softmax(rows: number, columns: number, moving: boolean): LoopKernel {
  const [r, c] = [axis(0, rows), axis(1, moving ? symbol(0, columns) : columns)]
  const at = rowMajor(r, c)
  const shifted = unary('exp', binary('sub', load('f32', 0, at), acc(0)))
  return make({
    parallel: [r],
    buffers: [buffer('f32', rows * columns), buffer('f32', rows * columns, 'readwrite')],
    body: [
      declare(0, Number.NEGATIVE_INFINITY),
      loop(c, [update(0, 'max', load('f32', 0, at))], { reduces: [0] }),
      declare(1, 0),
      loop(c, [store(1, at, shifted), update(1, 'add', shifted)], { reduces: [1] }),
      loop(c, [store(1, at, binary('mul', load('f32', 1, at), unary('reciprocal', acc(1))))]),
    ],
  })
}

describe('reading ahead', () => {
  test.each(sizes)('of %i elements in a row: softmax, whose longest loop reads the next row', n => {
    const r = new Random(n)
    for (const rows of [1, 2, 5])
      for (const moving of [false, true]) {
        const inputs = [fill(r, 'f32', rows * n, false), new Float32Array(rows * n)]
        check(softmax(rows, n, moving), inputs, { tolerance: 1e-6, symbols: [n] })
      }
  })

  test.each(['f32', 'f16', 'u8', 'i32'] as const)('of elements of %s, several arrays', dtype => {
    const r = new Random(3)
    for (const n of sizes) {
      const i = axis(0, n)
      const compute = dtype === 'f16' ? 'f32' : dtype === 'u8' ? 'u32' : dtype
      const sum = binary('add', load(compute, 0, axisIndex(i)), load(compute, 1, axisIndex(i)))
      check(
        make({
          parallel: [i],
          vector: true,
          buffers: [buffer(dtype, n), buffer(dtype, n), buffer(dtype, n, 'write')],
          body: [store(2, axisIndex(i), sum)],
        }),
        [fill(r, dtype, n, false), fill(r, dtype, n, false), new arrays[dtype](n)],
      )
    }
  })

  test('stays inside of memory', () => {
    // three rows that end with the last byte of a page: a read further on would trap
    const n = 1024
    const rows = 3
    const [x, y] = [new Float32Array(rows * n).fill(2), new Float32Array(rows * n)]
    runKernel(softmax(rows, n, false), [x, y], { atEnd: true })
    expect(y.every(value => Math.abs(value - 1 / n) < 1e-9)).toBe(true)
    const i = axis(0, rows * n)
    const twice = make({
      parallel: [i],
      vector: true,
      buffers: [buffer('f32', rows * n), buffer('f32', rows * n, 'write')],
      body: [store(1, axisIndex(i), binary('mul', load('f32', 0, axisIndex(i)), f32(2)))],
    })
    runKernel(twice, [x, y], { atEnd: true })
    expect(y.every(value => value === 4)).toBe(true)
  })
})

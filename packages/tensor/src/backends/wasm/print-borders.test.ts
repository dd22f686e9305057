// Rows with borders (padding, windows, shifted reads) against the interpreter: rows that are all border, that have an interior of every length, in lanes
// and along a reduction, with sizes as constants and as symbols.

import { describe, expect, test } from 'vitest'
import type { ComputeType, DType } from '../../dtype.ts'
import {
  acc,
  axis,
  binary,
  bitcast,
  buffer,
  declare,
  load,
  loop,
  rowMajor,
  store,
  update,
  where,
} from '../../kernel/build.ts'
import { type Dim, dim, symbol } from '../../kernel/dim.ts'
import { type Axis, addIndex, axisIndex, dimIndex, type Index, scaleIndex } from '../../kernel/index-expr.ts'
import type { Expr } from '../../kernel/ir.ts'
import { bordersOf } from './print-borders.ts'
import { declaredIn, Variance } from './print-lanes.ts'
import { maskedLoads } from './print-loads.ts'
import { arrays, check, fill, make, Random } from './testing/check-kernel.ts'
import { runKernel } from './testing/run-kernel.ts'

const at = (index: Index): Expr => ({ op: 'index', dtype: 'i32', index })
const inside = (index: Index, size: Dim): Expr =>
  binary('lt', bitcast('u32', at(index)), bitcast('u32', at(dimIndex(size))))
const plus = (index: Index, n: number): Index => addIndex(index, dimIndex(dim(n)))
const times = (a: Axis, n: number | Dim): Index => scaleIndex(axisIndex(a), typeof n === 'number' ? dim(n) : n)

interface Window {
  readonly height: number
  readonly width: number
  readonly kernel: number
  readonly step: number
  readonly dilation: number
  readonly padding: number
}

const outputs = (n: number, { kernel, step, dilation, padding }: Window): number =>
  Math.max(0, Math.floor((n + 2 * padding - (kernel - 1) * dilation - 1) / step) + 1)

/** The sum over windows of a matrix with zeros around, weighted: rows across lanes. */
function windows(w: Window, dtype: DType, compute: ComputeType, moving: boolean) {
  const [rows, columns] = [outputs(w.height, w), outputs(w.width, w)]
  const [height, width, outWidth] = moving
    ? [symbol(0, w.height), symbol(1, w.width), symbol(2, columns)]
    : [dim(w.height), dim(w.width), dim(columns)]
  const [i, j] = [axis(0, rows), axis(1, outWidth)]
  const [p, q] = [axis(2, w.kernel), axis(3, w.kernel)]
  const y = plus(addIndex(times(i, w.step), times(p, w.dilation)), -w.padding)
  const x = plus(addIndex(times(j, w.step), times(q, w.dilation)), -w.padding)
  const valid = binary('and', inside(y, height), inside(x, width))
  const value = load(compute, 0, addIndex(scaleIndex(y, width), x), valid)
  const weighted = binary('mul', value, load(compute, 1, rowMajor(p, q)))
  const type = compute === 'f32' ? 'f32' : compute
  const kernel = make({
    parallel: [i, j],
    vector: true,
    buffers: [buffer(dtype, w.height * w.width), buffer(dtype, w.kernel ** 2), buffer(dtype, rows * columns, 'write')],
    body: [
      declare(0, 0, type),
      loop(p, [loop(q, [update(0, 'add', weighted)], { reduces: [0] })], { reduces: [0] }),
      store(2, addIndex(times(i, outWidth), axisIndex(j)), acc(0, type)),
    ],
  })
  return { kernel, rows, columns, symbols: moving ? [w.height, w.width, columns] : [] }
}

describe('windows with zeros around', () => {
  test.each([
    [3, 1, 1, 1],
    [3, 1, 1, 0],
    [3, 2, 1, 1],
    [2, 3, 1, 1],
    [3, 1, 2, 2],
    [2, 3, 2, 4],
    [5, 1, 1, 2],
    [4, 1, 1, 3],
    [9, 1, 1, 4],
  ])('%i taps, step %i, dilation %i, padding %i', (kernel, step, dilation, padding) => {
    const r = new Random(kernel * 1000 + step * 100 + dilation * 10 + padding)
    for (const width of [1, 2, 3, 4, 5, 7, 8, 12, 13, 19, 40])
      for (const moving of [false, true]) {
        const w = { height: 4, width, kernel, step, dilation, padding }
        if (outputs(w.height, w) * outputs(width, w) === 0) continue
        const { kernel: k, rows, columns, symbols } = windows(w, 'f32', 'f32', moving)
        const inputs = [fill(r, 'f32', 4 * width, false), fill(r, 'f32', kernel ** 2, false)]
        const message = `width ${width}${moving ? ', moving' : ''}`
        check(k, [...inputs, new Float32Array(rows * columns)], { tolerance: 1e-6, symbols, message })
        // what is read beside the array is not there at all
        runKernel(k, [...inputs, new Float32Array(rows * columns)], { symbols, atEnd: true })
      }
  })

  test.each([
    ['i32', 'i32'],
    ['u8', 'u32'],
    ['i8', 'i32'],
    ['f16', 'f32'],
    ['bf16', 'f32'],
    ['bool', 'bool'],
  ] as const)('of %s', (dtype, compute) => {
    const r = new Random(9)
    for (const width of [3, 4, 6, 21]) {
      const w = { height: 3, width, kernel: 3, step: 1, dilation: 1, padding: 1 }
      const { kernel, rows, columns } = windows(w, dtype, compute, false)
      const inputs = [fill(r, dtype, 3 * width, false), fill(r, dtype, 9, false)]
      check(kernel, [...inputs, new arrays[dtype](rows * columns)], { tolerance: 1e-2, message: `width ${width}` })
    }
  })
})

test('what lies beside an array is never seen, whatever it is', () => {
  const r = new Random(4)
  for (const n of [1, 3, 6, 18]) {
    // rows of a matrix between columns of NaN and infinity
    const [i, j] = [axis(0, 3), axis(1, n + 2)]
    const x = plus(axisIndex(j), -1)
    const kernel = make({
      parallel: [i, j],
      vector: true,
      buffers: [buffer('f32', 3 * (n + 4)), buffer('f32', 3 * (n + 2), 'write')],
      body: [
        store(
          1,
          addIndex(times(i, n + 2), axisIndex(j)),
          load('f32', 0, addIndex(times(i, n + 4), plus(x, 2)), inside(x, dim(n))),
        ),
      ],
    })
    const matrix = fill(r, 'f32', 3 * (n + 4), false)
    for (let row = 0; row < 3; row++) {
      matrix[row * (n + 4) + 1] = Number.NaN
      matrix[row * (n + 4) + n + 2] = Number.POSITIVE_INFINITY
    }
    const [, out] = check(kernel, [matrix, new Float32Array(3 * (n + 2))])
    for (let row = 0; row < 3; row++) {
      expect(out[row * (n + 2)]).toBe(0)
      expect(out[row * (n + 2) + n + 1]).toBe(0)
    }
  }
})

test('sums along rows with borders', () => {
  const r = new Random(5)
  for (const n of [1, 3, 4, 5, 9, 16, 33, 70])
    for (const shift of [-5, -1, 0, 2, 6]) {
      const [i, j] = [axis(0, 3), axis(1, n)]
      const x = plus(axisIndex(j), shift)
      const y = plus(axisIndex(i), -1)
      const valid = binary('and', inside(y, dim(3)), inside(x, dim(n)))
      const shifted = load('f32', 0, addIndex(scaleIndex(y, dim(n)), x), valid)
      const kernel = make({
        parallel: [i],
        buffers: [buffer('f32', 3 * n), buffer('f32', 3 * n), buffer('f32', 3, 'write'), buffer('f32', 3, 'write')],
        body: [
          declare(0, 0),
          declare(1, Number.NEGATIVE_INFINITY),
          loop(
            j,
            [
              update(0, 'add', binary('mul', shifted, load('f32', 1, rowMajor(i, j)))),
              update(1, 'max', where(inside(x, dim(n)), shifted, load('f32', 1, rowMajor(i, j)))),
            ],
            { reduces: [0, 1] },
          ),
          store(2, axisIndex(i), acc(0)),
          store(3, axisIndex(i), acc(1)),
        ],
      })
      check(
        kernel,
        [fill(r, 'f32', 3 * n, false), fill(r, 'f32', 3 * n, false), new Float32Array(3), new Float32Array(3)],
        { tolerance: 1e-5, message: `${n} by ${shift}` },
      )
    }
})

test('in place, where an element must not be computed twice', () => {
  const r = new Random(6)
  for (const n of [4, 5, 6, 7, 9, 30]) {
    const i = axis(0, n)
    const x = plus(axisIndex(i), -2)
    const value = binary('add', load('f32', 1, axisIndex(i)), load('f32', 0, x, inside(x, dim(n))))
    const kernel = make({
      parallel: [i],
      vector: true,
      buffers: [buffer('f32', n), buffer('f32', n, 'readwrite')],
      body: [store(1, axisIndex(i), value)],
    })
    check(kernel, [fill(r, 'f32', n, false), fill(r, 'f32', n, false)], { message: `${n}` })
  }
})

test('conditions that exclude each other are no borders, others are', () => {
  const i = axis(0, 20)
  const part = (from: number, size: number, b: number) =>
    load('f32', b, plus(axisIndex(i), -from), inside(plus(axisIndex(i), -from), dim(size)))
  const borders = (value: Expr) => {
    const body = [store(2, axisIndex(i), value)]
    return bordersOf(body, maskedLoads(body), i, new Variance(i, declaredIn(body)))
  }
  expect(borders(binary('add', part(0, 8, 0), part(8, 12, 1)))).toBeNull()
  expect(borders(binary('add', part(1, 18, 0), part(-1, 20, 1)))?.parts).toHaveLength(2)
  expect(borders(part(0, 20, 0))).not.toBeNull()
})

test('what is added to where a mask allows, in elements of two bytes too', () => {
  const r = new Random(7)
  for (const dtype of ['f32', 'f16', 'bf16'] as const)
    for (const n of [3, 8, 21]) {
      const i = axis(0, n)
      const valid = inside(plus(axisIndex(i), -2), dim(n - 2))
      const kernel = make({
        parallel: [i],
        vector: true,
        buffers: [buffer('f32', n), buffer(dtype, n, 'readwrite')],
        body: [store(1, axisIndex(i), load('f32', 0, axisIndex(i)), 'add', valid)],
      })
      check(kernel, [fill(r, 'f32', n, false), fill(r, dtype, n, false)], { message: `${dtype} ${n}` })
    }
})

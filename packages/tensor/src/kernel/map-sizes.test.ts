// Kernels of one form are one text with other sizes; what decides a text keeps forms apart.

import { expect, test } from 'vitest'
import { acc, axis, binary, buffer, declare, f32, load, loop, rowMajor, store, update } from './build.ts'
import { dim, symbol } from './dim.ts'
import { axisIndex, divIndex, modIndex } from './index-expr.ts'
import { interpret } from './interpret.ts'
import type { LoopKernel } from './ir.ts'
import { mapSizes } from './map-sizes.ts'

let ids = 0
/** out[row] = a sum over columns, times a number; `flat` walks columns by quotient and remainder. */
function rowSum(rows: number, columns: number, { scale = 2, id = 0, flat = false } = {}): LoopKernel {
  const [r, c] = [axis(ids++, rows), axis(ids++, columns)]
  const place = rowMajor(r, c)
  const index = flat ? modIndex(divIndex(place, dim(1)), dim(rows * columns - 1)) : place
  return {
    kind: 'loop',
    name: `sum ${rows} ${columns}`,
    parallel: [r],
    vector: false,
    buffers: [buffer('f32', dim(rows * columns)), buffer('f32', dim(rows), 'write')],
    scalars: [],
    scratch: [],
    body: [
      declare(id, 0),
      loop(c, [update(id, 'add', binary('mul', load('f32', 0, index), f32(scale)))], { reduces: [id] }),
      store(1, axisIndex(r), acc(id)),
    ],
  }
}
const formOf = (kernel: LoopKernel): string => mapSizes(kernel, size => size).form

test('sizes above 1, names and the numbers of axes and accumulators do not matter; all else does', () => {
  const form = formOf(rowSum(3, 5))
  expect(formOf(rowSum(40, 70))).toBe(form)
  expect(formOf(rowSum(3, 5, { id: 4 }))).toBe(form)
  expect(formOf(rowSum(3, 1))).not.toBe(form)
  expect(formOf(rowSum(3, 5, { scale: 3 }))).not.toBe(form)
  expect(formOf(rowSum(3, 5, { flat: true }))).not.toBe(form)
  expect(formOf({ ...rowSum(3, 5), vector: true })).not.toBe(form)
  const wide = rowSum(3, 5)
  expect(formOf({ ...wide, buffers: [wide.buffers[0], { ...wide.buffers[1], dtype: 'f16' }] })).not.toBe(form)
})

test.each([false, true])(
  'sizes of one kernel put in the places of another compute what the other does (quotients: %s)',
  flat => {
    const [first, second] = [rowSum(3, 5, { flat }), rowSum(4, 9, { flat })]
    const sizes: number[] = []
    mapSizes(second, size => {
      sizes.push(size.factor)
      return size
    })
    let at = 0
    const { kernel } = mapSizes(first, size => symbol(at, size.sample + 0 * at++))
    const input = Float32Array.from({ length: 36 }, (_, i) => i)
    const [wanted, got] = [new Float32Array(4), new Float32Array(4)]
    interpret(second, [input, wanted], { scalars: [], symbols: [] })
    interpret(kernel, [input, got], { scalars: [], symbols: sizes })
    expect(wanted[3]).toBeGreaterThan(0)
    expect([...got]).toEqual([...wanted])
  },
)

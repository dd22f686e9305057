// Functions that are short within a limit, where some elements are beyond it: the loop that has no calls is left and entered again, and every
// element has the bits it has alone.

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
  where,
} from '../../kernel/build.ts'
import { axisIndex } from '../../kernel/index-expr.ts'
import { check, make, Random } from './testing/check-kernel.ts'

const odd = [
  -1e9,
  1e9,
  88.9,
  -87.5,
  -95,
  -104,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  87,
  -87,
  1e6,
]

/** Numbers in [-4, 4), and `share` of them from the list. */
const sprinkled = (r: Random, n: number, share: number, list: readonly number[] = odd): Float32Array =>
  Float32Array.from({ length: n }, () => (r.chance(share) ? r.pick(list) : r.next() * 8 - 4))

const sizes = [4, 7, 8, 9, 31, 64, 255, 300, 1100]

describe.each([0, 0.01, 0.2, 1])('%d of the elements beyond', share => {
  test('exp, and sin of exp', () => {
    const r = new Random(17)
    for (const n of sizes) {
      const i = axis(0, n)
      const e = unary('exp', load('f32', 0, axisIndex(i)))
      const kernel = make({
        parallel: [i],
        vector: true,
        buffers: [buffer('f32', n), buffer('f32', n, 'write'), buffer('f32', n, 'write')],
        body: [store(1, axisIndex(i), e), store(2, axisIndex(i), unary('sin', e))],
      })
      check(kernel, [sprinkled(r, n, share), new Float32Array(n), new Float32Array(n)])
    }
  })

  test('in place, and of what the same body has stored', () => {
    const r = new Random(18)
    for (const n of sizes) {
      const i = axis(0, n)
      const x = load('f32', 0, axisIndex(i))
      const again = load('f32', 0, axisIndex(i))
      const kernel = make({
        parallel: [i],
        vector: true,
        buffers: [buffer('f32', n, 'readwrite'), buffer('f32', n, 'write')],
        body: [
          store(0, axisIndex(i), unary('exp', binary('mul', x, f32(0.5)))),
          store(1, axisIndex(i), unary('exp', again)),
        ],
      })
      check(kernel, [sprinkled(r, n, share), new Float32Array(n)])
    }
  })

  test('softmax of rows with masked elements', () => {
    const r = new Random(19)
    for (const n of sizes) {
      const rows = 3
      const [row, c] = [axis(0, rows), axis(1, n)]
      const at = rowMajor(row, c)
      const shifted = unary('exp', binary('sub', load('f32', 0, at), acc(0)))
      const kernel = make({
        parallel: [row],
        buffers: [buffer('f32', rows * n), buffer('f32', rows * n, 'readwrite')],
        body: [
          declare(0, Number.NEGATIVE_INFINITY),
          loop(c, [update(0, 'max', load('f32', 0, at))], { reduces: [0] }),
          declare(1, 0),
          loop(c, [store(1, at, shifted), update(1, 'add', shifted)], { reduces: [1] }),
          loop(c, [store(1, at, binary('mul', load('f32', 1, at), unary('reciprocal', acc(1))))]),
        ],
      })
      const masked = [-1e9, Number.NEGATIVE_INFINITY, -95]
      const x = sprinkled(r, rows * n, share, masked)
      const [, y] = check(kernel, [x, new Float32Array(rows * n)], { tolerance: 1e-6 })
      if (share > 0 && share < 1) expect(x.every((v, k) => v > -1000 || Number.isNaN(y[k]) || y[k] === 0)).toBe(true)
    }
  })
})

test('a function of an accumulator that its loop changes is tested where it is used', () => {
  const r = new Random(20)
  const n = 70
  const [row, c] = [axis(0, 4), axis(1, n)]
  const at = rowMajor(row, c)
  const kernel = make({
    parallel: [row],
    buffers: [buffer('f32', 4 * n), buffer('f32', 4 * n, 'write')],
    body: [
      loop(c, [
        declare(0, 0),
        update(0, 'add', load('f32', 0, at)),
        store(1, at, where(binary('lt', acc(0), f32(0)), f32(-1), unary('exp', acc(0)))),
      ]),
    ],
  })
  check(kernel, [sprinkled(r, 4 * n, 0.05), new Float32Array(4 * n)])
})

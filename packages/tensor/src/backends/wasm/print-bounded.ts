// Indices that are data are kept inside of their axis. One that was outside is written to its word of the launch's parameters, at
// which the host looks when the run has ended.

import type { Bounded } from '../../kernel/ir.ts'
import type { Node } from './print-code.ts'
import type { Frame } from './print-frame.ts'

export function scalarBounded(frame: Frame, check: Bounded, at: Node): Node {
  const { code, params } = frame
  const size = frame.dim(check.size)
  const word = frame.layout.checkWord(check)
  return code.node(
    'i32',
    [at, size, params],
    (f, use) => {
      use(at)
      use(size)
      f.i32_lt_u().if(
        'i32',
        () => use(at),
        () => {
          use(params)
          use(at)
          f.i32_store(4 * word).i32_const(0)
          use(size)
          f.i32_const(1).i32_sub()
          use(at)
          f.i32_const(0).i32_lt_s().select()
        },
      )
    },
    { repeated: true, key: `bounded ${word} ${at.id}` },
  )
}

export function vectorBounded(frame: Frame, check: Bounded, at: Node): Node {
  const { code, params, vectors } = frame
  const size = frame.dim(check.size)
  const top = vectors.splat('i32', code.sub(size, code.i32(1)))
  const zero = vectors.constant('i32', 0)
  const word = frame.layout.checkWord(check)
  return code.node(
    'v128',
    [at, top, zero, params, size],
    (f, use) => {
      const inside = f.local('v128')
      use(at)
      use(top)
      f.i32x4_min_s()
      use(zero)
      f.i32x4_max_s().tee(inside)
      use(at)
      f.i32x4_ne()
        .v128_any_true()
        .if(() => {
          use(params)
          f.i32_const(4 * word).i32_add()
          use(at)
          use(size)
          f.call(frame.helpers.helpers.get('tell outside')!)
        })
      f.get(inside)
    },
    { repeated: true, key: `bounded4 ${word} ${at.id}` },
  )
}

// A matmul kernel as plain loops: what runs where no template fits, and what templates are compared with.

import { binary, declare, load, loop, update } from './build.ts'
import { isDim } from './dim.ts'
import { strideOf } from './index-expr.ts'
import type { LoopKernel, MatmulKernel } from './ir.ts'

/** One item an element of C; columns run in lanes where B is contiguous along them, else the sum over k does. */
export function matmulAsLoops(kernel: MatmulKernel): LoopKernel {
  const { a, b, batch, m, n, k } = kernel
  const along = strideOf(b.index, n, () => false) ?? []
  const product = binary('mul', load('f32', a.buffer, a.index), load('f32', b.buffer, b.index))
  return {
    kind: 'loop',
    name: kernel.name,
    buffers: kernel.buffers,
    scalars: kernel.scalars,
    parallel: [...batch, m, n],
    vector: along.length === 1 && isDim(along[0], 1),
    scratch: [],
    body: [declare(0, 0), loop(k, [update(0, 'add', product)], { reduces: [0] }), ...kernel.body],
  }
}

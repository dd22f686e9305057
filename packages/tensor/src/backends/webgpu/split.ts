// A product whose result is small and whose sum is long: parts of the sum are made side by side into scratch memory, and a second kernel adds them and
// runs the epilogue. Always in the same order, so results are the same at every run.

import { acc, declare, load, loop, rowMajor, store, update } from '../../kernel/build.ts'
import { type Dim, dim, isConstant, productDim } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { LoopKernel, MatmulKernel } from '../../kernel/ir.ts'

export interface Split {
  readonly part: Axis
  /** the product of a part, stored into the buffer that was added */
  readonly partial: MatmulKernel
  readonly join: LoopKernel
  /** elements of f32 in the buffer */
  readonly scratch: Dim
}

/** Only the sum may be of a size that is not known: scratch memory is not to grow with a batch. */
export const canSplit = ({ batch, m, n }: MatmulKernel): boolean =>
  [...batch, m, n].every(axis => isConstant(axis.size))

export function splitProduct(kernel: MatmulKernel, parts: number): Split {
  const { batch, m, n, k } = kernel
  const ids = [...batch, m, n, k].map(axis => axis.id)
  const part: Axis = { id: Math.max(...ids) + 1, size: dim(parts) }
  const place = rowMajor(part, ...batch, m, n)
  const scratch = productDim([part, ...batch, m, n].map(axis => axis.size))
  const at = kernel.buffers.length
  const buffers = [...kernel.buffers, { dtype: 'f32', access: 'readwrite', size: scratch } as const]
  const { name, scalars } = kernel
  return {
    part,
    partial: { ...kernel, name: `${name}: parts`, buffers, body: [store(at, place, acc(0))] },
    join: {
      kind: 'loop',
      name: `${name}: join`,
      buffers,
      scalars,
      parallel: [...batch, m, n],
      vector: true,
      scratch: [],
      body: [declare(0, 0), loop(part, [update(0, 'add', load('f32', at, place))], { reduces: [0] }), ...kernel.body],
    },
    scratch,
  }
}

// Matrix product over the last two axes; leading axes are equal batches (ops/matmul.ts broadcasts them).

import { listed, ShapeError } from '../errors.ts'
import type { Primitive } from './types.ts'

const multiply: Primitive = {
  family: 'matmul',
  infer([a, b]) {
    const m = a.shape[a.shape.length - 2]
    const kA = a.shape[a.shape.length - 1]
    const kB = b.shape[b.shape.length - 2]
    const n = b.shape[b.shape.length - 1]
    if (kA !== kB)
      throw new ShapeError('matmul', `inner sizes differ: ${listed(a.shape)} x ${listed(b.shape)} (${kA} vs ${kB})`)
    return { shape: [...a.shape.slice(0, -2), m, n], dtype: a.dtype }
  },
  vjp: (g, [a, b]) => [g.matmul(b.transpose(-1, -2)), a.transpose(-1, -2).matmul(g)],
}

export const matrix = { matmul: multiply }

// Matrix product over the last two axes; leading axes are equal batches (ops/matmul.ts broadcasts them).

import { listed, ShapeError } from '../errors.ts'
import { everyExample } from './batching.ts'
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
  batch({ size, sources: [a, b], shape, again }) {
    const rank = shape.length
    const [m, n] = shape.slice(-2)
    // One product over the rows of all examples where they share the right matrix, and over their columns where they share the left one.
    // Columns that are wider than one would have to be laid out again, so those stay products of their own.
    if (!b.batched && rank === 2) {
      const k = b.value.shape[0]
      return again([a.value.reshape([size * m, k]), b.value]).reshape([size, m, n])
    }
    if (!a.batched && rank === 2 && n === 1)
      return again([a.value, b.value.squeeze(2).transpose(0, 1)])
        .transpose(0, 1)
        .unsqueeze(2)
    return again([everyExample(a, size), everyExample(b, size)])
  },
}

export const matrix = { matmul: multiply }

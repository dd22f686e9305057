// A sequential algorithm (a factorization, a substitution) as one node: each step needs the one before, so a composition would be a graph as long as
// the matrix. The algorithm comes with the node, so that who does not use it does not load it; what it is, is written in graph/node.ts.

import { sizeOf } from '../shape.ts'
import { everyExample } from './batching.ts'
import type { Primitive, Value } from './types.ts'

export const program: Primitive = {
  family: 'custom',
  infer: (sources, { program }) => program!.infer(...sources),
  batch: ({ size, sources, shape, again }) =>
    again(
      sources.map(s => everyExample(s, size)),
      undefined,
      [size, ...shape],
    ),
  evaluate(sources, out, { program }) {
    const rank = 2
    const examples = sizeOf(out.shape.slice(0, -rank))
    const example = (value: Value, i: number): Value => {
      const shape = value.shape.slice(-rank)
      const size = sizeOf(shape)
      return { shape, dtype: value.dtype, data: value.data.subarray(i * size, (i + 1) * size) }
    }
    for (let i = 0; i < examples; i++)
      program!.evaluate(
        sources.map(s => example(s, i)),
        example(out, i),
      )
  },
}

// A sequential algorithm (a factorization, a substitution) as one node: each step needs the one before, so a composition would be a graph as long as
// the matrix. The algorithm comes with the node, so that who does not use it does not load it; what it is, is written in graph/node.ts.

import type { Primitive } from './types.ts'

export const program: Primitive = {
  family: 'custom',
  infer: (sources, { program }) => program!.infer(...sources),
}

// A user's op as one kernel (autograd/custom-op.ts). Its nodes are made only for devices that run its text; elsewhere the op is its plain form.

import type { Primitive } from './types.ts'

export const custom: Primitive = {
  family: 'custom',
  infer: (sources, { custom }) => custom!.infer(...sources),
  vjp: (g, sources, out, { custom }) => custom!.rule(g, sources, out),
}

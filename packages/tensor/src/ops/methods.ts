// The fluent methods of Tensor: one table, from which come both their types and their bodies.

import { backward } from '../autograd/backward.ts'
import { Tensor } from '../tensor.ts'
import * as arrange from './arrange.ts'
import * as compare from './compare.ts'
import { tensordot } from './einsum.ts'
import * as elementwise from './elementwise.ts'
import * as indexing from './indexing.ts'
import * as integers from './integers.ts'
import * as matrix from './matmul.ts'
import * as movement from './movement.ts'
import * as products from './products.ts'
import * as reduce from './reduce.ts'
import * as scan from './scan.ts'
import * as select from './select.ts'
import * as sort from './sort.ts'
import * as statistics from './statistics.ts'
import * as transcendental from './transcendental.ts'
import { to } from './transfer.ts'

const { cat: _cat, stack: _stack, ...views } = movement
const { where: _where, whereMethod, ...pointwise } = elementwise

const { integerPower: _power, ...comparisons } = compare

const {
  meshgrid: _grid,
  cartesianProd: _product,
  blockDiag: _blocks,
  broadcastTensors: _tensors,
  ...arranged
} = arrange

/** Ops by the names of their methods. */
export const opTable = {
  ...pointwise,
  ...transcendental,
  ...comparisons,
  ...reduce,
  ...scan,
  ...sort,
  ...select,
  ...arranged,
  ...statistics,
  ...views,
  ...indexing,
  ...matrix,
  ...products,
  tensordot,
  ...integers,
  where: whereMethod,
  to,
  backward,
}

type Rest<F> = F extends (x: Tensor, ...rest: infer R) => infer Out ? (...rest: R) => Out : never
export type TensorMethods = { [K in keyof typeof opTable]: Rest<(typeof opTable)[K]> }

for (const [name, op] of Object.entries(opTable)) {
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value(this: Tensor, ...rest: unknown[]) {
      const call = op as (x: Tensor, ...rest: unknown[]) => unknown
      // the usual numbers of operands without a spread, which a call to an unknown function pays for
      if (rest.length === 1) return call(this, rest[0])
      if (rest.length === 0) return call(this)
      return call(this, ...rest)
    },
  })
}

export { Tensor }

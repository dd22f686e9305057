// Ops that the tests of their families meet without checkOp, so that every op of the table is held to the same: values, derivatives, forward mode
// and vmap on each device. `node tools/ops-table.ts` fails for an op that no checkOp is about, and makes docs/ops.md of them.

import { describe } from 'vitest'
import {
  adaptiveAvgPool3d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
  cat,
  type DType,
  fold,
  gruCell,
  lstmCell,
  maxPool1dWithIndices,
  maxPool2dWithIndices,
  maxPool3dWithIndices,
  maxUnpool,
  type RecurrentWeights,
  rnnCell,
  type Shape,
  scan,
  type Tensor,
} from '../index.ts'
import { checkOp, type OpTest } from '../testing/check-op.ts'

const weightsOf = ([ih, hh, biasIh, biasHh]: Tensor[]): RecurrentWeights => ({ ih, hh, biasIh, biasHh })
/** x [2, 3], h [2, 4] and the weights of so many gates */
const cell = (gates: number, states = 1): Shape[] => [
  [2, 3],
  ...Array.from({ length: states }, () => [2, 4]),
  [4 * gates, 3],
  [4 * gates, 4],
  [4 * gates],
  [4 * gates],
]
const ints = (n: number, dtype: DType = 'i32'): OpTest => ({
  shapes: [Array.from({ length: n }, () => [5])],
  of: Array.from({ length: n }, () => dtype),
  range: [1, 12],
  gradient: false,
})

describe('bits', () => {
  checkOp('and', (a, b) => a.and(b), ints(2))
  checkOp('or', (a, b) => a.or(b), ints(2))
  checkOp('xor', (a, b) => a.xor(b), ints(2))
  checkOp('not', x => x.not(), ints(1))
  checkOp('shiftLeft', (a, b) => a.shiftLeft(b), ints(2))
  checkOp('shiftRight', (a, b) => a.shiftRight(b), ints(2))
  checkOp('bitcast', x => x.bitcast('u32'), ints(1))
})

describe('copies and constants', () => {
  checkOp('clone', x => x.clone(), { shapes: [[2, 3], []] })
  checkOp('detach', x => x.detach(), { shapes: [[2, 3]], gradient: false })
  checkOp(
    'to',
    x =>
      x
        .to(x.device === 'webgpu' ? 'f32' : 'f64')
        .sin()
        .to(x.dtype),
    { shapes: [[2, 3]] },
  )
  checkOp('zerosLike', x => x.zerosLike(), { shapes: [[2, 3]], gradient: false })
  checkOp('onesLike', x => x.onesLike(), { shapes: [[2, 3]], gradient: false })
  checkOp('fullLike', x => x.fullLike(7), { shapes: [[2, 3], []], gradient: false })
})

describe('reductions, scans, classes', () => {
  checkOp('all', x => x.gt(-1).all(1), { shapes: [[4, 3]], gradient: false })
  checkOp('any', x => x.gt(1).any(1), { shapes: [[4, 3]], gradient: false })
  checkOp('cumsum', x => x.cumsum(-1), { shapes: [[2, 5], [4]] })
  checkOp('oneHot', x => x.oneHot(13), ints(1))
  checkOp(
    'scan',
    x => {
      const [last, [all]] = scan((sum: Tensor, [row]) => [sum.mul(0.5).add(row), [sum.mul(row)]], x.select(0, 0), [x])
      return all.add(last)
    },
    { shapes: [[4, 3]] },
  )
})

describe('pools', () => {
  checkOp('maxPool1dWithIndices', x => maxPool1dWithIndices(x, 2)[0], { shapes: [[1, 2, 6]] })
  checkOp('maxPool2dWithIndices', x => maxPool2dWithIndices(x, 2)[0], { shapes: [[1, 2, 4, 4]] })
  checkOp('maxPool3dWithIndices', x => maxPool3dWithIndices(x, 2)[0], { shapes: [[1, 1, 2, 4, 2]] })
  checkOp('adaptiveAvgPool3d', x => adaptiveAvgPool3d(x, [2, 1, 3]), { shapes: [[1, 2, 3, 2, 5]] })
  checkOp('adaptiveMaxPool3d', x => adaptiveMaxPool3d(x, [2, 1, 3]), { shapes: [[1, 2, 3, 2, 5]] })
  checkOp('adaptiveMaxPool1dWithIndices', x => adaptiveMaxPool1dWithIndices(x, 2)[0], { shapes: [[1, 2, 5]] })
  checkOp('adaptiveMaxPool2dWithIndices', x => adaptiveMaxPool2dWithIndices(x, 2)[0], { shapes: [[1, 2, 4, 3]] })
  checkOp('adaptiveMaxPool3dWithIndices', x => adaptiveMaxPool3dWithIndices(x, 1)[0], { shapes: [[1, 2, 2, 3, 2]] })
  checkOp('maxUnpool', x => maxUnpool(...maxPool2dWithIndices(x, 2), [4, 4]), { shapes: [[1, 2, 4, 4]] })
})

describe('windows', () => {
  checkOp('fold', x => fold(x, [3, 4], [2, 3], { stride: [1, 1] }), { shapes: [[2, 6, 4]] })
})

describe('cells', () => {
  checkOp('lstmCell', (x, h, c, ...w) => cat(lstmCell(x, [h, c], weightsOf(w))), { shapes: [cell(4, 2)] })
  checkOp('gruCell', (x, h, ...w) => gruCell(x, h, weightsOf(w)), { shapes: [cell(3)] })
  checkOp('rnnCell', (x, h, ...w) => rnnCell(x, h, weightsOf(w)), { shapes: [cell(1)] })
})

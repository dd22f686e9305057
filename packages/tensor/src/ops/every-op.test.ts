// Ops that the tests of their families meet without checkOp, so that every op of the table is held to the same: values, derivatives, forward mode
// and vmap on each device. `node tools/ops-table.ts` fails for an op that no checkOp is about, and makes docs/ops.md of them.

import { describe } from 'vitest'
import {
  adaptiveAvgPool3d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
  attention,
  fold,
  gruCell,
  lstmCell,
  maxPool1dWithIndices,
  maxPool2dWithIndices,
  maxPool3dWithIndices,
  maxUnpool,
  type RecurrentWeights,
  rnnCell,
} from '../functional/index.ts'
import { broadcastTensors, cartesianProd, cat, type DType, type Shape, scan, stack, type Tensor } from '../index.ts'
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

describe('by other names, and short forms', () => {
  const shapes: OpTest['shapes'] = [[3, 4]]
  const bools: OpTest = { shapes: [[[5], [5]]], of: ['bool', 'bool'], range: [0, 2], gradient: false }
  checkOp('bitwiseAnd', (a, b) => a.bitwiseAnd(b), ints(2))
  checkOp('bitwiseOr', (a, b) => a.bitwiseOr(b), ints(2))
  checkOp('bitwiseXor', (a, b) => a.bitwiseXor(b), ints(2))
  checkOp('bitwiseNot', x => x.bitwiseNot(), ints(1))
  checkOp('bitwiseLeftShift', (a, b) => a.bitwiseLeftShift(b), ints(2))
  checkOp('bitwiseRightShift', (a, b) => a.bitwiseRightShift(b), ints(2))
  checkOp('logicalAnd', (a, b) => a.logicalAnd(b), bools)
  checkOp('logicalOr', (a, b) => a.logicalOr(b), bools)
  checkOp('logicalXor', (a, b) => a.logicalXor(b), bools)
  checkOp('logicalNot', x => x.logicalNot(), ints(1))
  checkOp('clampMin', x => x.clampMin(-0.5), { shapes })
  checkOp('clampMax', x => x.clampMax(0.5), { shapes })
  checkOp('isclose', (a, b) => a.isclose(b.mul(0.01).add(a), { atol: 0.01 }), { shapes: [[[3, 4], [3, 4]]], gradient: false }) // biome-ignore format: one line
  checkOp('signbit', x => x.signbit(), { shapes, gradient: false })
  checkOp('nextafter', (a, b) => a.to('f32').nextafter(b.to('f32')), { shapes: [[[5], [5]]], gradient: false })
  checkOp('broadcastTensors', (a, b) => cat(broadcastTensors(a, b)), { shapes: [[[3, 1], [4]]] }) // biome-ignore format: one line
  checkOp('cartesianProd', (a, b) => cartesianProd(a, b), { shapes: [[[3], [2]]] }) // biome-ignore format: one line
  checkOp('diag', x => x.diag(1), { shapes: [[3], [3, 4]] })
  checkOp('diagflat', x => x.diagflat(), { shapes: [[2, 2]] })
  checkOp('mT', x => x.mT(), { shapes: [[2, 3, 4]] })
  checkOp('t', x => x.t(), { shapes: [[3, 4], [3]] })
  checkOp('padLast', x => x.padLast([1, 2], 'reflect'), { shapes: [[2, 4]] })
  checkOp('padWith', x => x.padWith([[1, 0], [2, 1]], 'circular'), { shapes: [[2, 4]] }) // biome-ignore format: pairs
  checkOp('tensorSplit', x => x.tensorSplit(2, 1)[1], { shapes: [[2, 5]] })
  checkOp('aminmax', x => stack(x.aminmax(1)), { shapes })
  checkOp('stdMean', x => stack(x.stdMean(1)), { shapes })
  checkOp('varMean', x => stack(x.varMean(1)), { shapes })
  checkOp('countNonzero', x => x.gt(0).countNonzero(1), { shapes, gradient: false })
})

describe('orders and counts', () => {
  const shapes: OpTest['shapes'] = [[3, 5]]
  const apart = { shapes: [[[3, 5], [4]]], gradient: false } as const // biome-ignore format: one line
  checkOp('argsort', x => x.argsort(1), { shapes, gradient: false })
  checkOp('nanmedian', x => x.nanmedian(1), { shapes })
  checkOp('nanquantile', x => x.nanquantile(0.3, 1), { shapes })
  checkOp('isin', (x, values) => x.floor().isin(values.floor()), apart)
  checkOp('searchsorted', (values, x) => x.sort(0)[0].searchsorted(values), apart)
  checkOp('bucketize', (x, bounds) => x.bucketize(bounds.sort(0)[0]), apart)
  checkOp('bincount', x => x.bincount(13), ints(1))
  checkOp('histc', x => x.histc(4, -2, 2), { shapes, gradient: false })
  checkOp('histogram', x => x.histogram(4, { range: [-2, 2] }).counts, { shapes, gradient: false })
})

describe('products', () => {
  // in f32 only, so double precision is the formula
  const plain = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
    q.mul(Math.SQRT1_2).matmul(k.repeatInterleave(2, 1).mT()).softmax(-1).matmul(v.repeatInterleave(2, 1))
  checkOp('attention', (q, k, v) => (q.dtype === 'f64' ? plain(q, k, v) : attention(q, k, v)), {
    shapes: [[[1, 4, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2]]], // biome-ignore format: one line
    tolerance: { absolute: 1e-4, relative: 1e-3 },
  })
})

describe('windows', () => {
  checkOp('fold', x => fold(x, [3, 4], [2, 3], { stride: [1, 1] }), { shapes: [[2, 6, 4]] })
})

describe('cells', () => {
  checkOp('lstmCell', (x, h, c, ...w) => cat(lstmCell(x, [h, c], weightsOf(w))), { shapes: [cell(4, 2)] })
  checkOp('gruCell', (x, h, ...w) => gruCell(x, h, weightsOf(w)), { shapes: [cell(3)] })
  checkOp('rnnCell', (x, h, ...w) => rnnCell(x, h, weightsOf(w)), { shapes: [cell(1)] })
})

// Ops that linalg.test.ts meets without checkOp or not on a GPU, so that docs/ops.md can say what each does on each device.

import { describe } from 'vitest'
import { eye, type Tensor } from '../index.ts'
import { checkOp, type OpTest } from '../testing/check-op.ts'
import * as l from './index.ts'

const unit = (x: Tensor): Tensor => eye(x.shape[x.ndim - 1], undefined, { dtype: x.dtype })
const plusUnit = (x: Tensor): Tensor => x.add(unit(x).mul(2))
const definite = (x: Tensor): Tensor => x.matmul(x.mT()).add(unit(x))
const factor = (x: Tensor): Tensor => x.tril().add(unit(x).mul(2))
const square: OpTest = { shapes: [[3, 3]], range: [0.2, 1.2], tolerance: { absolute: 2e-4, relative: 2e-3 } }

describe('from factors', () => {
  checkOp('choleskySolve', (b, a) => l.choleskySolve(b, factor(a)), { ...square, shapes: [[[3, 2], [3, 3]]] }) // biome-ignore format: a pair
  checkOp('choleskyInverse', x => l.choleskyInverse(factor(x)), square)
  checkOp('logdet', x => l.logdet(definite(x)), square)
  checkOp('slogdet', x => l.slogdet(plusUnit(x))[1], square)
  checkOp('matrixPower', x => l.matrixPower(plusUnit(x), 3), square)
  checkOp('matrixExp', x => l.matrixExp(x), square)
  checkOp('lstsq', (a, b) => l.lstsq(a, b).solution, { ...square, shapes: [[[4, 2], [4, 1]]] }) // biome-ignore format: a pair
  checkOp('lu', x => l.lu(plusUnit(x))[2], square)
  checkOp('qr', x => l.qr(plusUnit(x))[1], square)
})

describe('by singular values and eigenvalues', () => {
  checkOp('matrixRank', x => l.matrixRank(plusUnit(x)), { ...square, gradient: false })
  checkOp('cond', x => l.cond(plusUnit(x)), square)
  checkOp('eigvalsh', x => l.eigvalsh(plusUnit(x.add(x.mT()))), square)
  checkOp('eigh', x => l.eigh(plusUnit(x.add(x.mT())))[0], square)
  checkOp('svdvals', x => l.svdvals(x), square)
  checkOp('svd', x => l.svd(x)[1], square)
})

describe('norms', () => {
  checkOp('vectorNorm', x => l.vectorNorm(x, 3, { axis: 1 }), square)
  checkOp('matrixNorm', x => l.matrixNorm(x, 'nuc'), square)
})

// Gradcheck of linear algebra at first and second order in f64, over random sizes and batches. CAIRN_TEST_SEED varies them.

import { cat, eye, type Tensor } from '../index.ts'
import { batched, checkGradientTable, type GradientRow } from '../testing/gradient-table.ts'
import type { Draw } from '../testing/random.ts'
import * as l from './index.ts'

const unit = (x: Tensor): Tensor =>
  eye(x.shape[x.ndim - 1], undefined, { dtype: x.dtype, device: x.device as 'reference' })
/** Far from singular, with eigenvalues that differ. */
const regular = (x: Tensor): Tensor => {
  const n = x.shape[x.ndim - 1]
  const steps = unit(x).mul(unit(x).cumsum(0).sum(-1).add(1))
  return x
    .mul(0.3)
    .add(steps)
    .add(unit(x).mul(n > 0 ? 1 : 0))
}
const symmetric = (x: Tensor): Tensor => regular(x.add(x.mT()).mul(0.5))
const definite = (x: Tensor): Tensor => x.matmul(x.mT()).add(unit(x))
const factor = (x: Tensor): Tensor => x.mul(0.5).tril().add(unit(x).mul(2))
const all = (...parts: Tensor[]): Tensor => cat(parts.map(p => p.flatten()))

const square = (from: Draw) => {
  const n = from.integer(1, 4)
  return [batched(from, n, n)]
}
const tall = (from: Draw) => {
  const n = from.integer(1, 3)
  return [batched(from, n + 1, n)]
}
const system = (from: Draw) => {
  const n = from.integer(1, 4)
  return [batched(from, n, n), [n, from.integer(1, 3)]]
}
const overdetermined = (from: Draw) => {
  const n = from.integer(1, 3)
  return [[n + 2, n], [n + 2, from.integer(1, 3)]] // biome-ignore format: a pair
}
const range = [0.2, 1.2] as const
const rows = (shapes: GradientRow['shapes'], ops: Readonly<Record<string, GradientRow['op']>>) =>
  Object.fromEntries(Object.entries(ops).map(([name, op]) => [name, { op, shapes, range } satisfies GradientRow]))

checkGradientTable(
  {
    ...rows(square, {
      cholesky: x => l.cholesky(definite(x)),
      choleskyInverse: x => l.choleskyInverse(factor(x)),
      lu: x => all(...l.lu(regular(x)).slice(1)),
      inverse: x => l.inverse(regular(x)),
      det: x => l.det(regular(x)),
      slogdet: x => l.slogdet(regular(x))[1],
      logdet: x => l.logdet(definite(x)),
      eigvalsh: x => l.eigvalsh(symmetric(x)),
      eigh: x => {
        const [w, v] = l.eigh(symmetric(x))
        return all(w, v.square())
      },
      matrixExp: l.matrixExp,
      matrixPower: x => l.matrixPower(regular(x), -2),
      cond: x => l.cond(regular(x)),
    }),
    ...rows(tall, {
      qr: x => all(...l.qr(x.add(unit(x.mT().matmul(x)).pad([[0, 1], [0, 0]]).mul(2)))), // biome-ignore format: one row
      svdvals: l.svdvals,
      svd: x => {
        const [u, s, vh] = l.svd(x, { fullMatrices: false })
        return all(u.square(), s, vh.square())
      },
      pinv: x => l.pinv(x),
      vectorNorm: x => l.vectorNorm(x, 3),
      matrixNorm: x => all(l.matrixNorm(x), l.matrixNorm(x, 'nuc'), l.matrixNorm(x, 1)),
    }),
    ...rows(system, {
      solve: (a, b) => l.solve(regular(a), b),
      triangularSolve: (a, b) => l.triangularSolve(factor(a), b, { upper: false }),
      choleskySolve: (a, b) => l.choleskySolve(b, factor(a)),
    }),
    ...rows(overdetermined, { lstsq: (a, b) => l.lstsq(a, b).solution }),
  },
  l,
  ['matrixRank'],
)

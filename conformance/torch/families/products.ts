// Rows of torch's products and of torch.linalg.
import { blockDiag, einsum } from '@cairn/tensor'
import {
  cholesky,
  cond,
  det,
  eigh,
  eigvalsh,
  inverse,
  lstsq,
  type MatrixOrder,
  matrixExp,
  matrixNorm,
  matrixPower,
  matrixRank,
  pinv,
  qr,
  slogdet,
  solve,
  svd,
  svdvals,
  triangularSolve,
  vectorNorm,
} from '@cairn/tensor/linalg'
import type { Attributes, Row } from '../cases.ts'
import { axes, breadth, first, keepDim, pair, plain, x } from '../rows.ts'

/** 'fro', 'nuc', or a number; infinity is text in JSON. */
const order = (attrs: Attributes, fallback: number | 'fro'): number | string => {
  const given = attrs.raw('ord') ?? attrs.raw('p') ?? fallback
  if (given === 'inf' || given === '-inf') return given === 'inf' ? Infinity : -Infinity
  return given as number | string
}
const inverseOf = plain(t => inverse(t))
const expOf = plain(t => matrixExp(t))
const powerOf = plain((t, attrs) => matrixPower(t, attrs.number(2, 'n')))
/** A product of the second and third input, added to the first: `beta * input + alpha * product`. */
const added = (equation: string): Row =>
  breadth((inputs, attrs) => {
    const [input, a, b] = Object.values(inputs)
    const product = einsum(equation, a, b)
    return input.mul(attrs.number(1, 'beta')).add(product.mul(attrs.number(1, 'alpha')))
  })

const product = breadth(inputs => pair(inputs)[0].matmul(pair(inputs)[1]))

export const products: Readonly<Record<string, Row>> = {
  mm: product,
  bmm: product,
  mv: product,
  dot: breadth(inputs => pair(inputs)[0].dot(pair(inputs)[1])),
  outer: breadth(inputs => pair(inputs)[0].outer(pair(inputs)[1])),
  kron: breadth(inputs => pair(inputs)[0].kron(pair(inputs)[1])),
  addmm: added('ij,jk->ik'),
  addmv: added('ij,j->i'),
  addr: added('i,j->ij'),
  baddbmm: added('bij,bjk->bik'),
  addbmm: added('bij,bjk->ik'),
  einsum: breadth((inputs, attrs) => einsum(attrs.text('', 'equation'), ...Object.values(inputs))),
  tensordot: breadth((inputs, attrs) => {
    const dims = attrs.raw('dims') as number | [number[], number[]]
    return pair(inputs)[0].tensordot(pair(inputs)[1], dims)
  }),
  cdist: breadth((inputs, attrs) => pair(inputs)[0].cdist(pair(inputs)[1], { p: attrs.number(2, 'p') })),
  bilinear: breadth(({ x1, x2, w, weight, b, bias }) => {
    const product = einsum('...i,oij,...j->...o', x1, w ?? weight, x2)
    return (b ?? bias) ? product.add(b ?? bias) : product
  }),
  block_diag: breadth(inputs => blockDiag(...Object.values(inputs))),

  det: plain(t => det(t)),
  slogdet: plain(t => slogdet(t)),
  logdet: plain(t => slogdet(t)[1]),
  inv: inverseOf,
  inverse: inverseOf,
  pinv: plain(t => pinv(t)),
  cholesky: plain((t, attrs) => cholesky(t, { upper: attrs.flag('upper') })),
  qr: plain((t, attrs) => qr(t, { mode: attrs.text('reduced', 'mode') as 'reduced' })),
  eigh: plain(t => eigh(t)),
  eigvalsh: plain(t => eigvalsh(t)),
  svd: breadth((inputs, attrs, given) =>
    first(svd(x(inputs), { fullMatrices: attrs.flag('full_matrices') }), given.outputs?.length ?? 3),
  ),
  svdvals: plain(t => svdvals(t)),
  solve: breadth(inputs => solve(...pair(inputs))),
  solve_triangular: breadth((inputs, attrs) =>
    triangularSolve(...pair(inputs), { upper: attrs.flag('upper'), unitriangular: attrs.flag('unitriangular') }),
  ),
  lstsq: breadth(inputs => lstsq(...pair(inputs)).solution),
  matrix_exp: expOf,
  matrix_power: powerOf,
  matrix_rank: plain(t => matrixRank(t)),
  matrix_norm: plain((t, attrs) => matrixNorm(t, order(attrs, 'fro') as MatrixOrder)),
  vector_norm: plain((t, attrs) => vectorNorm(t, order(attrs, 2) as number, { axis: axes(attrs), ...keepDim(attrs) })),
  cond: plain((t, attrs) => cond(t, order(attrs, 2) as MatrixOrder)),
}

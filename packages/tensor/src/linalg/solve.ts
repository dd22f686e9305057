// Triangles, LU and what is solved with them. Large matrices are halved until a block is small, so that most of the work is products. Derivatives as in M. Giles,
// "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).

import { DTypeError, listed, ShapeError } from '../errors.ts'
import { cast } from '../ops/build.ts'
import { cat } from '../ops/movement.ts'
import { k } from '../ops/operand.ts'
import { withDerivative } from '../ops/shortcut.ts'
import type { Tensor } from '../tensor.ts'
import {
  block,
  checkMatrix,
  columns,
  columnsOf,
  identity,
  jointly,
  pickRows,
  rows,
  rowsOf,
  together,
} from './matrices.ts'
import { run } from './programs.ts'

/** Up to this size a block is one kernel. */
export const blockSize = 64

export interface TriangularOptions {
  /** the triangle that is read */
  readonly upper: boolean
  /** the diagonal counts as ones and is not read */
  readonly unitriangular?: boolean
  /** false: solves X A = B */
  readonly left?: boolean
}

/** Without a derivative; same batches. */
export function substitute(t: Tensor, b: Tensor, upper: boolean, unit: boolean): Tensor {
  const n = rowsOf(t)
  if (n === 0 || columnsOf(b) === 0) return b
  if (n <= blockSize) return run(`${unit ? 'unit ' : ''}${upper ? 'upper' : 'lower'}`, t, b)
  const h = Math.ceil(n / 2)
  const [first, last] = [block(t, 0, h, 0, h), block(t, h, n, h, n)]
  if (upper) {
    const below = substitute(last, rows(b, h, n), true, unit)
    const above = substitute(first, rows(b, 0, h).sub(block(t, 0, h, h, n).matmul(below)), true, unit)
    return cat([above, below], -2)
  }
  const above = substitute(first, rows(b, 0, h), false, unit)
  const below = substitute(last, rows(b, h, n).sub(block(t, h, n, 0, h).matmul(above)), false, unit)
  return cat([above, below], -2)
}

/**
 * torch.linalg.solve_triangular: X of A X = B, reading one triangle of A. A zero on the diagonal gives infinities.
 * @param a [..., n, n]   @param b [..., n, k]; batches broadcast
 */
export function triangularSolve(a: Tensor, b: Tensor, options: TriangularOptions): Tensor {
  checkMatrix('triangularSolve', a, true)
  checkMatrix('triangularSolve', b)
  const { upper, unitriangular: unit = false } = options
  if (options.left === false) return triangularSolve(a.mT(), b.mT(), { upper: !upper, unitriangular: unit }).mT()
  if (columnsOf(a) !== rowsOf(b))
    throw new ShapeError('triangularSolve', `sizes differ: ${listed(a.shape)} and ${listed(b.shape)}`)
  const [t, y] = together('triangularSolve', a, b)
  return withDerivative(
    [t, y],
    () => substitute(t, y, upper, unit),
    (g, [t], x) => {
      const ofB = triangularSolve(t.mT(), g, { upper: !upper, unitriangular: unit })
      const whole = ofB.matmul(x.mT()).neg()
      const off = unit ? 1 : 0
      return [upper ? whole.triu(off) : whole.tril(-off), ofB]
    },
  )
}

/** [m, n] with m >= n as L and U in one matrix, and where each row came from. No derivative. */
function eliminate(x: Tensor): { packed: Tensor; order: Tensor } {
  const [m, n] = [rowsOf(x), columnsOf(x)]
  if (n <= blockSize / 2 || m === 0) {
    const out = run('lu', x)
    return { packed: columns(out, 0, n), order: cast(out.select(-1, n), 'i32') }
  }
  const h = Math.ceil(n / 2)
  const left = eliminate(columns(x, 0, h))
  const right = pickRows(columns(x, h, n), left.order)
  const top = substitute(rows(left.packed, 0, h), rows(right, 0, h), false, true)
  const below = rows(left.packed, h, m)
  const rest = eliminate(rows(right, h, m).sub(below.matmul(top)))
  const packed = cat([cat([rows(left.packed, 0, h), top], -1), cat([pickRows(below, rest.order), rest.packed], -1)], -2)
  const order = cat([left.order.narrow(-1, 0, h), left.order.narrow(-1, h, m - h).gather(-1, rest.order)], -1)
  return { packed, order }
}

/** The factors of a square matrix whose rows need no exchange, from a value that is known. */
function factors(x: Tensor, packed: Tensor): Tensor[] {
  const n = rowsOf(x)
  return jointly(
    [x],
    () => [packed.tril(-1).add(identity(packed, n)), packed.triu()],
    ([gl, gu], _, [l, u]) => {
      const inner = l.mT().matmul(gl).tril(-1).add(gu.matmul(u.mT()).triu())
      const left = triangularSolve(l.mT(), inner, { upper: true, unitriangular: true })
      return [triangularSolve(u.mT(), left, { upper: false, left: false })]
    },
  )
}

/** Rows in the order of elimination, L [m, k] and U [k, n] with k = min(m, n). */
export function eliminated(x: Tensor): { order: Tensor; l: Tensor; u: Tensor } {
  const [m, n] = [rowsOf(x), columnsOf(x)]
  const size = Math.min(m, n)
  const { packed, order } = eliminate(columns(x, 0, size).detach())
  const sorted = pickRows(x, order)
  const [l, u] = factors(block(sorted, 0, size, 0, size), rows(packed, 0, size))
  if (m > size) {
    const below = triangularSolve(u, rows(sorted, size, m), { upper: true, left: false })
    return { order, l: cat([l, below], -2), u }
  }
  if (n === size) return { order, l, u }
  const beside = triangularSolve(l, columns(sorted, size, n), { upper: false, unitriangular: true })
  return { order, l, u: cat([u, beside], -1) }
}

/**
 * torch.linalg.lu: A = P L U with partial pivoting. P is a permutation matrix, L has ones on its diagonal, U is upper triangular.
 * @param x [..., m, n]   @returns [P [..., m, m], L [..., m, k], U [..., k, n]] with k = min(m, n)
 */
export function lu(x: Tensor): [p: Tensor, l: Tensor, u: Tensor] {
  checkMatrix('lu', x)
  const { order, l, u } = eliminated(x)
  const m = rowsOf(x)
  const whole = identity(x, m).expand([...x.shape.slice(0, -2), m, m])
  return [pickRows(whole, order).mT(), l, u]
}

function solved(a: Tensor, b: Tensor): Tensor {
  const n = rowsOf(a)
  if (n === 0 || columnsOf(b) === 0) return b
  const { packed, order } = eliminate(a)
  const y = substitute(packed, pickRows(b, order), false, true)
  return substitute(packed, y, true, false)
}

/**
 * torch.linalg.solve: X of A X = B, by LU with partial pivoting. A singular A gives infinities or NaN: results cannot be looked at here.
 * @param a [..., n, n]   @param b [..., n, k]; or vectors, [n] or [..., n] with the batches of a
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  checkMatrix('solve', a, true)
  const vectors = b.ndim === 1 || (b.ndim === a.ndim - 1 && b.shape.every((n, d) => n === a.shape[d]))
  const right = vectors ? b.unsqueeze(-1) : b
  if (rowsOf(right) !== rowsOf(a))
    throw new ShapeError('solve', `sizes differ: ${listed(a.shape)} and ${listed(b.shape)}`)
  checkMatrix('solve', right)
  const [m, y] = together('solve', a, right)
  const x = withDerivative(
    [m, y],
    () => solved(m, y),
    (g, [m], x) => {
      const ofB = solve(m.mT(), g)
      return [ofB.matmul(x.mT()).neg(), ofB]
    },
  )
  return vectors ? x.squeeze(-1) : x
}

/** torch.linalg.inv. A singular matrix gives infinities or NaN. @param x [..., n, n] */
export function inverse(x: Tensor): Tensor {
  checkMatrix('inverse', x, true)
  const n = rowsOf(x)
  return withDerivative(
    [x],
    () => solved(x, identity(x, n).expand(x.shape)),
    (g, _, y) => {
      const t = y.mT()
      return [t.matmul(g).matmul(t).neg()]
    },
  )
}
export const inv = inverse

/** Whether a permutation is odd: the parity of its inversions, 0 or 1. */
function parity(order: Tensor): Tensor {
  const [a, b] = [order.unsqueeze(-1), order.unsqueeze(-2)]
  return a.gt(b).to('i32').triu().sum([-2, -1]).and(k(1))
}

/** Sign and logarithm of the size of the determinant, no derivative. */
function determined(x: Tensor): { sign: Tensor; pivots: Tensor } {
  const { packed, order } = eliminate(x.detach())
  const pivots = packed.diagonal(0, -2, -1)
  return { sign: cast(parity(order), x.dtype).mul(k(-2)).add(k(1)), pivots }
}

/** torch.linalg.det. The derivative is that of an invertible matrix. @param x [..., n, n]   @returns [...] */
export function det(x: Tensor): Tensor {
  checkMatrix('det', x, true)
  return withDerivative(
    [x],
    () => {
      const { sign, pivots } = determined(x)
      return sign.mul(pivots.prod(-1))
    },
    (g, [x], out) => [inverse(x).mT().mul(g.mul(out).unsqueeze(-1).unsqueeze(-1))],
  )
}

/**
 * torch.linalg.slogdet: the determinant as its sign and the logarithm of its size, which neither overflows nor underflows. A singular matrix
 * gives 0 and -Infinity.
 */
export function slogdet(x: Tensor): [sign: Tensor, logAbsDet: Tensor] {
  checkMatrix('slogdet', x, true)
  const sign = (): Tensor => {
    const found = determined(x)
    return found.sign.mul(found.pivots.sign().prod(-1))
  }
  const size = withDerivative(
    [x],
    () => determined(x).pivots.abs().log().sum(-1),
    (g, [x]) => [inverse(x).mT().mul(g.unsqueeze(-1).unsqueeze(-1))],
  )
  return [sign(), size]
}
/** The logarithm of the determinant: NaN where that is negative, -Infinity where it is 0. */
export function logdet(x: Tensor): Tensor {
  const [sign, size] = slogdet(x)
  return size.where(sign.lt(k(0)).not(), k(NaN))
}

function rooted(x: Tensor): Tensor {
  const n = rowsOf(x)
  if (n <= blockSize) return run('cholesky', x)
  const h = Math.ceil(n / 2)
  const first = rooted(block(x, 0, h, 0, h))
  const below = substitute(first, block(x, h, n, 0, h).mT(), false, false).mT()
  const last = rooted(block(x, h, n, h, n).sub(below.matmul(below.mT())))
  const corner = columns(first, 0, n - h).zerosLike()
  return cat([cat([first, corner], -1), cat([below, last], -1)], -2)
}

/**
 * torch.linalg.cholesky: the lower triangular L with L L' = A, reading the lower triangle of A. What is not positive definite gives NaN. The
 * gradient is symmetric.
 * @param x [..., n, n]   @param options.upper gives L' instead
 */
export function cholesky(x: Tensor, options: { readonly upper?: boolean } = {}): Tensor {
  checkMatrix('cholesky', x, true)
  const n = rowsOf(x)
  const lower = withDerivative(
    [x],
    () => rooted(x),
    (g, _, l) => {
      const half = identity(l, n).mul(k(-0.5)).add(k(1))
      const inner = l.mT().matmul(g.tril()).tril().mul(half)
      const left = triangularSolve(l.mT(), inner, { upper: true })
      const s = triangularSolve(l, left, { upper: false, left: false })
      return [s.add(s.mT()).mul(k(0.5))]
    },
  )
  return options.upper ? lower.mT() : lower
}

/** torch.cholesky_solve: X of A X = B from the Cholesky factor of A. */
export function choleskySolve(b: Tensor, l: Tensor, options: { readonly upper?: boolean } = {}): Tensor {
  const lower = options.upper ? l.mT() : l
  return triangularSolve(lower.mT(), triangularSolve(lower, b, { upper: false }), { upper: true })
}
/** torch.cholesky_inverse: the inverse of A from its Cholesky factor. */
export function choleskyInverse(l: Tensor, options: { readonly upper?: boolean } = {}): Tensor {
  checkMatrix('choleskyInverse', l, true)
  return choleskySolve(identity(l, rowsOf(l)), l, options)
}

/** torch.linalg.matrix_power: a product of n equal matrices; the inverse for negative n. */
export function matrixPower(x: Tensor, n: number): Tensor {
  checkMatrix('matrixPower', x, true)
  if (!Number.isInteger(n)) throw new DTypeError('matrixPower', `the power must be an integer, not ${n}`)
  let base = n < 0 ? inverse(x) : x
  let out: Tensor | null = null
  for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
    if (left % 2) out = out ? out.matmul(base) : base
    if (left > 1) base = base.matmul(base)
  }
  return out ?? identity(x, rowsOf(x)).expand(x.shape)
}

/** How often the exponential's argument may be halved: norms up to 2^20. */
const halvings = 20

/** torch.linalg.matrix_exp: by halving the argument until its norm is below 1/2, a Taylor polynomial of degree 15, and squaring. */
export function matrixExp(x: Tensor): Tensor {
  checkMatrix('matrixExp', x, true)
  const n = rowsOf(x)
  if (n === 0) return x
  const norm = x.detach().abs().sum(-2).amax(-1, { keepDim: true }).unsqueeze(-1)
  const times = norm.mul(k(2)).log2().ceil().clamp(0, halvings)
  const small = x.mul(times.neg().exp2())
  const powers: Tensor[] = [identity(x, n).expand(x.shape), small]
  for (let i = 2; i <= 4; i++) powers.push(powers[i - 1].matmul(small))
  const inverseFactorial = (i: number): number => (i < 2 ? 1 : inverseFactorial(i - 1) / i)
  const part = (from: number): Tensor =>
    [0, 1, 2, 3].map(i => powers[i].mul(k(inverseFactorial(from + i)))).reduce((a, b) => a.add(b))
  let out = part(12)
  for (const from of [8, 4, 0]) out = powers[4].matmul(out).add(part(from))
  for (let i = 0; i < halvings; i++) out = out.matmul(out).where(times.gt(k(i)), out)
  return out
}

// QR by reflections, eigenvalues and singular values by one-sided Jacobi, and what is made of them. Derivatives as in Giles (2008) and J. Townsend, "Differentiating the singular value
// decomposition" (2016).

import { CairnError, listed } from '../errors.ts'
import { cast } from '../ops/build.ts'
import { cat } from '../ops/movement.ts'
import { k } from '../ops/operand.ts'
import { withDerivative } from '../ops/shortcut.ts'
import type { Tensor } from '../tensor.ts'
import {
  checkMatrix,
  columns,
  columnsOf,
  identity,
  jointly,
  onDiagonal,
  pickRows,
  rows,
  rowsOf,
  together,
} from './matrices.ts'
import { run } from './programs.ts'
import { blockSize, substitute, triangularSolve } from './solve.ts'

/** What a dtype rounds by. */
const epsilonOf = (x: Tensor): number => (x.dtype === 'f64' ? 2 ** -52 : 2 ** -23)

/** The reflections of a matrix with m >= n as columns [m, n], and R [n, n]. */
function reflections(x: Tensor): { v: Tensor; r: Tensor } {
  const [m, n] = [rowsOf(x), columnsOf(x)]
  if (n <= blockSize / 2) {
    const out = run('householder', x.mT())
    const turned = columns(out, 0, m).mT()
    const diagonal = out.select(-1, m).diagEmbed()
    return { v: turned.tril(), r: rows(turned, 0, n).triu(1).add(diagonal) }
  }
  const h = Math.ceil(n / 2)
  const left = reflections(columns(x, 0, h))
  const right = reflected(left.v, columns(x, h, n), true)
  const rest = reflections(rows(right, h, m))
  const above = rows(right, 0, h)
  const lower = (x: Tensor): Tensor => x.pad(x.shape.map((_, d) => [d === x.ndim - 2 ? h : 0, 0]))
  const v = cat([left.v, lower(rest.v)], -1)
  const r = cat(
    [left.r.pad(left.r.shape.map((_, d) => [0, d === left.r.ndim - 2 ? n - h : 0])), cat([above, rest.r], -2)],
    -1,
  )
  return { v, r }
}

/** Q b (or Q' b) for the product Q of the reflections 1 - v v'; T in Q = 1 - V T V' is a triangle that is solved with, never made. */
function reflected(v: Tensor, b: Tensor, transposed: boolean): Tensor {
  const products = v.mT().matmul(v).triu(1)
  const triangle = transposed ? products.mT() : products
  return b.sub(v.matmul(substitute(triangle, v.mT().matmul(b), !transposed, true)))
}

/** The first `count` columns of Q, and R; no derivative. */
function decomposed(x: Tensor, count: number): [q: Tensor, r: Tensor] {
  const m = rowsOf(x)
  const { v, r } = reflections(x)
  const whole = identity(x, m, count).expand([...x.shape.slice(0, -2), m, count])
  return [reflected(v, whole, false), r]
}

function tall(x: Tensor): Tensor[] {
  return jointly(
    [x],
    () => decomposed(x, columnsOf(x)),
    ([gq, gr], _, [q, r]) => {
      const m = r.matmul(gr.mT()).sub(gq.mT().matmul(q))
      const symmetric = m.tril().add(m.tril(-1).mT())
      return [triangularSolve(r.mT(), gq.add(q.matmul(symmetric)), { upper: false, left: false })]
    },
  )
}

/**
 * torch.linalg.qr: A = Q R with orthonormal columns in Q and R upper triangular, by Householder's reflections.
 * @param x [..., m, n]
 * @param options.mode 'reduced' (default): Q [..., m, k], R [..., k, n] with k = min(m, n); 'complete': Q [..., m, m], R [..., m, n], without gradient
 * when m > n
 */
export function qr(x: Tensor, options: { readonly mode?: 'reduced' | 'complete' } = {}): [q: Tensor, r: Tensor] {
  checkMatrix('qr', x)
  const [m, n] = [rowsOf(x), columnsOf(x)]
  if (m < n) {
    const [q, r] = tall(columns(x, 0, m))
    return [q, cat([r, q.mT().matmul(columns(x, m, n))], -1)]
  }
  if (options.mode !== 'complete' || m === n) return tall(x) as [Tensor, Tensor]
  const [q, r] = decomposed(x.detach(), m)
  return [q, r.pad(r.shape.map((_, d) => [0, d === r.ndim - 2 ? m - n : 0]))]
}

/** The largest size of an element, 1 where that is 0: [..., 1, 1]. */
function scaleOf(x: Tensor): Tensor {
  const largest = x.abs().amax([-2, -1], { keepDim: true })
  return largest.where(largest.gt(k(0)), k(1))
}

/** Eigenvalues ascending [..., n] and eigenvectors as columns; no derivative. */
function diagonalized(x: Tensor): [w: Tensor, v: Tensor] {
  const n = rowsOf(x)
  const scale = scaleOf(x.tril())
  const lower = x.tril().div(scale)
  const s = lower.add(lower.tril(-1).mT())
  // a multiple of the identity makes it positive definite: its singular vectors are its eigenvectors
  const shift = s.abs().sum(-1, { keepDim: true }).amax(-2, { keepDim: true }).mul(k(2))
  const turns = columns(run('jacobi', s.add(identity(s, n).mul(shift))), n, 2 * n)
  const w = turns.matmul(s).mul(turns).sum(-1)
  const order = w.argsort(-1)
  return [w.gather(-1, order).mul(scale.squeeze(-1)), pickRows(turns, order).mT()]
}

/**
 * torch.linalg.eigh: eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices, of which the lower triangle is read. The gradient of eigenvectors is
 * infinite where eigenvalues are equal.
 * @param x [..., n, n]   @returns [w [..., n], V [..., n, n]]
 */
export function eigh(x: Tensor): [w: Tensor, v: Tensor] {
  checkMatrix('eigh', x, true)
  if (rowsOf(x) === 0) return [x.sum(-1), x]
  return jointly(
    [x],
    () => diagonalized(x),
    ([gw, gv], _, [w, v]) => {
      const n = rowsOf(v)
      const diagonal = onDiagonal(v, n)
      const gaps = w.unsqueeze(-2).sub(w.unsqueeze(-1)).where(diagonal.not(), k(1))
      const inner = v.mT().matmul(gv).div(gaps).where(diagonal.not(), gw.unsqueeze(-1).expand(v.shape))
      return [v.matmul(inner).matmul(v.mT())]
    },
  ) as [Tensor, Tensor]
}

/** Eigenvalues of symmetric matrices, ascending: their gradient holds where they are equal, too. */
export function eigvalsh(x: Tensor): Tensor {
  checkMatrix('eigvalsh', x, true)
  if (rowsOf(x) === 0) return x.sum(-1)
  return withDerivative(
    [x],
    () => diagonalized(x)[0],
    (g, [x]) => {
      const [, v] = eigh(x)
      return [v.mul(g.unsqueeze(-2)).matmul(v.mT())]
    },
  )
}

/** U [m, n], S [n] descending and V [n, n] of a matrix with m >= n; no derivative. */
function rotated(x: Tensor): [u: Tensor, s: Tensor, v: Tensor] {
  const [m, n] = [rowsOf(x), columnsOf(x)]
  const scale = scaleOf(x)
  const [q, r] = decomposed(x.div(scale), n)
  const out = run('jacobi', r.mT())
  const images = columns(out, 0, n)
  const sizes = images.square().sum(-1).sqrt()
  const order = sizes.argsort(-1, { descending: true })
  const s = sizes.gather(-1, order)
  const limit = s.narrow(-1, 0, 1).mul(k(epsilonOf(x) * m))
  const safe = s.gt(limit)
  // directions that belong to no size are any that are orthogonal to the others: QR finds them, up to signs
  const known = pickRows(images, order)
    .div(s.where(safe, k(1)).unsqueeze(-1))
    .where(safe.unsqueeze(-1), k(0))
    .mT()
  const [turned, signs] = decomposed(known, n)
  const sign = signs.diagonal(0, -2, -1).lt(k(0)).to(x.dtype).mul(k(-2)).add(k(1))
  const u = q.matmul(turned.mul(sign.unsqueeze(-2)))
  return [u, s.mul(scale.squeeze(-1)), pickRows(columns(out, n, 2 * n), order).mT()]
}

const skew = (x: Tensor): Tensor => x.sub(x.mT())

function reduced(x: Tensor): [u: Tensor, s: Tensor, v: Tensor] {
  if (rowsOf(x) < columnsOf(x)) {
    const [u, s, v] = reduced(x.mT())
    return [v, s, u]
  }
  return jointly(
    [x],
    () => rotated(x),
    ([gu, gs, gv], _, [u, s, v]) => {
      const [m, n] = [rowsOf(u), columnsOf(u)]
      const diagonal = onDiagonal(u, n)
      const [row, column] = [s.unsqueeze(-2), s.unsqueeze(-1)]
      const gaps = row.sub(column).mul(row.add(column)).where(diagonal.not(), k(1))
      const ofU = skew(u.mT().matmul(gu)).div(gaps).mul(row)
      const ofV = skew(v.mT().matmul(gv)).div(gaps).mul(column)
      const inner = ofU.add(ofV).add(gs.diagEmbed())
      let g = u.matmul(inner).matmul(v.mT())
      if (m > n) {
        const outside = gu.sub(u.matmul(u.mT().matmul(gu)))
        g = g.add(outside.div(row).matmul(v.mT()))
      }
      return [g]
    },
  ) as [Tensor, Tensor, Tensor]
}

/** The columns that make the columns of q an orthonormal base, without gradient. */
function complement(q: Tensor): Tensor {
  const [m, n] = [rowsOf(q), columnsOf(q)]
  return columns(decomposed(q.detach(), m)[0], n, m)
}

/**
 * torch.linalg.svd: A = U diag(S) Vh, S descending. By one-sided Jacobi, which finds small singular values to high relative accuracy.
 * The gradient of U and Vh is infinite where singular values are equal; `svdvals` has one that is not.
 * @param x [..., m, n]
 * @param options.fullMatrices default true: U [..., m, m], Vh [..., n, n], the further columns without gradient; false: U [..., m, k], Vh [..., k, n], k = min(m, n)
 */
export function svd(x: Tensor, options: { readonly fullMatrices?: boolean } = {}): [u: Tensor, s: Tensor, vh: Tensor] {
  checkMatrix('svd', x)
  const [m, n] = [rowsOf(x), columnsOf(x)]
  const full = options.fullMatrices ?? true
  if (m === 0 || n === 0) {
    const batch = x.shape.slice(0, -2)
    const one = (size: number): Tensor => identity(x, size, full ? size : 0).expand([...batch, size, full ? size : 0])
    return [one(m), x.sum(m === 0 ? -1 : -2).narrow(-1, 0, 0), one(n).mT()]
  }
  const [u, s, v] = reduced(x)
  if (!full) return [u, s, v.mT()]
  const whole = (q: Tensor): Tensor => (rowsOf(q) > columnsOf(q) ? cat([q, complement(q)], -1) : q)
  return [whole(u), s, whole(v).mT()]
}

/** Singular values, descending: [..., min(m, n)]. */
export function svdvals(x: Tensor): Tensor {
  checkMatrix('svdvals', x)
  if (rowsOf(x) === 0 || columnsOf(x) === 0) return svd(x)[1]
  return withDerivative(
    [x],
    () => reduced(x)[1],
    (g, [x]) => {
      const [u, , v] = reduced(x)
      return [u.mul(g.unsqueeze(-2)).matmul(v.mT())]
    },
  )
}

export interface RankOptions {
  /** singular values up to this size count as 0; default 0 */
  readonly atol?: number
  /** ... or up to this share of the largest; default max(m, n) times what the dtype rounds by, 0 when atol is given */
  readonly rtol?: number
}

/** The size up to which singular values count as 0: [..., 1]. */
function limitOf(x: Tensor, s: Tensor, { atol, rtol }: RankOptions): Tensor {
  const share = rtol ?? (atol === undefined ? epsilonOf(x) * Math.max(rowsOf(x), columnsOf(x)) : 0)
  return s
    .narrow(-1, 0, 1)
    .mul(share)
    .clamp(atol ?? 0)
}

/** torch.linalg.matrix_rank: how many singular values are not 0, i32 [...]. */
export function matrixRank(x: Tensor, options: RankOptions = {}): Tensor {
  checkMatrix('matrixRank', x)
  const s = svdvals(x.detach())
  if (columnsOf(s.unsqueeze(-2)) === 0) return cast(s.sum(-1), 'i32')
  return cast(s.gt(limitOf(x, s, options)), 'i32').sum(-1)
}

/** torch.linalg.pinv: the Moore-Penrose inverse [..., n, m]. Its derivative (Golub and Pereyra 1973) holds where the rank does not change. */
export function pinv(x: Tensor, options: RankOptions = {}): Tensor {
  checkMatrix('pinv', x)
  if (rowsOf(x) === 0 || columnsOf(x) === 0) return x.mT()
  return withDerivative(
    [x],
    () => {
      const [u, s, v] = reduced(x)
      const kept = s.gt(limitOf(x, s, options))
      const inverse = s.where(kept, k(1)).reciprocal().where(kept, k(0))
      return v.mul(inverse.unsqueeze(-2)).matmul(u.mT())
    },
    (g, [x], p) => {
      const [gt, pt] = [g.mT(), p.mT()]
      const first = pt.matmul(g).matmul(pt).neg()
      const left = gt
        .sub(x.matmul(p.matmul(gt)))
        .matmul(p)
        .matmul(pt)
      const right = pt.matmul(p.matmul(gt.sub(gt.matmul(p).matmul(x))))
      return [first.add(left).add(right)]
    },
  )
}

export interface LeastSquares {
  readonly solution: Tensor
  /** sums of squares of A X - B for each column: [..., k] */
  readonly residuals: Tensor
  /** i32 [...] */
  readonly rank: Tensor
  readonly singularValues: Tensor
}

/**
 * torch.linalg.lstsq: X of least |A X - B|, and of least norm among those where A has no full rank. Only what is used of the result is computed.
 * @param a [..., m, n]   @param b [..., m, k]
 */
export function lstsq(a: Tensor, b: Tensor, options: RankOptions = {}): LeastSquares {
  checkMatrix('lstsq', a)
  checkMatrix('lstsq', b)
  if (rowsOf(a) !== rowsOf(b))
    throw new CairnError('lstsq', `the rows differ: ${listed(a.shape)} and ${listed(b.shape)}`)
  const [m, y] = together('lstsq', a, b)
  const solution = pinv(m, options).matmul(y)
  const residuals = m.matmul(solution).sub(y).square().sum(-2)
  return { solution, residuals, rank: matrixRank(m, options), singularValues: svdvals(m) }
}

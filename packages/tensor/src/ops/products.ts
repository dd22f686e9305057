// Products of pairs: outer and Kronecker products, distances between the rows of two matrices.

import { promote } from '../dtype.ts'
import { listed, ShapeError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { cast, toFloat } from './build.ts'
import { where } from './elementwise.ts'
import { k } from './operand.ts'

/** a[i] * b[j] of two vectors: [n, m] (torch.outer). */
export function outer(a: Tensor, b: Tensor): Tensor {
  if (a.ndim !== 1 || b.ndim !== 1)
    throw new ShapeError('outer', `needs two vectors, got ${listed(a.shape)} and ${listed(b.shape)}`)
  return a.unsqueeze(1).mul(b.unsqueeze(0))
}
export const ger = outer

/** The Kronecker product (torch.kron): every element of a times all of b, axis by axis; the shorter shape gets leading axes of 1. */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.ndim, b.ndim)
  const padded = (x: Tensor): number[] => [...new Array<number>(rank - x.ndim).fill(1), ...x.shape]
  const [n, m] = [padded(a), padded(b)]
  const x = a.reshape(n.flatMap(size => [size, 1]))
  const y = b.reshape(m.flatMap(size => [1, size]))
  return x.mul(y).reshape(n.map((size, d) => size * m[d]))
}

/**
 * Distances between the rows of a [..., n, width] and of b [..., m, width]: [..., n, m] (torch.cdist).
 * @param options.p the norm; 2 by default. 0 counts the places that differ, Infinity takes the largest difference. The gradient of a distance 0 is 0.
 */
export function cdist(a: Tensor, b: Tensor, options: { readonly p?: number } = {}): Tensor {
  const p = options.p ?? 2
  if (a.ndim < 2 || b.ndim < 2 || a.shape[a.ndim - 1] !== b.shape[b.ndim - 1])
    throw new ShapeError('cdist', `rows of one width are needed, got ${listed(a.shape)} and ${listed(b.shape)}`)
  if (!(p >= 0)) throw new ShapeError('cdist', `there is no norm of order ${p}`)
  const dtype = toFloat(cast(a, promote(a.dtype, b.dtype))).dtype
  const difference = cast(a, dtype).unsqueeze(-2).sub(cast(b, dtype).unsqueeze(-3))
  if (p === 0) return difference.ne(k(0)).to(dtype).sum(-1)
  const size = difference.abs()
  if (p === Infinity) return a.shape[a.ndim - 1] === 0 ? size.sum(-1) : size.amax(-1)
  if (p === 1) return size.sum(-1)
  const total =
    p === 2 ? difference.square().sum(-1) : where(size.gt(k(0)), where(size.gt(k(0)), size, k(1)).pow(p), k(0)).sum(-1)
  // the root has no slope at 0; where the rows are equal the distance is 0 and so is its gradient
  const apart = total.gt(k(0))
  const safe = where(apart, total, k(1))
  return where(apart, p === 2 ? safe.sqrt() : safe.pow(1 / p), k(0))
}

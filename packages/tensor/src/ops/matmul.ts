// Matrix products in torch's meaning: 1-d operands are vectors, leading axes broadcast as batches.

import { promote } from '../dtype.ts'
import { DTypeError, listed, ShapeError } from '../errors.ts'
import { broadcastShapes, sizeOf } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { cast } from './build.ts'

/** a @ b. A left operand with batches and a plain matrix on the right run as one product over all rows. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.ndim === 0 || b.ndim === 0) throw new ShapeError('matmul', 'a 0-d operand; use mul for a product with a number')
  const dtype = promote(a.dtype, b.dtype)
  if (dtype === 'bool') throw new DTypeError('matmul', "does not take bool; convert with .to('f32')")
  checkInner('matmul', a, b, b.shape[Math.max(0, b.ndim - 2)])
  let x = cast(a, dtype)
  let y = cast(b, dtype)
  if (a.ndim === 1) x = x.unsqueeze(0)
  if (b.ndim === 1) y = y.unsqueeze(1)
  let out: Tensor
  if (x.ndim > 2 && y.ndim === 2) {
    const rows = x.shape.slice(0, -1)
    out = apply('matmul', [x.reshape([sizeOf(rows), x.shape[x.ndim - 1]]), y]).reshape([...rows, y.shape[1]])
  } else {
    const batch = broadcastShapes('matmul', x.shape.slice(0, -2), y.shape.slice(0, -2))
    out = apply('matmul', [x.expand([...batch, ...x.shape.slice(-2)]), y.expand([...batch, ...y.shape.slice(-2)])])
  }
  if (a.ndim === 1) out = out.squeeze(-2)
  if (b.ndim === 1) out = out.squeeze(-1)
  return out
}

/** The last axis of x against the axis of y that it is summed with. */
function checkInner(op: string, x: Tensor, y: Tensor, size: number): void {
  const own = x.shape[x.ndim - 1]
  if (own !== size)
    throw new ShapeError(op, `inner sizes differ: ${listed(x.shape)} x ${listed(y.shape)} (${own} vs ${size})`)
}

/** x @ weight^T + bias: torch.nn.functional.linear. @param weight [out, in]   @param bias [out] */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (weight.ndim !== 2) throw new ShapeError('linear', 'the weight must be [out, in]', { shape: [...weight.shape] })
  checkInner('linear', x, weight, weight.shape[1])
  const out = matmul(x, weight.transpose(-1, -2))
  return bias ? out.add(bias) : out
}

/** Inner product of two vectors. */
export const dot = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim !== 1 || b.ndim !== 1)
    throw new ShapeError('dot', `needs two vectors, got ${listed(a.shape)} and ${listed(b.shape)}`)
  return matmul(a, b)
}

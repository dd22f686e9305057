// Complex values as real tensors with a last axis of 2, real part before imaginary part: the layout of torch.view_as_real. Axes are counted without it.

import { isFloat } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { cat } from '../ops/movement.ts'
import type { Tensor } from '../tensor.ts'

/** @throws ShapeError for a tensor without the pair of a complex number as its last axis */
export function checkComplex(op: string, x: Tensor): Tensor {
  if (x.ndim === 0 || x.shape[x.ndim - 1] !== 2 || !isFloat(x.dtype))
    throw new ShapeError(
      op,
      `needs complex values, floats with a last axis of 2 (real, imaginary); complex(x) makes them of real ones`,
      { shape: [...x.shape], dtype: x.dtype },
    )
  return x
}

/** Complex values of their parts; the imaginary part is 0 when left out. @returns [..., 2] */
export function complex(re: Tensor, im: Tensor = re.zerosLike()): Tensor {
  return cat([re.unsqueeze(-1), im.unsqueeze(-1)], -1)
}
export const real = (x: Tensor): Tensor => checkComplex('real', x).select(-1, 0)
export const imag = (x: Tensor): Tensor => checkComplex('imag', x).select(-1, 1)
export const conj = (x: Tensor): Tensor => complex(real(x), imag(x).neg())
/** Sizes, [...]; the gradient at 0 is 0. */
export const complexAbs = (x: Tensor): Tensor => checkComplex('complexAbs', x).norm(-1)
/** Angles in (-pi, pi]. */
export const angle = (x: Tensor): Tensor => imag(x).atan2(real(x))
/** The product of complex values; shapes broadcast. */
export function complexMul(a: Tensor, b: Tensor): Tensor {
  const [x, y, u, v] = [real(a), imag(a), real(b), imag(b)]
  return complex(x.mul(u).sub(y.mul(v)), x.mul(v).add(y.mul(u)))
}

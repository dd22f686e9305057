// Activations that are no methods of Tensor, after torch.nn.functional.

import { ShapeError, type Tensor } from '@cairn/tensor'

/** Klambauer et al. 2017: scale * (max(0, x) + min(0, alpha (exp x - 1))), which keeps mean 0 and variance 1. */
export const selu = (x: Tensor): Tensor => x.elu(1.6732632423543772).mul(1.0507009873554805)

/** Continuously differentiable ELU (Barron 2017): max(0, x) + min(0, alpha (exp(x / alpha) - 1)). */
export const celu = (x: Tensor, alpha = 1): Tensor => x.where(x.gt(0), x.minimum(0).div(alpha).expm1().mul(alpha))

/** x / (1 + |x|) */
export const softsign = (x: Tensor): Tensor => x.div(x.abs().add(1))

/** x where |x| > lambda, else 0 */
export const hardshrink = (x: Tensor, lambda = 0.5): Tensor => x.where(x.abs().gt(lambda), 0)

/** x - lambda above lambda, x + lambda below -lambda, else 0 */
export const softshrink = (x: Tensor, lambda = 0.5): Tensor => x.sub(x.clamp(-lambda, lambda))

/** log(1 + exp(beta x)) / beta; x itself where beta x > threshold, as in torch */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  const scaled = x.mul(beta)
  return x.where(scaled.gt(threshold), scaled.softplus().div(beta))
}

/** x above 0, weight * x below. @param weight [1], or [channels] for axis 1 of x */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const channels = x.ndim > 1 ? x.shape[1] : 1
  if (weight.size !== 1 && weight.size !== channels)
    throw new ShapeError('prelu', `${weight.size} slopes do not fit ${channels} channels`, { shape: [...x.shape] })
  const slopes = weight.size === 1 ? weight.reshape([]) : weight.reshape(x.shape.map((_, d) => (d === 1 ? -1 : 1)))
  return x.where(x.gt(0), x.mul(slopes))
}

function halves(op: string, x: Tensor, axis: number): Tensor[] {
  const size = x.shape[axis < 0 ? axis + x.ndim : axis]
  if (size === undefined || size % 2 !== 0)
    throw new ShapeError(op, `axis ${axis} has no two halves`, { shape: [...x.shape] })
  return x.chunk(2, axis)
}
const gated =
  (op: string, activation: (a: Tensor) => Tensor) =>
  (x: Tensor, axis = -1): Tensor => {
    const [a, b] = halves(op, x, axis)
    return activation(a).mul(b)
  }

/** Dauphin et al. 2017: a * sigmoid(b) of the halves a, b of an axis. */
export function glu(x: Tensor, axis = -1): Tensor {
  const [a, b] = halves('glu', x, axis)
  return a.mul(b.sigmoid())
}
/** Shazeer 2020: silu(a) * b of the halves a, b of an axis. */
export const swiglu = gated('swiglu', a => a.silu())
/** Shazeer 2020: gelu(a) * b of the halves a, b of an axis. */
export const geglu = gated('geglu', a => a.gelu())
/** Shazeer 2020: relu(a) * b of the halves a, b of an axis. */
export const reglu = gated('reglu', a => a.relu())

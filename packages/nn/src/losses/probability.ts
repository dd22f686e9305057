// Losses between probabilities, after torch.nn.functional.

import type { Tensor } from '@cairn/tensor'
import { checkTarget } from '../check.ts'
import { type LossOptions, reduced } from './reduction.ts'

/**
 * Binary cross entropy of sigmoid(x), without the overflow: (1 - t) x + log(1 + exp(-x)).
 * @param target in [0, 1], the shape of x   @param options.posWeight weight of positive targets, broadcasts
 * @param options.weight of each loss, broadcasts
 */
export function bceWithLogits(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { posWeight?: Tensor; weight?: Tensor } = {},
): Tensor {
  checkTarget('bceWithLogits', x, target)
  const tail = x.neg().softplus()
  const { posWeight } = options
  const weighted = posWeight ? tail.mul(posWeight.sub(1).mul(target).add(1)) : tail
  const losses = target.neg().add(1).mul(x).add(weighted)
  return reduced(options.weight ? losses.mul(options.weight) : losses, options)
}

/** Binary cross entropy of probabilities; logarithms are clamped at -100, as in torch. @param options.weight of each loss, broadcasts */
export function bceLoss(p: Tensor, target: Tensor, options: LossOptions & { weight?: Tensor } = {}): Tensor {
  checkTarget('bceLoss', p, target)
  const yes = p.log().clamp(-100).mul(target)
  const no = p.neg().log1p().clamp(-100).mul(target.neg().add(1))
  const losses = yes.add(no).neg()
  return reduced(options.weight ? losses.mul(options.weight) : losses, options)
}

/**
 * Kullback-Leibler divergence of `target` from `x`: t * (log t - x), 0 where t is 0.
 * @param x log-probabilities   @param target probabilities, or their logarithms with `logTarget`
 * @param options.reduction 'batchMean' divides the sum by the first axis, which is the divergence of the definition
 */
export function klDiv(
  x: Tensor,
  target: Tensor,
  options: { reduction?: 'mean' | 'sum' | 'none' | 'batchMean'; logTarget?: boolean } = {},
): Tensor {
  const { reduction = 'mean', logTarget = false } = options
  const positive = target.gt(0)
  const losses = logTarget
    ? target.exp().mul(target.sub(x))
    : target.mul(target.where(positive, 1).log().sub(x)).where(positive, 0)
  return reduction === 'batchMean' ? losses.sum().div(x.shape[0] ?? 1) : reduced(losses, { reduction })
}

/**
 * Gaussian negative log-likelihood with a variance for each value (Nix and Weigend 1994): (log var + (x - target)^2 / var) / 2.
 * @param variance the shape of x, or broadcasting to it; at least eps
 * @param options.full adds log(2 pi) / 2
 */
export function gaussianNll(
  x: Tensor,
  target: Tensor,
  variance: Tensor,
  options: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  // below eps the gradient of the variance goes straight through, as in torch
  const kept = variance.add(
    variance
      .maximum(options.eps ?? 1e-6)
      .sub(variance)
      .detach(),
  )
  const difference = x.sub(target)
  const losses = kept.log().add(difference.mul(difference).div(kept)).mul(0.5)
  return reduced(options.full ? losses.add(0.5 * Math.log(2 * Math.PI)) : losses, options)
}

/**
 * Poisson negative log-likelihood: exp(x) - target * x, or x - target * log(x + eps) without `logInput`.
 * @param options.full adds Stirling's approximation of log(target!) where target > 1
 */
export function poissonNll(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {},
): Tensor {
  const { logInput = true, full = false, eps = 1e-8 } = options
  let losses = logInput ? x.exp().sub(target.mul(x)) : x.sub(target.mul(x.add(eps).log()))
  if (full) {
    const safe = target.maximum(1)
    const stirling = safe
      .mul(safe.log())
      .sub(safe)
      .add(
        safe
          .mul(2 * Math.PI)
          .log()
          .mul(0.5),
      )
    losses = losses.add(stirling.where(target.gt(1), 0))
  }
  return reduced(losses, options)
}

// Losses between probabilities, after torch.nn.functional.

import type { Tensor } from '@cairn/tensor'
import { type LossOptions, reduced } from './reduction.ts'

/**
 * Binary cross entropy of sigmoid(x), without the overflow: (1 - t) x + log(1 + exp(-x)).
 * @param target in [0, 1], the shape of x   @param options.posWeight weight of positive targets, broadcasts
 */
export function bceWithLogits(x: Tensor, target: Tensor, options: LossOptions & { posWeight?: Tensor } = {}): Tensor {
  const tail = x.neg().softplus()
  const { posWeight } = options
  const weighted = posWeight ? tail.mul(posWeight.sub(1).mul(target).add(1)) : tail
  return reduced(target.neg().add(1).mul(x).add(weighted), options)
}

/** Binary cross entropy of probabilities; logarithms are clamped at -100, as in torch. */
export function bceLoss(p: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const yes = p.log().clamp(-100).mul(target)
  const no = p.neg().log1p().clamp(-100).mul(target.neg().add(1))
  return reduced(yes.add(no).neg(), options)
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

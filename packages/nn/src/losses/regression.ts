// Losses between values of one shape, after torch.nn.functional.

import type { Tensor } from '@cairn/tensor'
import { checkTarget } from '../check.ts'
import { type LossOptions, reduced } from './reduction.ts'

/** (x - target)^2 */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTarget('mseLoss', x, target)
  const difference = x.sub(target)
  return reduced(difference.mul(difference), options)
}

/** |x - target| */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTarget('l1Loss', x, target)
  return reduced(x.sub(target).abs(), options)
}

/** Quadratic below `delta`, linear above (Huber 1964): d^2 / 2, or delta * (|d| - delta / 2). */
export function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { delta?: number } = {}): Tensor {
  checkTarget('huberLoss', x, target)
  const { delta = 1 } = options
  const difference = x.sub(target)
  const size = difference.abs()
  const losses = difference
    .mul(difference)
    .mul(0.5)
    .where(size.le(delta), size.sub(0.5 * delta).mul(delta))
  return reduced(losses, options)
}

/** Huber's loss divided by its delta (`beta`). */
export const smoothL1Loss = (x: Tensor, target: Tensor, options: LossOptions & { beta?: number } = {}): Tensor =>
  options.beta === 0
    ? l1Loss(x, target, options)
    : huberLoss(x, target, { ...options, delta: options.beta ?? 1 }).div(options.beta ?? 1)

// Losses that ask for a distance between scores, after torch.nn.functional.

import type { Tensor } from '@cairn/tensor'
import { type LossOptions, reduced } from './reduction.ts'

/** max(0, -target * (a - b) + margin): a above b where the target is 1, below where it is -1. */
export const marginRankingLoss = (
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor =>
  reduced(
    b
      .sub(a)
      .mul(target)
      .add(options.margin ?? 0)
      .relu(),
    options,
  )

/** x where the target is 1, max(0, margin - x) where it is -1. */
export const hingeEmbeddingLoss = (
  x: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor =>
  reduced(
    x.where(
      target.gt(0),
      x
        .neg()
        .add(options.margin ?? 1)
        .relu(),
    ),
    options,
  )

/** log(1 + exp(-target * x)), targets 1 and -1 */
export const softMarginLoss = (x: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  reduced(x.mul(target).neg().softplus(), options)

/** (sum |a - b + eps|^p)^(1/p) over the last axis: torch.nn.functional.pairwise_distance. */
export function pairwiseDistance(a: Tensor, b: Tensor, options: { p?: number; eps?: number } = {}): Tensor {
  const { p = 2, eps = 1e-6 } = options
  const d = a.sub(b).add(eps)
  if (p === 2) return d.mul(d).sum(-1).sqrt()
  if (p === 1) return d.abs().sum(-1)
  if (p === Infinity) return d.abs().max(-1)
  return d
    .abs()
    .pow(p)
    .sum(-1)
    .pow(1 / p)
}

export interface TripletOptions extends LossOptions {
  /** default 1 */
  readonly margin?: number
  /** of the distance, default 2 */
  readonly p?: number
  readonly eps?: number
  /** the negative's smaller distance, to the anchor or to the positive (Balntas et al. 2016) */
  readonly swap?: boolean
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin) (Schroff et al. 2015). @param anchor [..., width] */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletOptions = {},
): Tensor {
  const far = pairwiseDistance(anchor, negative, options)
  const least = options.swap ? far.minimum(pairwiseDistance(positive, negative, options)) : far
  const losses = pairwiseDistance(anchor, positive, options)
    .sub(least)
    .add(options.margin ?? 1)
  return reduced(losses.relu(), options)
}

/**
 * The same with a distance of your own: (a, b) to one number for each pair. torch.nn.functional.triplet_margin_with_distance_loss; without `distance`
 * it is `pairwiseDistance`.
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: Pick<TripletOptions, 'margin' | 'swap' | 'reduction'> & {
    readonly distance?: (a: Tensor, b: Tensor) => Tensor
  } = {},
): Tensor {
  const { distance = pairwiseDistance, margin = 1, swap } = options
  const far = distance(anchor, negative)
  const least = swap ? far.minimum(distance(positive, negative)) : far
  return reduced(distance(anchor, positive).sub(least).add(margin).relu(), options)
}

/**
 * Every class that is a target above every one that is not: the sum over such pairs of max(0, 1 - (x[target] - x[class])), divided by the classes.
 * @param x [..., classes]   @param target [..., classes]: the numbers of the targets, ended by -1
 */
export function multilabelMarginLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const last = x.ndim - 1
  const classes = x.shape[last]
  const listed = target.ge(0).to('i32').cumprod(last).to('bool')
  const numbers = target.to('i32').clamp(0)
  const scores = x.gather(last, numbers).unsqueeze(-1)
  const over = x.unsqueeze(-2).sub(scores).add(1).relu()
  const isTarget = numbers.oneHot(classes).to('bool').and(listed.unsqueeze(-1)).any(-2)
  const counts = listed.unsqueeze(-1).and(isTarget.not().unsqueeze(-2))
  return reduced(over.where(counts, 0).sum([-1, -2]).div(classes), options)
}

/** The mean over classes of max(0, margin - x[target] + x[class])^p without the target's own. @param x [batch, classes] */
export function multiMarginLoss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor } = {},
): Tensor {
  const { p = 1, margin = 1, weight } = options
  const classes = x.shape[x.ndim - 1]
  const index = target.to('i32').unsqueeze(-1)
  const over = x
    .sub(x.gather(x.ndim - 1, index))
    .add(margin)
    .relu()
  const powered = p === 1 ? over : over.mul(over)
  const own = target.oneHot(classes).to('bool')
  const weighted = weight ? powered.mul(weight.indexSelect(0, target.to('i32')).unsqueeze(-1)) : powered
  return reduced(weighted.where(own.not(), 0).sum(-1).div(classes), options)
}

/** The mean over classes of the binary cross entropy of each. @param x logits [..., classes]   @param target 0 or 1, the shape of x */
export function multilabelSoftMarginLoss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { weight?: Tensor } = {},
): Tensor {
  const losses = x
    .neg()
    .softplus()
    .mul(target)
    .add(x.softplus().mul(target.neg().add(1)))
  return reduced((options.weight ? losses.mul(options.weight) : losses).mean(-1), options)
}

// How alike vectors are, after torch.nn.functional.

import { arange, cat, type DeviceName, ShapeError, type Tensor } from '@cairn/tensor'
import { crossEntropy } from './cross-entropy.ts'
import { type LossOptions, reduced } from './reduction.ts'

/** a . b / (|a| |b|) along an axis, which leaves the shape; norms are at least eps. */
export function cosineSimilarity(a: Tensor, b: Tensor, options: { axis?: number; eps?: number } = {}): Tensor {
  const { axis = -1, eps = 1e-8 } = options
  const length = (x: Tensor) => x.mul(x).sum(axis).sqrt().maximum(eps)
  return a
    .mul(b)
    .sum(axis)
    .div(length(a).mul(length(b)))
}

/** 1 - cosine for pairs that belong together (target 1), max(0, cosine - margin) for others (target -1). */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  const cosine = cosineSimilarity(a, b)
  return reduced(
    cosine
      .neg()
      .add(1)
      .where(target.gt(0), cosine.sub(options.margin ?? 0).relu()),
    options,
  )
}

export interface InfoNCEOptions extends LossOptions {
  /** default 0.1 */
  readonly temperature?: number
  /** further negatives [count, width] for every query; without them the other positives of the batch are the negatives */
  readonly negatives?: Tensor
  /** also from the positives to the queries, averaged (CLIP, Radford et al. 2021); without `negatives` */
  readonly symmetric?: boolean
}

const normalized = (x: Tensor): Tensor => x.div(x.mul(x).sum(-1, { keepDim: true }).sqrt().maximum(1e-12))

/**
 * InfoNCE (van den Oord et al. 2018): the cross entropy of choosing each query's positive by cosine / temperature.
 * @param queries [batch, width]   @param positives [batch, width], row by row those of the queries
 */
export function infoNCE(queries: Tensor, positives: Tensor, options: InfoNCEOptions = {}): Tensor {
  const { temperature = 0.1, negatives, symmetric = false, reduction = 'mean' } = options
  if (queries.ndim !== 2 || queries.shape.some((n, d) => n !== positives.shape[d]))
    throw new ShapeError('infoNCE', 'queries and positives must be [batch, width] alike', {
      queries: [...queries.shape],
      positives: [...positives.shape],
    })
  const [q, p] = [normalized(queries), normalized(positives)]
  const on = { device: queries.device as DeviceName }
  if (negatives) {
    const own = q.mul(p).sum(-1, { keepDim: true })
    const scores = cat([own, q.matmul(normalized(negatives).transpose(0, 1))], -1).div(temperature)
    return crossEntropy(scores, arange(0, q.shape[0], 1, on).mul(0), { reduction })
  }
  const scores = q.matmul(p.transpose(0, 1)).div(temperature)
  const targets = arange(0, q.shape[0], 1, on)
  const there = crossEntropy(scores, targets, { reduction })
  return symmetric ? there.add(crossEntropy(scores.transpose(0, 1), targets, { reduction })).mul(0.5) : there
}

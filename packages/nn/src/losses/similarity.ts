// How alike vectors are, after torch.nn.functional.

import type { Tensor } from '@cairn/tensor'
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

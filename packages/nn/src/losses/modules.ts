// Losses as modules, by torch's names: each is its function with options that were given before. A weight is a buffer, as in torch: it is saved and
// moves with the module.

import type { Tensor } from '@cairn/tensor'
import { Module } from '../module.ts'
import { buffer } from '../parameter.ts'
import { crossEntropy, nllLoss } from './cross-entropy.ts'
import { type CTCOptions, ctcLoss } from './ctc.ts'
import {
  hingeEmbeddingLoss,
  marginRankingLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  pairwiseDistance,
  softMarginLoss,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from './margin.ts'
import { bceLoss, bceWithLogits, gaussianNll, klDiv, poissonNll } from './probability.ts'
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './regression.ts'
import { cosineEmbeddingLoss, cosineSimilarity } from './similarity.ts'

type LossFunction = (...args: never[]) => Tensor
/** What a function takes before its options. */
type Inputs<F extends LossFunction> =
  Required<Parameters<F>> extends [...infer A extends unknown[], unknown] ? A : never
type OptionsOf<F extends LossFunction> = Required<Parameters<F>> extends [...unknown[], infer O] ? O : never

/** A loss as a module: `new CrossEntropyLoss({ labelSmoothing: 0.1 }).forward(logits, targets)`. */
export interface LossModule<F extends LossFunction> extends Module {
  /** those of the function, but its weights */
  readonly options: Omit<OptionsOf<F>, 'weight' | 'posWeight'>
  forward(...inputs: Inputs<F>): Tensor
}

function loss<F extends LossFunction>(fn: F): new (options?: OptionsOf<F>) => LossModule<F> {
  return class extends Module {
    readonly options: Omit<OptionsOf<F>, 'weight' | 'posWeight'>
    weight?: Tensor
    pos_weight?: Tensor

    constructor(options: OptionsOf<F> = {} as OptionsOf<F>) {
      super()
      const { weight, posWeight, ...rest } = options as { weight?: Tensor; posWeight?: Tensor }
      this.options = rest as OptionsOf<F>
      if (weight) this.weight = buffer(weight.detach())
      if (posWeight) this.pos_weight = buffer(posWeight.detach())
    }
    forward(...inputs: Inputs<F>): Tensor {
      const { weight, pos_weight: posWeight } = this
      const options = { ...this.options, ...(weight && { weight }), ...(posWeight && { posWeight }) }
      return (fn as unknown as (...args: unknown[]) => Tensor)(...inputs, options)
    }
  }
}

/** `l1Loss` */
export class L1Loss extends /* @__PURE__ */ loss(l1Loss) {}
/** `mseLoss` */
export class MSELoss extends /* @__PURE__ */ loss(mseLoss) {}
/** `huberLoss` */
export class HuberLoss extends /* @__PURE__ */ loss(huberLoss) {}
/** `smoothL1Loss` */
export class SmoothL1Loss extends /* @__PURE__ */ loss(smoothL1Loss) {}
/** `crossEntropy`: classes last */
export class CrossEntropyLoss extends /* @__PURE__ */ loss(crossEntropy) {}
/** `nllLoss`: classes last */
export class NLLLoss extends /* @__PURE__ */ loss(nllLoss) {}
/** `bceLoss` */
export class BCELoss extends /* @__PURE__ */ loss(bceLoss) {}
/** `bceWithLogits` */
export class BCEWithLogitsLoss extends /* @__PURE__ */ loss(bceWithLogits) {}
/** `klDiv` */
export class KLDivLoss extends /* @__PURE__ */ loss(klDiv) {}
/** `gaussianNll` */
export class GaussianNLLLoss extends /* @__PURE__ */ loss(gaussianNll) {}
/** `poissonNll` */
export class PoissonNLLLoss extends /* @__PURE__ */ loss(poissonNll) {}
/** `cosineEmbeddingLoss` */
export class CosineEmbeddingLoss extends /* @__PURE__ */ loss(cosineEmbeddingLoss) {}
/** `hingeEmbeddingLoss` */
export class HingeEmbeddingLoss extends /* @__PURE__ */ loss(hingeEmbeddingLoss) {}
/** `marginRankingLoss` */
export class MarginRankingLoss extends /* @__PURE__ */ loss(marginRankingLoss) {}
/** `multiMarginLoss` */
export class MultiMarginLoss extends /* @__PURE__ */ loss(multiMarginLoss) {}
/** `multilabelMarginLoss` */
export class MultiLabelMarginLoss extends /* @__PURE__ */ loss(multilabelMarginLoss) {}
/** `multilabelSoftMarginLoss` */
export class MultiLabelSoftMarginLoss extends /* @__PURE__ */ loss(multilabelSoftMarginLoss) {}
/** `softMarginLoss` */
export class SoftMarginLoss extends /* @__PURE__ */ loss(softMarginLoss) {}
/** `tripletMarginLoss` */
export class TripletMarginLoss extends /* @__PURE__ */ loss(tripletMarginLoss) {}
/** `tripletMarginWithDistanceLoss` */
export class TripletMarginWithDistanceLoss extends /* @__PURE__ */ loss(tripletMarginWithDistanceLoss) {}
/** `cosineSimilarity`; torch's axis is 1, here the last one unless said */
export class CosineSimilarity extends /* @__PURE__ */ loss(cosineSimilarity) {}
/** `pairwiseDistance` */
export class PairwiseDistance extends /* @__PURE__ */ loss(pairwiseDistance) {}

/** `ctcLoss` */
export class CTCLoss extends Module {
  readonly options: CTCOptions
  constructor(options: CTCOptions = {}) {
    super()
    this.options = options
  }
  /** @param logProbabilities [time, batch, classes]   @param targets integers [batch, longest]; lengths default to all */
  forward(
    logProbabilities: Tensor,
    targets: Tensor,
    inputLengths?: readonly number[] | Tensor,
    targetLengths?: readonly number[] | Tensor,
  ): Tensor {
    return ctcLoss(logProbabilities, targets, inputLengths, targetLengths, this.options)
  }
}

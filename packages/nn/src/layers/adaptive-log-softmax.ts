// A softmax over very many classes, of which few are frequent (Grave et al. 2017): the head knows the frequent ones and the clusters of the others, which
// get the narrower projections the rarer they are. torch.nn.AdaptiveLogSoftmaxWithLoss, with its keys.

import { CairnError, cat, ShapeError, type Tensor } from '@cairn/tensor'
import { Module } from '../module.ts'
import { ModuleList, Sequential } from './containers.ts'
import { Linear } from './linear.ts'

export interface AdaptiveLogSoftmaxOptions {
  /** each cluster's width is that of the one before, divided by this; default 4 */
  readonly divValue?: number
  /** default false */
  readonly headBias?: boolean
}

export class AdaptiveLogSoftmaxWithLoss extends Module {
  head: Linear
  tail: ModuleList<Sequential>
  /** where the head's own classes and each cluster end */
  readonly cutoffs: readonly number[]

  /** @param cutoffs ascending, between 0 and `classes`: frequent classes come first */
  constructor(
    inFeatures: number,
    classes: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxOptions = {},
  ) {
    super()
    const { divValue = 4, headBias = false } = options
    if (
      cutoffs.length === 0 ||
      cutoffs.some((c, i) => !Number.isInteger(c) || c <= (i ? cutoffs[i - 1] : 0) || c >= classes)
    )
      throw new CairnError(
        'AdaptiveLogSoftmaxWithLoss',
        'cutoffs must be whole numbers that ascend between 0 and the number of classes',
        { cutoffs, classes },
      )
    this.cutoffs = [...cutoffs, classes]
    this.head = new Linear(inFeatures, cutoffs[0] + cutoffs.length, { bias: headBias })
    const tails = cutoffs.map((low, i) => {
      const width = Math.floor(inFeatures / divValue ** (i + 1))
      return new Sequential(
        new Linear(inFeatures, width, { bias: false }),
        new Linear(width, this.cutoffs[i + 1] - low, { bias: false }),
      )
    })
    this.tail = new ModuleList(tails)
  }

  /**
   * @param x [batch, features]   @param target integers [batch]
   * @returns the log-probability of each target [batch], and the mean of their negatives
   */
  forward(x: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    if (x.ndim !== 2 || target.ndim !== 1 || target.shape[0] !== x.shape[0])
      throw new ShapeError('AdaptiveLogSoftmaxWithLoss', 'needs [batch, features] and targets [batch]', {
        x: [...x.shape],
        target: [...target.shape],
      })
    const picked = (rows: Tensor, at: Tensor): Tensor =>
      rows.gather(1, at.clamp(0, rows.shape[1] - 1).unsqueeze(1)).squeeze(1)
    const wanted = target.to('i32')
    const [short] = this.cutoffs
    const head = this.head.forward(x).logSoftmax(-1)
    let output = picked(head, wanted)
    this.#tails(x).forEach((scores, i) => {
      const low = this.cutoffs[i]
      const inside = wanted.ge(low).and(wanted.lt(this.cutoffs[i + 1]))
      output = picked(scores, wanted.sub(low))
        .add(head.select(1, short + i))
        .where(inside, output)
    })
    output = output.where(wanted.ge(0).and(wanted.lt(this.cutoffs[this.cutoffs.length - 1])), Number.NaN)
    return { output, loss: output.mean().neg() }
  }
  /** Log-probabilities of all classes: [batch, classes]. */
  logProb(x: Tensor): Tensor {
    const [short] = this.cutoffs
    const head = this.head.forward(x).logSoftmax(-1)
    const tails = this.#tails(x).map((scores, i) => scores.add(head.narrow(1, short + i, 1)))
    return cat([head.narrow(1, 0, short), ...tails], 1)
  }
  /** The most probable class: i32 [batch]. */
  predict(x: Tensor): Tensor {
    return this.logProb(x).argmax(-1)
  }

  /** Log-probabilities inside of each cluster. */
  #tails(x: Tensor): Tensor[] {
    return [...this.tail].map(layers => layers.forward(x).logSoftmax(-1))
  }
}

// What a loss does with the losses of its elements.

import { CairnError, type Tensor } from '@cairn/tensor'

export interface LossOptions {
  /** default 'mean' */
  readonly reduction?: 'mean' | 'sum' | 'none'
}

const reductions: readonly unknown[] = ['mean', 'sum', 'none', undefined]

/** @throws CairnError for a reduction that there is not, which would be taken for the mean */
export function checkReduction(reduction: LossOptions['reduction']): void {
  if (!reductions.includes(reduction))
    throw new CairnError('loss', `there is no reduction '${reduction}'; there are mean, sum and none`)
}

export function reduced(losses: Tensor, { reduction = 'mean' }: LossOptions): Tensor {
  checkReduction(reduction)
  return reduction === 'none' ? losses : reduction === 'sum' ? losses.sum() : losses.mean()
}

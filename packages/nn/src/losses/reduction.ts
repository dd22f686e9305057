// What a loss does with the losses of its elements.

import type { Tensor } from '@cairn/tensor'

export interface LossOptions {
  /** default 'mean' */
  readonly reduction?: 'mean' | 'sum' | 'none'
}

export function reduced(losses: Tensor, { reduction = 'mean' }: LossOptions): Tensor {
  return reduction === 'none' ? losses : reduction === 'sum' ? losses.sum() : losses.mean()
}

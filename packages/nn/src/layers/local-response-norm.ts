import type { Tensor } from '@cairn/tensor'
import { type LocalResponseOptions, localResponseNorm } from '../functional/norm.ts'
import { Module } from '../module.ts'

/** Divides by the squares of neighbouring channels (Krizhevsky et al. 2012). */
export class LocalResponseNorm extends Module {
  readonly count: number
  readonly options: LocalResponseOptions
  /** @param count channels that a channel's sum is over */
  constructor(count: number, options: LocalResponseOptions = {}) {
    super()
    this.count = count
    this.options = options
  }
  /** [batch, channels, ...] to the same shape */
  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.count, this.options)
  }
}

import { checkOptions, ShapeError, type Tensor } from '@cairn/tensor'
import { rmsNorm } from '../functional/norm.ts'
import { ones } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** Root mean square normalisation over the last axis (Zhang and Sennrich 2019). */
export class RMSNorm extends Module {
  /** [width] */
  weight: Tensor
  readonly eps: number

  constructor(width: number, options: { eps?: number } = {}) {
    super()
    checkOptions('RMSNorm', options, { eps: 0 })
    this.weight = parameter(ones([width]))
    this.eps = options.eps ?? 1e-6
  }

  forward(x: Tensor): Tensor {
    if (x.shape[x.ndim - 1] !== this.weight.size)
      throw new ShapeError('RMSNorm', `normalizes [..., ${this.weight.size}]`, { shape: [...x.shape] })
    return rmsNorm(x, this)
  }
}

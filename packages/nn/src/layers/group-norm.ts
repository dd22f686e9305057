import { CairnError, checkOptions, ShapeError, type Tensor } from '@cairn/tensor'
import { groupNorm } from '../functional/norm.ts'
import { ones, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** Group normalisation of [batch, channels, ...] (Wu and He 2018). */
export class GroupNorm extends Module {
  /** [channels], null without `affine` */
  weight: Tensor | null = null
  bias: Tensor | null = null
  readonly groups: number
  readonly eps: number

  constructor(groups: number, channels: number, options: { eps?: number; affine?: boolean } = {}) {
    super()
    checkOptions('GroupNorm', options, { eps: 0, affine: 0 })
    if (!(groups > 0) || channels % groups !== 0)
      throw new CairnError('GroupNorm', `${groups} groups do not divide ${channels} channels`)
    this.groups = groups
    this.eps = options.eps ?? 1e-5
    if (options.affine === false) return
    this.weight = parameter(ones([channels]))
    this.bias = parameter(zeros([channels]))
  }

  forward(x: Tensor): Tensor {
    if (x.ndim < 2 || x.shape[1] % this.groups !== 0 || (this.weight && x.shape[1] !== this.weight.size))
      throw new ShapeError('GroupNorm', `needs [batch, ${this.weight?.size ?? 'channels'}, ...]`, {
        shape: [...x.shape],
        groups: this.groups,
      })
    return groupNorm(x, this.groups, this)
  }
}

import { checkOptions, ShapeError, type Tensor } from '@cairn/tensor'
import { layerNorm } from '../functional/norm.ts'
import { ones, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

export interface LayerNormOptions {
  /** default 1e-5 */
  readonly eps?: number
  /** false: no weight and no bias */
  readonly elementwiseAffine?: boolean
  /** false: no bias */
  readonly bias?: boolean
}

/** Layer normalisation over the last axes (Ba et al. 2016). */
export class LayerNorm extends Module {
  weight: Tensor | null = null
  bias: Tensor | null = null
  readonly normalizedShape: readonly number[]
  readonly eps: number

  /** @param shape the sizes of the normalised axes, one number for the last */
  constructor(shape: number | readonly number[], options: LayerNormOptions = {}) {
    super()
    checkOptions('LayerNorm', options, { eps: 0, elementwiseAffine: 0, bias: 0 })
    this.normalizedShape = typeof shape === 'number' ? [shape] : shape
    this.eps = options.eps ?? 1e-5
    if (options.elementwiseAffine === false) return
    this.weight = parameter(ones(this.normalizedShape))
    if (options.bias !== false) this.bias = parameter(zeros(this.normalizedShape))
  }

  /** [..., shape] to the same shape */
  forward(x: Tensor): Tensor {
    const shape = this.normalizedShape
    if (shape.some((n, i) => n !== x.shape[x.ndim - shape.length + i]))
      throw new ShapeError('LayerNorm', `normalizes [..., ${shape.join(', ')}]`, { shape: [...x.shape] })
    return layerNorm(x, this.normalizedShape.length, this)
  }
}

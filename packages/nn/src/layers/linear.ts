import { checkOptions, type Tensor } from '@cairn/tensor'
import { checkSizes } from '../check.ts'
import { uniform } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** x W^T + b over the last axis. Starts as in torch: U(-1/sqrt(in), 1/sqrt(in)). */
export class Linear extends Module {
  /** [out, in] */
  weight: Tensor
  /** [out], or null */
  bias: Tensor | null

  constructor(inputs: number, outputs: number, options: { bias?: boolean } = {}) {
    super()
    checkSizes('Linear', { inputs, outputs })
    checkOptions('Linear', options, { bias: 0 })
    const bound = inputs > 0 ? 1 / Math.sqrt(inputs) : 0
    this.weight = parameter(uniform([outputs, inputs], -bound, bound))
    this.bias = options.bias === false ? null : parameter(uniform([outputs], -bound, bound))
  }

  /** [..., in] to [..., out] */
  forward(x: Tensor): Tensor {
    return x.linear(this.weight, this.bias ?? undefined)
  }
}

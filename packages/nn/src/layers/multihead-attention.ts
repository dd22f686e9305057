import { ShapeError, type Tensor } from '@cairn/tensor'
import { type AttentionOptions, scaledDotProductAttention } from '../functional/attention.ts'
import { xavierUniform, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'
import { Linear } from './linear.ts'

/** torch.nn.MultiheadAttention over [batch, positions, width], with its parameter names. */
export class MultiheadAttention extends Module {
  /** queries, keys and values one below the other: [3 * width, width] */
  in_proj_weight: Tensor
  in_proj_bias: Tensor | null
  out_proj: Linear
  readonly heads: number
  readonly dropout: number

  constructor(width: number, heads: number, options: { bias?: boolean; dropout?: number } = {}) {
    super()
    if (width % heads !== 0)
      throw new ShapeError('MultiheadAttention', `${heads} heads do not divide the width ${width}`)
    this.heads = heads
    this.dropout = options.dropout ?? 0
    this.in_proj_weight = parameter(xavierUniform([3 * width, width]))
    this.in_proj_bias = options.bias === false ? null : parameter(zeros([3 * width]))
    this.out_proj = new Linear(width, width, { bias: options.bias })
    this.out_proj.bias?.assign(zeros([width]))
  }

  /**
   * @param query [batch, queries, width]   @param key [batch, keys, width], default the query   @param value like key, default the key
   * @returns [batch, queries, width]
   */
  forward(query: Tensor, key: Tensor = query, value: Tensor = key, options: AttentionOptions = {}): Tensor {
    const [batch, queries, width] = query.shape
    const project = (x: Tensor, part: number): Tensor => {
      const weight = this.in_proj_weight.narrow(0, part * width, width)
      const bias = this.in_proj_bias?.narrow(0, part * width, width)
      return x
        .linear(weight, bias)
        .reshape([batch, x.shape[1], this.heads, width / this.heads])
        .permute([0, 2, 1, 3])
    }
    const mixed = scaledDotProductAttention(project(query, 0), project(key, 1), project(value, 2), {
      dropout: this.training ? this.dropout : 0,
      ...options,
    })
    return this.out_proj.forward(mixed.permute([0, 2, 1, 3]).reshape([batch, queries, width]))
  }
}

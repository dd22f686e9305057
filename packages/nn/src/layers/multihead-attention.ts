import { checkOptions, ShapeError, type Tensor } from '@cairn/tensor'
import { checkSizes } from '../check.ts'
import { type AttentionOptions, attentionWithWeights, scaledDotProductAttention } from '../functional/attention.ts'
import { xavierUniform, zeros } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'
import { Linear } from './linear.ts'

export interface MultiheadAttentionOptions {
  /** default true */
  readonly bias?: boolean
  /** probability with which a weight is dropped in training */
  readonly dropout?: number
  /** heads of keys and values, each shared by heads / kvHeads query heads (Ainslie et al. 2023); default: as many as heads */
  readonly kvHeads?: number
  /** width of the keys that come in, default the width */
  readonly keyWidth?: number
  /** width of the values that come in, default the width */
  readonly valueWidth?: number
}

/**
 * torch.nn.MultiheadAttention over [batch, positions, width] (batch first), with its parameter names. With keys or values of another width
 * there are three projections, as in torch: q_proj_weight, k_proj_weight, v_proj_weight.
 */
export class MultiheadAttention extends Module {
  /** queries, keys and values one below the other: [width + 2 * kvHeads * headWidth, width] */
  in_proj_weight: Tensor | null = null
  q_proj_weight: Tensor | null = null
  k_proj_weight: Tensor | null = null
  v_proj_weight: Tensor | null = null
  in_proj_bias: Tensor | null
  out_proj: Linear
  readonly heads: number
  readonly kvHeads: number
  readonly headWidth: number
  readonly dropout: number

  constructor(width: number, heads: number, options: MultiheadAttentionOptions = {}) {
    super()
    checkSizes('MultiheadAttention', { width, heads })
    checkOptions('MultiheadAttention', options, { bias: 0, dropout: 0, kvHeads: 0, keyWidth: 0, valueWidth: 0 })
    if (width % heads !== 0)
      throw new ShapeError('MultiheadAttention', `${heads} heads do not divide the width ${width}`)
    const { kvHeads = heads, keyWidth = width, valueWidth = width } = options
    if (heads % kvHeads !== 0)
      throw new ShapeError('MultiheadAttention', `${heads} heads do not share ${kvHeads} key heads evenly`)
    this.heads = heads
    this.kvHeads = kvHeads
    this.headWidth = width / heads
    this.dropout = options.dropout ?? 0
    const inner = kvHeads * this.headWidth
    if (keyWidth === width && valueWidth === width)
      this.in_proj_weight = parameter(xavierUniform([width + 2 * inner, width]))
    else {
      this.q_proj_weight = parameter(xavierUniform([width, width]))
      this.k_proj_weight = parameter(xavierUniform([inner, keyWidth]))
      this.v_proj_weight = parameter(xavierUniform([inner, valueWidth]))
    }
    this.in_proj_bias = options.bias === false ? null : parameter(zeros([width + 2 * inner]))
    this.out_proj = new Linear(width, width, { bias: options.bias })
    this.out_proj.bias?.assign(zeros([width]))
  }

  /**
   * @param query [batch, queries, width]   @param key [batch, keys, width], default the query   @param value like key, default the key
   * @returns [batch, queries, width]
   */
  forward(query: Tensor, key: Tensor = query, value: Tensor = key, options: AttentionOptions = {}): Tensor {
    const { q, k, v } = this.#project(query, key, value)
    return this.#join(scaledDotProductAttention(q, k, v, this.#options(options)))
  }

  /** Also the attention weights [batch, heads, queries, keys], which are in memory then. */
  forwardWithWeights(
    query: Tensor,
    key: Tensor = query,
    value: Tensor = key,
    options: AttentionOptions = {},
  ): { output: Tensor; weights: Tensor } {
    const { q, k, v } = this.#project(query, key, value)
    const { output, weights } = attentionWithWeights(q, k, v, this.#options(options))
    return { output: this.#join(output), weights }
  }

  #options(given: AttentionOptions): AttentionOptions {
    return { dropout: this.training ? this.dropout : 0, ...given }
  }

  #project(query: Tensor, key: Tensor, value: Tensor): { q: Tensor; k: Tensor; v: Tensor } {
    const [width, inner] = [this.heads * this.headWidth, this.kvHeads * this.headWidth]
    for (const x of [query, key, value])
      if (x.ndim !== 3)
        throw new ShapeError(
          'MultiheadAttention',
          'needs [batch, positions, width]; use unsqueeze(0) for one example',
          {
            shape: [...x.shape],
          },
        )
    const parts = [
      { x: query, at: 0, size: width, heads: this.heads, weight: this.q_proj_weight },
      { x: key, at: width, size: inner, heads: this.kvHeads, weight: this.k_proj_weight },
      { x: value, at: width + inner, size: inner, heads: this.kvHeads, weight: this.v_proj_weight },
    ]
    const [q, k, v] = parts.map(({ x, at, size, heads, weight }) =>
      x
        .linear(weight ?? this.in_proj_weight!.narrow(0, at, size), this.in_proj_bias?.narrow(0, at, size))
        .reshape([x.shape[0], x.shape[1], heads, this.headWidth])
        .permute([0, 2, 1, 3]),
    )
    return { q, k, v }
  }

  #join(mixed: Tensor): Tensor {
    const [batch, heads, queries, width] = mixed.shape
    return this.out_proj.forward(mixed.permute([0, 2, 1, 3]).reshape([batch, queries, heads * width]))
  }
}

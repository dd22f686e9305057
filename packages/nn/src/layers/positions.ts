// Positions as modules; the formulas are in functional/positions.ts and functional/rotary.ts.

import { CairnError, type DeviceName, type Tensor, tensor } from '@cairn/tensor'
import { type RelativeBucketOptions, relativeBuckets, sinusoidalPositions } from '../functional/positions.ts'
import { type RotaryStyle, rotaryFrequencies, rotate, rotationAt } from '../functional/rotary.ts'
import { normal } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'
import { Embedding } from './embedding.ts'

function checkLength(name: string, length: number, most: number): void {
  if (length > most) throw new CairnError(name, `${length} positions, there are ${most}; make it longer`)
}

/** Adds sines and cosines of positions (Vaswani et al. 2017). They are no part of the state dict. */
export class SinusoidalPositions extends Module {
  readonly #table: Tensor
  readonly count: number
  constructor(count: number, width: number, options: { theta?: number } = {}) {
    super()
    this.count = count
    this.#table = sinusoidalPositions(count, width, options)
  }
  /** @param x [..., positions, width] */
  forward(x: Tensor, start = 0): Tensor {
    const length = x.shape[x.ndim - 2]
    checkLength('SinusoidalPositions', start + length, this.count)
    const rows = this.#table.narrow(0, start, length)
    return x.add((rows.device === x.device ? rows : rows.to(x.device as DeviceName)).to(x.dtype))
  }
}

/** Adds a vector for each position, which learns. */
export class LearnedPositions extends Module {
  /** [count, width], starts as N(0, 0.02^2) */
  weight: Tensor
  constructor(count: number, width: number) {
    super()
    this.weight = parameter(normal([count, width], 0, 0.02))
  }
  /** @param x [..., positions, width] */
  forward(x: Tensor, start = 0): Tensor {
    const length = x.shape[x.ndim - 2]
    checkLength('LearnedPositions', start + length, this.weight.shape[0])
    return x.add(this.weight.narrow(0, start, length))
  }
}

/** Turns the pairs of queries or keys [batch, heads, positions, width] (Su et al. 2021); see `rope`. */
export class RotaryEmbedding extends Module {
  readonly width: number
  readonly theta: number
  readonly style: RotaryStyle
  constructor(width: number, options: { theta?: number; style?: RotaryStyle } = {}) {
    super()
    this.width = width
    this.theta = options.theta ?? 10_000
    this.style = options.style ?? 'half'
  }
  /** @param positions integers [positions] or [batch, positions]; 0, 1, 2 ... by default */
  forward(x: Tensor, positions?: Tensor): Tensor {
    const device = x.device as DeviceName
    const at =
      positions ??
      tensor(
        Int32Array.from({ length: x.shape[x.ndim - 2] }, (_, i) => i),
        [x.shape[x.ndim - 2]],
        { device },
      )
    return rotate(x, rotationAt(at, rotaryFrequencies(this.width, { theta: this.theta, device })), this.style)
  }
}

/** T5's relative positions: a number for each head and bucket of distances, added to the scores (`mask` of attention). */
export class RelativePositionBias extends Module {
  /** [buckets, heads]; key `relative_attention_bias.weight`, as in T5's checkpoints */
  relative_attention_bias: Embedding
  readonly options: RelativeBucketOptions
  constructor(heads: number, options: RelativeBucketOptions = {}) {
    super()
    this.options = options
    this.relative_attention_bias = new Embedding(options.buckets ?? 32, heads)
  }
  /** @returns [1, heads, queries, keys]; the last query stands at the last key */
  forward(queries: number, keys: number = queries): Tensor {
    const device = this.relative_attention_bias.weight.device as DeviceName
    const buckets = tensor(relativeBuckets(queries, keys, this.options), [queries, keys], { device })
    return this.relative_attention_bias.forward(buckets).permute([2, 0, 1]).unsqueeze(0)
  }
}

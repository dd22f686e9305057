// The layers of "Attention Is All You Need" (Vaswani et al. 2017) with torch's names and defaults, batch first. `normFirst` puts the norms before
// attention and feed-forward (Xiong et al. 2020).

import { CairnError, checkOptions, type Tensor } from '@cairn/tensor'
import type { AttentionOptions } from '../functional/attention.ts'
import { xavierUniform } from '../init.ts'
import { Module } from '../module.ts'
import { ModuleList } from './containers.ts'
import { Dropout } from './dropout.ts'
import { LayerNorm } from './layer-norm.ts'
import { Linear } from './linear.ts'
import { MultiheadAttention } from './multihead-attention.ts'

export interface TransformerLayerOptions {
  /** width inside of the feed-forward part, default 2048 */
  readonly feedForward?: number
  /** default 0.1 */
  readonly dropout?: number
  /** default relu */
  readonly activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor)
  /** norms before the parts instead of after the sums */
  readonly normFirst?: boolean
  /** of the norms, default 1e-5 */
  readonly eps?: number
  /** false: linear layers and norms without a bias */
  readonly bias?: boolean
}

const activations = { relu: (x: Tensor) => x.relu(), gelu: (x: Tensor) => x.gelu() }

function activationOf(name: string, options: TransformerLayerOptions): (x: Tensor) => Tensor {
  checkOptions(name, options, { feedForward: 0, dropout: 0, activation: 0, normFirst: 0, eps: 0, bias: 0 })
  const { activation = 'relu' } = options
  if (typeof activation === 'function') return activation
  if (!Object.hasOwn(activations, activation))
    throw new CairnError(name, `there is no activation '${activation}'; give 'relu', 'gelu' or a function of a tensor`)
  return activations[activation]
}

/** torch.nn.TransformerEncoderLayer: self-attention, then a feed-forward part. */
export class TransformerEncoderLayer extends Module {
  self_attn: MultiheadAttention
  linear1: Linear
  dropout: Dropout
  linear2: Linear
  norm1: LayerNorm
  norm2: LayerNorm
  dropout1: Dropout
  dropout2: Dropout
  readonly normFirst: boolean
  readonly activation: (x: Tensor) => Tensor

  constructor(width: number, heads: number, options: TransformerLayerOptions = {}) {
    super()
    const { feedForward = 2048, dropout = 0.1, eps = 1e-5, bias = true } = options
    this.normFirst = options.normFirst ?? false
    this.activation = activationOf('TransformerEncoderLayer', options)
    this.self_attn = new MultiheadAttention(width, heads, { dropout, bias })
    this.linear1 = new Linear(width, feedForward, { bias })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(feedForward, width, { bias })
    this.norm1 = new LayerNorm(width, { eps, bias })
    this.norm2 = new LayerNorm(width, { eps, bias })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
  }

  /** @param x [batch, positions, width]   @param options what a position sees: `causal`, `mask`, `lengths` ... */
  forward(x: Tensor, options: AttentionOptions = {}): Tensor {
    const attend = (y: Tensor) => this.dropout1.forward(this.self_attn.forward(y, y, y, options))
    if (this.normFirst) {
      const mixed = x.add(attend(this.norm1.forward(x)))
      return mixed.add(this.#feed(this.norm2.forward(mixed)))
    }
    const mixed = this.norm1.forward(x.add(attend(x)))
    return this.norm2.forward(mixed.add(this.#feed(mixed)))
  }

  #feed(x: Tensor): Tensor {
    const inner = this.dropout.forward(this.activation(this.linear1.forward(x)))
    return this.dropout2.forward(this.linear2.forward(inner))
  }
}

/** torch.nn.TransformerDecoderLayer: self-attention, attention over the encoder's result, a feed-forward part. */
export class TransformerDecoderLayer extends Module {
  self_attn: MultiheadAttention
  multihead_attn: MultiheadAttention
  linear1: Linear
  dropout: Dropout
  linear2: Linear
  norm1: LayerNorm
  norm2: LayerNorm
  norm3: LayerNorm
  dropout1: Dropout
  dropout2: Dropout
  dropout3: Dropout
  readonly normFirst: boolean
  readonly activation: (x: Tensor) => Tensor

  constructor(width: number, heads: number, options: TransformerLayerOptions = {}) {
    super()
    const { feedForward = 2048, dropout = 0.1, eps = 1e-5, bias = true } = options
    this.normFirst = options.normFirst ?? false
    this.activation = activationOf('TransformerDecoderLayer', options)
    this.self_attn = new MultiheadAttention(width, heads, { dropout, bias })
    this.multihead_attn = new MultiheadAttention(width, heads, { dropout, bias })
    this.linear1 = new Linear(width, feedForward, { bias })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(feedForward, width, { bias })
    this.norm1 = new LayerNorm(width, { eps, bias })
    this.norm2 = new LayerNorm(width, { eps, bias })
    this.norm3 = new LayerNorm(width, { eps, bias })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.dropout3 = new Dropout(dropout)
  }

  /**
   * @param x [batch, positions, width]   @param memory [batch, keys, width], the encoder's result
   * @param options what a position sees of x (mostly `{ causal: true }`)   @param memoryOptions and of the memory
   */
  forward(x: Tensor, memory: Tensor, options: AttentionOptions = {}, memoryOptions: AttentionOptions = {}): Tensor {
    const attend = (y: Tensor) => this.dropout1.forward(this.self_attn.forward(y, y, y, options))
    const look = (y: Tensor) => this.dropout2.forward(this.multihead_attn.forward(y, memory, memory, memoryOptions))
    if (this.normFirst) {
      const mixed = x.add(attend(this.norm1.forward(x)))
      const seen = mixed.add(look(this.norm2.forward(mixed)))
      return seen.add(this.#feed(this.norm3.forward(seen)))
    }
    const mixed = this.norm1.forward(x.add(attend(x)))
    const seen = this.norm2.forward(mixed.add(look(mixed)))
    return this.norm3.forward(seen.add(this.#feed(seen)))
  }

  #feed(x: Tensor): Tensor {
    const inner = this.dropout.forward(this.activation(this.linear1.forward(x)))
    return this.dropout3.forward(this.linear2.forward(inner))
  }
}

const stacked = <L extends Module>(count: number, make: (position: number) => L): ModuleList<L> =>
  new ModuleList(Array.from({ length: count }, (_, i) => make(i)))

/** torch.nn.TransformerEncoder: layers one after the other. */
export class TransformerEncoder extends Module {
  layers: ModuleList<TransformerEncoderLayer>
  norm: LayerNorm | null
  /** @param make gives the layer of a position: each starts with values of its own   @param options.norm after the last layer */
  constructor(
    make: (position: number) => TransformerEncoderLayer,
    count: number,
    options: { norm?: LayerNorm | null } = {},
  ) {
    super()
    this.layers = stacked(count, make)
    this.norm = options.norm ?? null
  }
  /** @param x [batch, positions, width] */
  forward(x: Tensor, options: AttentionOptions = {}): Tensor {
    let y = x
    for (const layer of this.layers) y = layer.forward(y, options)
    return this.norm ? this.norm.forward(y) : y
  }
}

/** torch.nn.TransformerDecoder: layers one after the other. */
export class TransformerDecoder extends Module {
  layers: ModuleList<TransformerDecoderLayer>
  norm: LayerNorm | null
  /** @param make gives the layer of a position: each starts with values of its own   @param options.norm after the last layer */
  constructor(
    make: (position: number) => TransformerDecoderLayer,
    count: number,
    options: { norm?: LayerNorm | null } = {},
  ) {
    super()
    this.layers = stacked(count, make)
    this.norm = options.norm ?? null
  }
  /** @param x [batch, positions, width]   @param memory [batch, keys, width] */
  forward(x: Tensor, memory: Tensor, options: AttentionOptions = {}, memoryOptions: AttentionOptions = {}): Tensor {
    let y = x
    for (const layer of this.layers) y = layer.forward(y, memory, options, memoryOptions)
    return this.norm ? this.norm.forward(y) : y
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** default 512 */
  readonly width?: number
  /** default 8 */
  readonly heads?: number
  /** default 6 */
  readonly encoderLayers?: number
  /** default 6 */
  readonly decoderLayers?: number
}

/** torch.nn.Transformer: encoder and decoder, matrices started by Xavier. */
export class Transformer extends Module {
  encoder: TransformerEncoder
  decoder: TransformerDecoder
  constructor(options: TransformerOptions = {}) {
    super()
    const { width = 512, heads = 8, encoderLayers = 6, decoderLayers = 6, ...layer } = options
    const { eps = 1e-5, bias = true } = layer
    const norm = () => new LayerNorm(width, { eps, bias })
    this.encoder = new TransformerEncoder(() => new TransformerEncoderLayer(width, heads, layer), encoderLayers, {
      norm: norm(),
    })
    this.decoder = new TransformerDecoder(() => new TransformerDecoderLayer(width, heads, layer), decoderLayers, {
      norm: norm(),
    })
    for (const p of this.parameters()) if (p.ndim > 1) p.assign(xavierUniform(p.shape))
  }
  /**
   * @param source [batch, keys, width]   @param target [batch, positions, width]
   * @param options what positions see: of the source among themselves, of the target (mostly `{ causal: true }`), and of the encoder's result
   */
  forward(
    source: Tensor,
    target: Tensor,
    options: { source?: AttentionOptions; target?: AttentionOptions; memory?: AttentionOptions } = {},
  ): Tensor {
    const memory = this.encoder.forward(source, options.source)
    return this.decoder.forward(target, memory, options.target, options.memory)
  }
}

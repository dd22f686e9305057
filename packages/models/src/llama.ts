// Llama (Touvron et al. 2023) with grouped heads (Llama 2 and 3, Mistral's shape, TinyLlama ...), the form of Hugging Face's
// LlamaForCausalLM. In the order of the forward pass; B texts, T positions, C features, H heads, D features of a head.

import {
  Embedding,
  Linear,
  Module,
  RMSNorm,
  type Rotation,
  rotaryFrequencies,
  rotate,
  rotationAt,
  scaledDotProductAttention,
  withoutInit,
} from '@cairn/nn'
import { arange, checkpoint, type DeviceName, ShapeError, type Tensor } from '@cairn/tensor'
import type { CausalLM, ForwardOptions } from './causal-lm.ts'
import { KVCache } from './kv-cache.ts'
import {
  type ConfigReader,
  exportFiles,
  giveWeights,
  type Json,
  type ModelSource,
  type PretrainedOptions,
  readConfig,
  readWeights,
  writeFiles,
} from './pretrained.ts'

export interface LlamaConfig {
  readonly vocabSize: number
  /** most positions the model was made for */
  readonly contextLength: number
  readonly width: number
  /** width inside of the MLP */
  readonly innerWidth: number
  readonly layers: number
  readonly heads: number
  /** heads of keys and values, default `heads` */
  readonly kvHeads?: number
  /** features of a head, default width / heads */
  readonly headWidth?: number
  /** default 1e-6 */
  readonly normEps?: number
  /** base of the rotary frequencies, default 10,000 */
  readonly ropeTheta?: number
  /** the output matrix is the embedding, default false */
  readonly tied?: boolean
  /** biases in the attention's projections, default false */
  readonly attentionBias?: boolean
  readonly mlpBias?: boolean
  readonly bosTokenId?: number
  readonly eosTokenIds?: readonly number[]
}
type Complete = Required<Omit<LlamaConfig, 'bosTokenId'>> & Pick<LlamaConfig, 'bosTokenId'>

const complete = (c: LlamaConfig): Complete => ({
  kvHeads: c.heads,
  headWidth: c.width / c.heads,
  normEps: 1e-6,
  ropeTheta: 10_000,
  tied: false,
  attentionBias: false,
  mlpBias: false,
  eosTokenIds: [],
  ...c,
})

export class Llama extends Module implements CausalLM {
  readonly config: Complete
  model: Decoder
  /** null when tied to the embedding */
  lm_head: Linear | null

  constructor(config: LlamaConfig) {
    super()
    this.config = complete(config)
    const { width, heads, kvHeads, headWidth, vocabSize, tied } = this.config
    if (!Number.isInteger(headWidth)) throw new ShapeError('Llama', `${heads} heads do not divide the width ${width}`)
    if (heads % kvHeads !== 0) throw new ShapeError('Llama', `${heads} heads do not share ${kvHeads} key heads evenly`)
    this.model = new Decoder(this.config)
    this.lm_head = tied ? null : new Linear(width, vocabSize, { bias: false })
  }

  /** [B, T] -> [B, T, vocab] */
  forward(ids: Tensor, options?: ForwardOptions): Tensor {
    return this.logits(this.hidden(ids, options))
  }
  hidden(ids: Tensor, options: ForwardOptions = {}): Tensor {
    return this.model.forward(ids, options)
  }
  logits(hidden: Tensor): Tensor {
    return hidden.linear(this.lm_head ? this.lm_head.weight : this.model.embed_tokens.weight)
  }

  createCache(batch: number, capacity: number): KVCache {
    const { layers, kvHeads: heads, headWidth: width } = this.config
    const { dtype, device } = this.model.embed_tokens.weight
    return new KVCache({ layers, batch, heads, width, capacity, dtype, device: device as DeviceName })
  }

  /** Loads a model in the Hugging Face layout. */
  static async fromPretrained(source: ModelSource, options: PretrainedOptions = {}): Promise<Llama> {
    const config = configFrom(await readConfig(source))
    return Llama.fromWeights(config, await readWeights(source), options)
  }

  /** A model of weights under their public names. */
  static fromWeights(
    config: LlamaConfig,
    weights: ReadonlyMap<string, Tensor>,
    options: PretrainedOptions = {},
  ): Promise<Llama> {
    const model = withoutInit(() => new Llama(config))
    const kept = new Map(weights)
    if (model.config.tied) kept.delete('lm_head.weight')
    for (const name of kept.keys()) if (name.endsWith('.rotary_emb.inv_freq')) kept.delete(name)
    return giveWeights(model, kept, options)
  }

  /** config.json and model.safetensors as they are now, as Hugging Face's transformers read them. */
  files(): Promise<Map<string, Uint8Array>> {
    return exportFiles(configTo(this.config), this.stateDict())
  }
  /** Writes `files()` to a folder. */
  async save(folder: string): Promise<void> {
    await writeFiles(folder, await this.files())
  }
}

class Decoder extends Module {
  embed_tokens: Embedding
  layers: DecoderLayer[]
  norm: RMSNorm
  readonly #frequencies: Tensor

  constructor(config: Complete) {
    super()
    const { vocabSize, width, layers, normEps: eps, headWidth, ropeTheta: theta } = config
    this.embed_tokens = new Embedding(vocabSize, width)
    this.layers = Array.from({ length: layers }, () => new DecoderLayer(config))
    this.norm = new RMSNorm(width, { eps })
    this.#frequencies = rotaryFrequencies(headWidth, { theta })
  }

  forward(ids: Tensor, { cache, checkpoint: saving }: ForwardOptions): Tensor {
    if (ids.ndim !== 2) throw new ShapeError('Llama', 'ids need the axes [batch, positions]', { shape: [...ids.shape] })
    const [, T] = ids.shape
    const positions = cache ? cache.next(T) : arange(0, T, 1, { device: ids.device as DeviceName }) // [T]
    const rotation = rotationAt(positions, this.#frequencies) // cos and sin [T, D / 2]
    let x = this.embed_tokens.forward(ids) // [B, T, C]
    this.layers.forEach((layer, i) => {
      const run = (x: Tensor) => layer.forward(x, i, rotation, positions, cache)
      x = saving && !cache ? checkpoint(run, x) : run(x)
    })
    return this.norm.forward(x) // [B, T, C]
  }
}

class DecoderLayer extends Module {
  input_layernorm: RMSNorm
  self_attn: Attention
  post_attention_layernorm: RMSNorm
  mlp: MLP

  constructor(config: Complete) {
    super()
    const { width, normEps: eps } = config
    this.input_layernorm = new RMSNorm(width, { eps })
    this.self_attn = new Attention(config)
    this.post_attention_layernorm = new RMSNorm(width, { eps })
    this.mlp = new MLP(config)
  }

  forward(x: Tensor, layer: number, rotation: Rotation, positions: Tensor, cache?: KVCache): Tensor {
    x = x.add(this.self_attn.forward(this.input_layernorm.forward(x), layer, rotation, positions, cache))
    return x.add(this.mlp.forward(this.post_attention_layernorm.forward(x)))
  }
}

class Attention extends Module {
  q_proj: Linear
  k_proj: Linear
  v_proj: Linear
  o_proj: Linear
  readonly #headWidth: number

  constructor({ width, heads, kvHeads, headWidth, attentionBias: bias }: Complete) {
    super()
    this.q_proj = new Linear(width, heads * headWidth, { bias })
    this.k_proj = new Linear(width, kvHeads * headWidth, { bias })
    this.v_proj = new Linear(width, kvHeads * headWidth, { bias })
    this.o_proj = new Linear(heads * headWidth, width, { bias })
    this.#headWidth = headWidth
  }

  forward(x: Tensor, layer: number, rotation: Rotation, positions: Tensor, cache?: KVCache): Tensor {
    const [B, T] = x.shape
    const D = this.#headWidth
    const heads = (y: Tensor): Tensor => y.reshape([B, T, y.shape[2] / D, D]).permute([0, 2, 1, 3]) // [B, H, T, D]
    const q = rotate(heads(this.q_proj.forward(x)), rotation)
    const k = rotate(heads(this.k_proj.forward(x)), rotation)
    const v = heads(this.v_proj.forward(x))
    const past = cache ? cache.write(layer, k, v, positions) : { k, v }
    const mixed = scaledDotProductAttention(q, past.k, past.v, { causal: true, positions }) // [B, H, T, D]
    return this.o_proj.forward(mixed.permute([0, 2, 1, 3]).flatten(2)) // [B, T, C]
  }
}

/** SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)). */
class MLP extends Module {
  gate_proj: Linear
  up_proj: Linear
  down_proj: Linear

  constructor({ width, innerWidth, mlpBias: bias }: Complete) {
    super()
    this.gate_proj = new Linear(width, innerWidth, { bias })
    this.up_proj = new Linear(width, innerWidth, { bias })
    this.down_proj = new Linear(innerWidth, width, { bias })
  }

  forward(x: Tensor): Tensor {
    return this.down_proj.forward(this.gate_proj.forward(x).silu().mul(this.up_proj.forward(x)))
  }
}

function configFrom(read: ConfigReader): LlamaConfig {
  read.oneOf('model_type', ['llama'], 'llama')
  read.oneOf('hidden_act', ['silu'], 'silu')
  read.absent('rope_scaling')
  const [width, heads] = [read.size('hidden_size'), read.size('num_attention_heads')]
  const [bosTokenId] = read.ids('bos_token_id')
  return {
    vocabSize: read.size('vocab_size'),
    contextLength: read.size('max_position_embeddings', 2048),
    width,
    innerWidth: read.size('intermediate_size'),
    layers: read.size('num_hidden_layers'),
    heads,
    kvHeads: read.size('num_key_value_heads', heads),
    headWidth: read.size('head_dim', width / heads),
    normEps: read.number('rms_norm_eps', 1e-6),
    ropeTheta: read.number('rope_theta', 10_000),
    tied: read.flag('tie_word_embeddings', false),
    attentionBias: read.flag('attention_bias', false),
    mlpBias: read.flag('mlp_bias', false),
    bosTokenId,
    eosTokenIds: read.ids('eos_token_id'),
  }
}

const configTo = (c: Complete): Json => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  vocab_size: c.vocabSize,
  max_position_embeddings: c.contextLength,
  hidden_size: c.width,
  intermediate_size: c.innerWidth,
  num_hidden_layers: c.layers,
  num_attention_heads: c.heads,
  num_key_value_heads: c.kvHeads,
  head_dim: c.headWidth,
  rms_norm_eps: c.normEps,
  rope_theta: c.ropeTheta,
  tie_word_embeddings: c.tied,
  attention_bias: c.attentionBias,
  mlp_bias: c.mlpBias,
  ...(c.bosTokenId !== undefined && { bos_token_id: c.bosTokenId }),
  ...(c.eosTokenIds.length && { eos_token_id: c.eosTokenIds.length === 1 ? c.eosTokenIds[0] : c.eosTokenIds }),
})

// GPT-2 (Radford et al. 2019, "Language models are unsupervised multitask learners"), the form of Hugging Face's GPT2LMHeadModel, of which
// nanoGPT and minGPT are variants. In the order of the forward pass; B texts, T positions, C features, H heads.

import {
  type AttentionOptions,
  Dropout,
  Embedding,
  init,
  LayerNorm,
  Linear,
  Module,
  parameter,
  scaledDotProductAttention,
  withoutInit,
} from '@cairn/nn'
import { checkpoint, type DeviceName, ShapeError, type Tensor } from '@cairn/tensor'
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

export interface GPT2Config {
  readonly vocabSize: number
  /** most positions */
  readonly contextLength: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  /** width inside of the MLP, default 4 * width */
  readonly innerWidth?: number
  /** default 'geluTanh', GPT-2's approximation */
  readonly activation?: 'geluTanh' | 'gelu' | 'relu'
  /** default 1e-5 */
  readonly normEps?: number
  /** probability of dropping, at all three places; default 0 */
  readonly dropout?: number
  /** biases in linear layers and norms, default true */
  readonly bias?: boolean
  /** the output matrix is the embedding, default true */
  readonly tied?: boolean
  readonly eosTokenIds?: readonly number[]
}
type Complete = Required<GPT2Config>

const complete = (c: GPT2Config): Complete => ({
  innerWidth: 4 * c.width,
  activation: 'geluTanh',
  normEps: 1e-5,
  dropout: 0,
  bias: true,
  tied: true,
  eosTokenIds: [],
  ...c,
})

export class GPT2 extends Module implements CausalLM {
  readonly config: Complete
  transformer: Transformer
  /** null when tied to the embedding */
  lm_head: Linear | null

  constructor(config: GPT2Config) {
    super()
    this.config = complete(config)
    const { width, heads, vocabSize, tied } = this.config
    if (width % heads !== 0) throw new ShapeError('GPT2', `${heads} heads do not divide the width ${width}`)
    this.transformer = new Transformer(this.config)
    this.lm_head = tied ? null : head(width, vocabSize)
  }

  /** [B, T] -> [B, T, vocab] */
  forward(ids: Tensor, options?: ForwardOptions): Tensor {
    return this.logits(this.hidden(ids, options))
  }
  hidden(ids: Tensor, options: ForwardOptions = {}): Tensor {
    return this.transformer.forward(ids, options)
  }
  logits(hidden: Tensor): Tensor {
    return hidden.linear(this.lm_head ? this.lm_head.weight : this.transformer.wte.weight)
  }

  createCache(batch: number, capacity: number): KVCache {
    const { layers, heads, width } = this.config
    const { dtype, device } = this.transformer.wte.weight
    return new KVCache({ layers, batch, heads, width: width / heads, capacity, dtype, device: device as DeviceName })
  }

  /** Loads a model in the Hugging Face layout, or with the weights of nanoGPT or minGPT, whose linear layers are the other way round. */
  static async fromPretrained(source: ModelSource, options: PretrainedOptions = {}): Promise<GPT2> {
    const config = configFrom(await readConfig(source))
    return GPT2.fromWeights(config, await readWeights(source), options)
  }

  /** A model of weights under their public names. */
  static fromWeights(
    config: GPT2Config,
    weights: ReadonlyMap<string, Tensor>,
    options: PretrainedOptions = {},
  ): Promise<GPT2> {
    const model = withoutInit(() => new GPT2(config))
    return giveWeights(model, publicWeights(weights, model.config), options)
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

class Transformer extends Module {
  wte: Embedding
  wpe: Embedding
  drop: Dropout
  h: Block[]
  ln_f: LayerNorm
  readonly #contextLength: number

  constructor(config: Complete) {
    super()
    const { vocabSize, contextLength, width, layers, normEps, bias } = config
    this.#contextLength = contextLength
    this.wte = embedding(vocabSize, width)
    this.wpe = embedding(contextLength, width)
    this.drop = new Dropout(config.dropout)
    this.h = Array.from({ length: layers }, () => new Block(config))
    this.ln_f = new LayerNorm(width, { eps: normEps, bias })
  }

  forward(ids: Tensor, { cache, checkpoint: saving }: ForwardOptions): Tensor {
    const [, T] = ids.shape
    if (ids.ndim !== 2) throw new ShapeError('GPT2', 'ids need the axes [batch, positions]', { shape: [...ids.shape] })
    const end = (cache?.length ?? 0) + T
    if (end > this.#contextLength)
      throw new ShapeError('GPT2', `${end} positions are more than the context`, { contextLength: this.#contextLength })
    const positions = cache?.next(T)
    const tokens = this.wte.forward(ids) // [B, T, C]
    const places = positions ? this.wpe.forward(positions) : this.wpe.weight.narrow(0, 0, T) // [T, C]
    let x = this.drop.forward(tokens.add(places))
    this.h.forEach((block, layer) => {
      const run = (x: Tensor) => block.forward(x, layer, cache, positions)
      x = saving && !cache ? checkpoint(run, x) : run(x)
    })
    return this.ln_f.forward(x) // [B, T, C]
  }
}

class Block extends Module {
  ln_1: LayerNorm
  attn: Attention
  ln_2: LayerNorm
  mlp: MLP

  constructor(config: Complete) {
    super()
    const { width, normEps: eps, bias } = config
    this.ln_1 = new LayerNorm(width, { eps, bias })
    this.attn = new Attention(config)
    this.ln_2 = new LayerNorm(width, { eps, bias })
    this.mlp = new MLP(config)
  }

  forward(x: Tensor, layer: number, cache?: KVCache, positions?: Tensor): Tensor {
    x = x.add(this.attn.forward(this.ln_1.forward(x), layer, cache, positions))
    return x.add(this.mlp.forward(this.ln_2.forward(x)))
  }
}

class Attention extends Module {
  c_attn: Conv1D
  c_proj: Conv1D
  resid_dropout: Dropout
  readonly #heads: number
  readonly #dropout: number

  constructor({ width, heads, layers, bias, dropout }: Complete) {
    super()
    this.c_attn = new Conv1D(width, 3 * width, bias)
    this.c_proj = new Conv1D(width, width, bias, layers)
    this.resid_dropout = new Dropout(dropout)
    this.#heads = heads
    this.#dropout = dropout
  }

  forward(x: Tensor, layer: number, cache?: KVCache, positions?: Tensor): Tensor {
    const [B, T, C] = x.shape
    const H = this.#heads
    const heads = this.c_attn
      .forward(x)
      .reshape([B, T, 3, H, C / H])
      .permute([2, 0, 3, 1, 4]) // [3, B, H, T, C / H]
    const [q, k, v] = heads.unbind(0)
    const dropout = this.training ? this.#dropout : 0
    const options: AttentionOptions = { causal: true, positions, dropout }
    const past = cache && positions ? cache.write(layer, k, v, positions) : { k, v }
    const mixed = scaledDotProductAttention(q, past.k, past.v, options) // [B, H, T, C / H]
    return this.resid_dropout.forward(this.c_proj.forward(mixed.permute([0, 2, 1, 3]).reshape([B, T, C])))
  }
}

class MLP extends Module {
  c_fc: Conv1D
  c_proj: Conv1D
  dropout: Dropout
  readonly #activation: Complete['activation']

  constructor({ width, innerWidth, layers, bias, dropout, activation }: Complete) {
    super()
    this.c_fc = new Conv1D(width, innerWidth, bias)
    this.c_proj = new Conv1D(innerWidth, width, bias, layers)
    this.dropout = new Dropout(dropout)
    this.#activation = activation
  }

  forward(x: Tensor): Tensor {
    const inner = this.c_fc.forward(x) // [B, T, 4C]
    return this.dropout.forward(this.c_proj.forward(activate(inner, this.#activation)))
  }
}

function activate(x: Tensor, activation: Complete['activation']): Tensor {
  switch (activation) {
    case 'geluTanh':
      return x.gelu({ approximate: 'tanh' })
    case 'gelu':
      return x.gelu()
    case 'relu':
      return x.relu()
    default:
      return activation satisfies never
  }
}

/** GPT-2's linear layer: its weight is [in, out], the transpose of torch's Linear. */
class Conv1D extends Module {
  weight: Tensor
  bias: Tensor | null

  /** @param layers given for projections into the residual stream, whose start is scaled by 1 / sqrt(2 * layers) */
  constructor(inputs: number, outputs: number, bias: boolean, layers?: number) {
    super()
    this.weight = parameter(init.normal([inputs, outputs], 0, layers ? 0.02 / Math.sqrt(2 * layers) : 0.02))
    this.bias = bias ? parameter(init.zeros([outputs])) : null
  }
  forward(x: Tensor): Tensor {
    const out = x.matmul(this.weight)
    return this.bias ? out.add(this.bias) : out
  }
}

function head(width: number, vocabSize: number): Linear {
  const layer = withoutInit(() => new Linear(width, vocabSize, { bias: false }))
  layer.weight = parameter(init.normal([vocabSize, width], 0, 0.02))
  return layer
}

function embedding(count: number, width: number): Embedding {
  const table = withoutInit(() => new Embedding(count, width))
  table.weight = parameter(init.normal([count, width], 0, 0.02))
  return table
}

const activations = {
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  gelu: 'gelu',
  relu: 'relu',
} as const
const activationNames = Object.keys(activations) as (keyof typeof activations)[]

function configFrom(read: ConfigReader): GPT2Config {
  read.oneOf('model_type', ['gpt2'], 'gpt2')
  read.absent('scale_attn_by_inverse_layer_idx')
  read.absent('add_cross_attention')
  const width = read.size('n_embd')
  return {
    vocabSize: read.size('vocab_size'),
    contextLength: read.size('n_positions', read.json.n_ctx as number | undefined),
    width,
    layers: read.size('n_layer'),
    heads: read.size('n_head'),
    innerWidth: read.size('n_inner', 4 * width),
    activation: activations[read.oneOf('activation_function', activationNames, 'gelu_new')],
    normEps: read.number('layer_norm_epsilon', 1e-5),
    dropout: read.number('resid_pdrop', 0.1),
    bias: read.flag('bias', true),
    tied: read.flag('tie_word_embeddings', true),
    eosTokenIds: read.ids('eos_token_id'),
  }
}

function configTo(c: Complete): Json {
  const activation = activationNames.find(name => activations[name] === c.activation)
  return {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    vocab_size: c.vocabSize,
    n_positions: c.contextLength,
    n_embd: c.width,
    n_layer: c.layers,
    n_head: c.heads,
    n_inner: c.innerWidth,
    activation_function: activation,
    layer_norm_epsilon: c.normEps,
    embd_pdrop: c.dropout,
    attn_pdrop: c.dropout,
    resid_pdrop: c.dropout,
    tie_word_embeddings: c.tied,
    ...(!c.bias && { bias: false }),
    ...(c.eosTokenIds.length && { eos_token_id: c.eosTokenIds.length === 1 ? c.eosTokenIds[0] : c.eosTokenIds }),
  }
}

const linearLayers = /\.(c_attn|c_proj|c_fc)\.weight$/

/**
 * The names and layout above from those in use: without `transformer.` (OpenAI's files), with causal masks as buffers, compiled
 * (`_orig_mod.`), and with torch's Linear instead of Conv1D (nanoGPT, minGPT), which the shape of c_attn tells.
 */
function publicWeights(weights: ReadonlyMap<string, Tensor>, { width, tied }: Complete): Map<string, Tensor> {
  const named = new Map<string, Tensor>()
  for (const [key, t] of weights) {
    const name = key.replace(/^_orig_mod\./, '')
    if (/\.attn\.(bias|masked_bias)$/.test(name)) continue
    if (name === 'lm_head.weight' && tied) continue
    named.set(/^(transformer|lm_head)\./.test(name) ? name : `transformer.${name}`, t)
  }
  const first = named.get('transformer.h.0.attn.c_attn.weight')
  if (first?.shape[0] !== 3 * width) return named
  return new Map([...named].map(([name, t]) => [name, linearLayers.test(name) ? t.transpose(0, 1) : t]))
}

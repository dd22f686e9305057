// What each op of torch's cases is in Cairn. A case's name is an op's, or begins with it: `softmax_dim1` is `softmax` with other attributes.
import {
  batchNorm,
  bceWithLogits,
  cosineSimilarity,
  crossEntropy,
  groupNorm,
  huberLoss,
  klDiv,
  l1Loss,
  layerNorm,
  mseLoss,
  nllLoss,
  rmsNorm,
  rope,
  scaledDotProductAttention,
  smoothL1Loss,
  softplus,
} from '@cairn/nn'
import { cat, ones, type Tensor, where } from '@cairn/tensor'
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  gru,
  type InterpolateMode,
  interpolate,
  type LstmOptions,
  lstm,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type RecurrentWeights,
  rnn,
} from '@cairn/tensor/functional'
import type { Attributes, Inputs, Row } from './cases.ts'
import { elementwise } from './families/elementwise.ts'
import { layers } from './families/layers.ts'
import { movement } from './families/movement.ts'
import { products } from './families/products.ts'
import { reductions } from './families/reductions.ts'
import {
  axes,
  axis,
  binary,
  breadth,
  correction,
  extreme,
  indexOf,
  keepDim,
  pair,
  reduce,
  reduction,
  spine,
  target,
  unary,
  x,
} from './rows.ts'

/** 'strict upper triangle', 'lower triangle' ..., or a bool input. */
function maskOf(inputs: Inputs, attrs: Attributes): Tensor {
  if (inputs.mask) return inputs.mask.to('bool')
  const words = attrs.text('', 'mask')
  const shape = x(inputs).shape.slice(-2)
  const all = ones(shape, { dtype: 'bool' })
  if (words.includes('upper')) return all.triu(words.includes('strict') ? 1 : 0)
  if (words.includes('lower')) return all.tril(words.includes('strict') ? -1 : 0)
  throw new Error(`the mask '${words}' is not understood`)
}

const attention: Row = spine(({ q, k, v, mask }, attrs) => {
  if (attrs.has('kv_heads') && attrs.number(0, 'kv_heads') !== k.shape[1])
    throw new Error(`kv_heads is not the number of key heads, ${k.shape[1]}`)
  const scale = attrs.has('scale') ? attrs.number(1, 'scale') : undefined
  return scaledDotProductAttention(q, k, v, { causal: attrs.flag('causal', 'is_causal'), mask, scale })
})

const rotary = (fallback: 'half' | 'interleaved'): Row =>
  spine((inputs, attrs) => {
    const words = attrs.text(fallback, 'style')
    const style = /half|neox/i.test(words) ? 'half' : 'interleaved'
    return rope(x(inputs), { theta: attrs.number(10_000, 'theta', 'base'), style })
  })

const norm = ({ w, b, weight, bias }: Inputs, attrs: Attributes, eps: number) => ({
  weight: w ?? weight,
  bias: b ?? bias,
  eps: attrs.number(eps, 'eps'),
})

/** Targets that are probabilities, not classes. */
const isFloat = (t: Tensor): boolean => t.dtype.startsWith('f')
/** torch has the classes on axis 1, Cairn last. */
const classesLast = (logits: Tensor): Tensor => {
  if (logits.ndim <= 2) return logits
  return logits.permute([0, ...logits.shape.slice(2).map((_, i) => i + 2), 1])
}

const divergence = (name: 'batchmean' | 'mean'): Row =>
  breadth((inputs, attrs) => {
    const asked = attrs.text(name, 'reduction')
    const options = asked === 'batchmean' ? ({ reduction: 'batchMean' } as const) : reduction(attrs)
    const note = attrs.text('', 'note')
    const softened = note.includes('softmax')
    const given = x(inputs)
    return klDiv(
      softened ? given.logSoftmax(-1) : given,
      softened ? target(inputs).softmax(-1) : target(inputs),
      options,
    )
  })

const several = (attrs: Attributes, fallback: readonly number[], ...names: string[]): readonly number[] | undefined =>
  attrs.has(...names) ? attrs.numbers(fallback, ...names) : undefined

const convolution = (run: typeof conv2d): Row =>
  breadth((inputs, attrs) => {
    const padding =
      attrs.has('padding') && typeof attrs.raw('padding') === 'string'
        ? attrs.text('valid', 'padding')
        : several(attrs, [0], 'padding')
    return run(inputs.x, inputs.w ?? inputs.weight, inputs.b ?? inputs.bias, {
      stride: several(attrs, [1], 'stride'),
      padding: padding as 'same' | readonly number[] | undefined,
      dilation: several(attrs, [1], 'dilation'),
      groups: attrs.number(1, 'groups'),
    })
  })

const transposed = (run: typeof convTranspose2d): Row =>
  breadth((inputs, attrs) =>
    run(inputs.x, inputs.w ?? inputs.weight, inputs.b ?? inputs.bias, {
      stride: several(attrs, [1], 'stride'),
      padding: several(attrs, [0], 'padding'),
      outputPadding: several(attrs, [0], 'output_padding'),
      dilation: several(attrs, [1], 'dilation'),
      groups: attrs.number(1, 'groups'),
    }),
  )

const pooling = (attrs: Attributes) => ({
  stride: several(attrs, [1], 'stride'),
  padding: several(attrs, [0], 'padding'),
  ceilMode: attrs.flag('ceil_mode'),
})
const kernel = (attrs: Attributes) => attrs.numbers([2], 'k', 'kernel', 'kernel_size')
const maximum = (run: typeof maxPool2d): Row =>
  breadth((inputs, attrs) =>
    run(x(inputs), kernel(attrs), { ...pooling(attrs), dilation: several(attrs, [1], 'dilation') }),
  )
const average = (run: typeof avgPool2d): Row =>
  breadth((inputs, attrs) =>
    run(x(inputs), kernel(attrs), {
      ...pooling(attrs),
      countIncludePad: attrs.has('count_include_pad') ? attrs.flag('count_include_pad') : undefined,
    }),
  )
const sized = (run: typeof adaptiveAvgPool2d): Row =>
  breadth((inputs, attrs) => run(x(inputs), attrs.numbers([1], 'size', 'output_size')))

const resize = (fallback: InterpolateMode): Row =>
  breadth((inputs, attrs, given) => {
    const named = given.op.match(/nearest|bilinear|bicubic|trilinear|linear|area/)?.[0] ?? fallback
    const factors = several(attrs, [1], 'scale', 'scale_factor')
    const rank = x(inputs).ndim - 2
    return interpolate(x(inputs), {
      mode: attrs.text(named, 'mode') as InterpolateMode,
      size: several(attrs, [1], 'size'),
      scaleFactor: factors?.length === 1 ? new Array<number>(rank).fill(factors[0]) : factors,
      alignCorners: attrs.flag('align_corners'),
      antialias: attrs.flag('antialias'),
    })
  })

type Recurrent = (input: Tensor, weights: readonly RecurrentWeights[], options: LstmOptions) => Tensor[]
/** Weights by torch's names, as many layers and directions as there are. */
const recurrent = (run: Recurrent): Row =>
  breadth((inputs, attrs, given) => {
    attrs.number(0, 'hidden')
    const bidirectional = attrs.flag('bidirectional') || inputs.weight_ih_l0_reverse !== undefined
    const weights: RecurrentWeights[] = []
    for (let layer = 0; inputs[`weight_ih_l${layer}`]; layer++)
      for (const way of bidirectional ? ['', '_reverse'] : ['']) {
        const named = (name: string) => inputs[`${name}_l${layer}${way}`]
        weights.push({
          ih: named('weight_ih'),
          hh: named('weight_hh'),
          biasIh: named('bias_ih'),
          biasHh: named('bias_hh'),
        })
      }
    attrs.number(1, 'num_layers', 'layers')
    const outputs = run(x(inputs), weights, {
      batchFirst: attrs.flag('batch_first'),
      bidirectional,
      hidden: inputs.h0,
      cell: inputs.c0,
    })
    return outputs.slice(0, given.outputs?.length ?? 1)
  })

export const ops: Readonly<Record<string, Row>> = {
  ...elementwise,
  ...reductions,
  ...movement,
  ...products,
  ...layers,

  // elementwise
  add: binary((a, b) => a.add(b)),
  sub: binary((a, b) => a.sub(b)),
  mul: binary((a, b) => a.mul(b)),
  div: binary((a, b) => a.div(b)),
  maximum: binary((a, b) => a.maximum(b)),
  minimum: binary((a, b) => a.minimum(b)),
  atan2: binary((a, b) => a.atan2(b)),
  fmod: binary((a, b) => a.fmod(b)),
  pow: spine((inputs, attrs) => {
    if (attrs.has('p', 'exponent')) return x(inputs).pow(attrs.number(2, 'p', 'exponent'))
    const [a, b] = pair(inputs)
    return a.pow(b)
  }),
  neg: unary(t => t.neg()),
  abs: unary(t => t.abs()),
  exp: unary(t => t.exp()),
  expm1: unary(t => t.expm1()),
  log: unary(t => t.log()),
  log1p: unary(t => t.log1p()),
  sin: unary(t => t.sin()),
  cos: unary(t => t.cos()),
  tan: unary(t => t.tan()),
  erf: unary(t => t.erf()),
  sqrt: unary(t => t.sqrt()),
  rsqrt: unary(t => t.rsqrt()),
  reciprocal: unary(t => t.reciprocal()),
  square: unary(t => t.square()),
  sign: unary(t => t.sign()),
  floor: unary(t => t.floor()),
  ceil: unary(t => t.ceil()),
  round: unary(t => t.round()),
  trunc: unary(t => t.trunc()),
  clamp: unary((t, attrs) =>
    t.clamp(
      attrs.has('min') ? attrs.number(0, 'min') : undefined,
      attrs.has('max') ? attrs.number(0, 'max') : undefined,
    ),
  ),
  where: spine(inputs => where((inputs.c ?? inputs.cond ?? inputs.condition).to('bool'), ...pair(inputs))),

  // activations
  relu: unary(t => t.relu()),
  gelu: unary((t, attrs) => t.gelu({ approximate: attrs.text('none', 'approximate') === 'tanh' ? 'tanh' : 'none' })),
  gelu_erf: unary(t => t.gelu()),
  gelu_tanh: unary(t => t.gelu({ approximate: 'tanh' })),
  silu: unary(t => t.silu()),
  sigmoid: unary(t => t.sigmoid()),
  logsigmoid: unary(t => t.logSigmoid()),
  log_sigmoid: unary(t => t.logSigmoid()),
  tanh: unary(t => t.tanh()),
  softplus: unary((t, attrs) =>
    attrs.has('beta', 'threshold') ? softplus(t, attrs.number(1, 'beta'), attrs.number(20, 'threshold')) : t.softplus(),
  ),
  elu: unary((t, attrs) => t.elu(attrs.number(1, 'alpha'))),
  leaky_relu: unary((t, attrs) => t.leakyRelu(attrs.number(0.01, 'slope', 'negative_slope'))),
  mish: unary(t => t.mish()),
  hardswish: unary(t => t.hardswish()),
  hardsigmoid: unary(t => t.hardsigmoid()),

  // softmax family
  softmax: unary((t, attrs) => t.softmax(axis(attrs))),
  log_softmax: unary((t, attrs) => t.logSoftmax(axis(attrs))),
  logsumexp: unary((t, attrs) => t.logsumexp(axes(attrs) ?? -1, keepDim(attrs))),

  // reductions and scans
  sum: reduce((t, along, options) => t.sum(along, options)),
  mean: reduce((t, along, options) => t.mean(along, options)),
  prod: reduce((t, along, options) => t.prod(along, options)),
  var: reduce((t, along, options, attrs) => t.variance(along, { ...options, correction: correction(attrs) })),
  std: reduce((t, along, options, attrs) => t.std(along, { ...options, correction: correction(attrs) })),
  norm: reduce((t, along, options, attrs) => t.norm(along, { ...options, p: attrs.number(2, 'p', 'ord') })),
  max: extreme('max'),
  min: extreme('min'),
  amax: extreme('max'),
  amin: extreme('min'),
  argmax: unary((t, attrs) => t.argmax(axis(attrs), keepDim(attrs))),
  argmin: unary((t, attrs) => t.argmin(axis(attrs), keepDim(attrs))),
  cumsum: unary((t, attrs) => t.cumsum(axis(attrs))),

  // movement
  transpose: spine((inputs, attrs, given) => {
    const t = x(inputs)
    const moved = attrs.has('perm', 'dims')
      ? t.permute(attrs.numbers([], 'perm', 'dims'))
      : t.transpose(attrs.number(-1, 'dim0'), attrs.number(-2, 'dim1'))
    return moved.reshape(given.outputs![0].shape)
  }),
  permute: unary((t, attrs) => t.permute(attrs.numbers([], 'perm', 'dims'))),
  reshape: spine((inputs, attrs, given) => x(inputs).reshape(attrs.numbers(given.outputs![0].shape, 'shape'))),
  expand: spine((inputs, attrs, given) => x(inputs).expand(attrs.numbers(given.outputs![0].shape, 'shape', 'size'))),
  flip: unary((t, attrs) => t.flip(axes(attrs) ?? [0])),
  cat: spine((inputs, attrs) => cat(Object.values(inputs), axis(attrs, 0))),
  tril: unary((t, attrs) => t.tril(attrs.number(0, 'diagonal'))),
  triu: unary((t, attrs) => t.triu(attrs.number(0, 'diagonal'))),

  // indexing
  index_select: spine((inputs, attrs) => x(inputs).indexSelect(axis(attrs, 0), indexOf(inputs, attrs))),
  gather: spine((inputs, attrs) => x(inputs).gather(axis(attrs, 0), indexOf(inputs, attrs))),
  scatter_add: spine((inputs, attrs) =>
    x(inputs).scatterAdd(axis(attrs, 0), indexOf(inputs, attrs), inputs.src ?? inputs.s),
  ),
  masked_fill: spine((inputs, attrs) => x(inputs).maskedFill(maskOf(inputs, attrs), attrs.number(0, 'value'))),
  embedding: spine(inputs => (inputs.w ?? inputs.weight).indexSelect(0, inputs.i ?? inputs.ids)),

  // products
  matmul: binary((a, b) => a.matmul(b)),
  linear: spine(inputs => x(inputs).linear(inputs.w ?? inputs.weight, inputs.b ?? inputs.bias)),
  swiglu: spine(({ x: input, w1, w2, w3 }) => input.linear(w1).silu().mul(input.linear(w3)).linear(w2)),

  // normalisation
  layer_norm: spine((inputs, attrs) => {
    const options = norm(inputs, attrs, 1e-5)
    return layerNorm(inputs.x, options.weight?.ndim ?? 1, options)
  }),
  rms_norm: spine((inputs, attrs) => rmsNorm(inputs.x, norm(inputs, attrs, 1e-5))),
  group_norm: breadth((inputs, attrs) =>
    groupNorm(inputs.x, attrs.number(1, 'groups', 'num_groups'), norm(inputs, attrs, 1e-5)),
  ),
  batch_norm_train: breadth((inputs, attrs) => {
    if (!attrs.flag('training')) throw new Error('training is not set')
    return batchNorm(inputs.x, norm(inputs, attrs, 1e-5))
  }),

  // attention
  attention,
  sdpa: attention,
  rope: rotary('half'),
  rope_half: rotary('half'),
  rope_interleaved: rotary('interleaved'),

  // losses
  cross_entropy: spine((inputs, attrs) => {
    const t = target(inputs)
    const classes = isFloat(t) ? {} : { ignoreIndex: attrs.number(-100, 'ignore_index') }
    return crossEntropy(classesLast(x(inputs)), isFloat(t) ? classesLast(t) : t, {
      labelSmoothing: attrs.number(0, 'label_smoothing'),
      weight: inputs.weight,
      ...classes,
      ...reduction(attrs),
    })
  }),
  nll_loss: breadth((inputs, attrs) =>
    nllLoss(classesLast(x(inputs)), target(inputs), {
      ignoreIndex: attrs.number(-100, 'ignore_index'),
      weight: inputs.weight,
      ...reduction(attrs),
    }),
  ),
  mse: spine((inputs, attrs) => mseLoss(x(inputs), target(inputs), reduction(attrs))),
  l1: breadth((inputs, attrs) => l1Loss(x(inputs), target(inputs), reduction(attrs))),
  huber: breadth((inputs, attrs) =>
    huberLoss(x(inputs), target(inputs), { delta: attrs.number(1, 'delta'), ...reduction(attrs) }),
  ),
  smooth_l1: breadth((inputs, attrs) =>
    smoothL1Loss(x(inputs), target(inputs), { beta: attrs.number(1, 'beta'), ...reduction(attrs) }),
  ),
  bce_with_logits: breadth((inputs, attrs) =>
    bceWithLogits(x(inputs), target(inputs), {
      weight: inputs.weight,
      posWeight: inputs.pos_weight,
      ...reduction(attrs),
    }),
  ),
  kl_div: divergence('mean'),
  kl_div_batchmean: divergence('batchmean'),
  cosine_similarity: breadth((inputs, attrs) => cosineSimilarity(...pair(inputs), { axis: axis(attrs, 1) })),

  // convolutions, pooling, resizing
  conv1d: convolution(conv1d),
  conv2d: convolution(conv2d),
  conv3d: convolution(conv3d),
  conv_transpose1d: transposed(convTranspose1d),
  conv_transpose2d: transposed(convTranspose2d),
  conv_transpose3d: transposed(convTranspose3d),
  max_pool1d: maximum(maxPool1d),
  max_pool2d: maximum(maxPool2d),
  max_pool3d: maximum(maxPool3d),
  avg_pool1d: average(avgPool1d),
  avg_pool2d: average(avgPool2d),
  avg_pool3d: average(avgPool3d),
  adaptive_avg_pool1d: sized(adaptiveAvgPool1d),
  adaptive_avg_pool2d: sized(adaptiveAvgPool2d),
  adaptive_avg_pool3d: sized(adaptiveAvgPool3d),
  adaptive_max_pool1d: sized(adaptiveMaxPool1d),
  adaptive_max_pool2d: sized(adaptiveMaxPool2d),
  interpolate: resize('nearest'),
  interpolate_nearest: resize('nearest'),
  interpolate_linear: resize('linear'),
  interpolate_bilinear: resize('bilinear'),
  interpolate_bicubic: resize('bicubic'),
  interpolate_trilinear: resize('trilinear'),

  // recurrent layers
  lstm: recurrent((input, weights, options) => {
    const { output, hidden, cell } = lstm(input, weights, options)
    return [output, hidden, cell]
  }),
  gru: recurrent((input, weights, options) => {
    const { output, hidden } = gru(input, weights, options)
    return [output, hidden]
  }),
  rnn: recurrent((input, weights, options) => {
    const { output, hidden } = rnn(input, weights, options)
    return [output, hidden]
  }),
}

/** The row of a case: its whole name, or the longest op that it begins with. */
export function rowOf(name: string): Row | undefined {
  const known = Object.keys(ops).filter(op => name === op || name.startsWith(`${op}_`))
  known.sort((a, b) => b.length - a.length)
  return known.length ? ops[known[0]] : undefined
}

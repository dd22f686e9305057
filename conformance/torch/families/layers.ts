// Rows of torch.nn.functional's losses, norms and distances that a language model does not need.
import {
  bceLoss,
  cosineEmbeddingLoss,
  ctcLoss,
  gaussianNll,
  hingeEmbeddingLoss,
  instanceNorm,
  localResponseNorm,
  marginRankingLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  pairwiseDistance,
  pixelShuffle,
  pixelUnshuffle,
  poissonNll,
  softMarginLoss,
  tripletMarginLoss,
} from '@cairn/nn'
import type { Tensor } from '@cairn/tensor'
import { embeddingBag } from '@cairn/tensor/functional'
import type { Attributes, Inputs, Row } from '../cases.ts'
import { axis, breadth, pair, plain, reduction, target, x } from '../rows.ts'

const loss = (f: (input: Tensor, target: Tensor, attrs: Attributes, inputs: Inputs) => Tensor): Row =>
  breadth((inputs, attrs) => f(x(inputs), target(inputs), attrs, inputs))
const margin = (attrs: Attributes, fallback: number) => ({ margin: attrs.number(fallback, 'margin') })
const lengths = (inputs: Inputs, attrs: Attributes, name: string): Tensor | readonly number[] =>
  inputs[name] ?? attrs.numbers([], name)

const crossEntropyOfTwo = loss((a, b, attrs, { weight }) => bceLoss(a, b, { weight, ...reduction(attrs) }))

export const layers: Readonly<Record<string, Row>> = {
  binary_cross_entropy: crossEntropyOfTwo,
  bce: crossEntropyOfTwo,
  soft_margin_loss: loss((a, b, attrs) => softMarginLoss(a, b, reduction(attrs))),
  hinge_embedding_loss: loss((a, b, attrs) => hingeEmbeddingLoss(a, b, { ...margin(attrs, 1), ...reduction(attrs) })),
  multi_margin_loss: loss((a, b, attrs) =>
    multiMarginLoss(a, b, { p: attrs.number(1, 'p') === 2 ? 2 : 1, ...margin(attrs, 1), ...reduction(attrs) }),
  ),
  multilabel_soft_margin_loss: loss((a, b, attrs) => multilabelSoftMarginLoss(a, b, reduction(attrs))),
  poisson_nll_loss: loss((a, b, attrs) =>
    poissonNll(a, b, { logInput: attrs.flagOr(true, 'log_input'), full: attrs.flag('full'), ...reduction(attrs) }),
  ),
  gaussian_nll_loss: loss((a, b, attrs, inputs) =>
    gaussianNll(a, b, inputs.var ?? inputs.v, { full: attrs.flag('full'), ...reduction(attrs) }),
  ),
  margin_ranking_loss: breadth((inputs, attrs) => {
    const [a, b] = [inputs.x1 ?? inputs.a, inputs.x2 ?? inputs.b]
    return marginRankingLoss(a, b, target(inputs), { ...margin(attrs, 0), ...reduction(attrs) })
  }),
  cosine_embedding_loss: breadth((inputs, attrs) => {
    const [a, b] = [inputs.x1 ?? inputs.a, inputs.x2 ?? inputs.b]
    return cosineEmbeddingLoss(a, b, target(inputs), { ...margin(attrs, 0), ...reduction(attrs) })
  }),
  triplet_margin_loss: breadth((inputs, attrs) => {
    const { anchor, a, positive, p, negative, n } = inputs
    const options = { p: attrs.number(2, 'p'), swap: attrs.flag('swap') }
    return tripletMarginLoss(anchor ?? a, positive ?? p, negative ?? n, {
      ...options,
      ...margin(attrs, 1),
      ...reduction(attrs),
    })
  }),
  ctc_loss: breadth((inputs, attrs) =>
    ctcLoss(
      inputs.log_probs ?? x(inputs),
      inputs.targets ?? target(inputs),
      lengths(inputs, attrs, 'input_lengths') as never,
      lengths(inputs, attrs, 'target_lengths') as never,
      { blank: attrs.number(0, 'blank'), zeroInfinity: attrs.flag('zero_infinity'), ...reduction(attrs) },
    ),
  ),
  pairwise_distance: breadth((inputs, attrs) =>
    pairwiseDistance(...pair(inputs), { p: attrs.number(2, 'p'), eps: attrs.number(1e-6, 'eps') }),
  ),
  normalize: plain((t, attrs) => {
    const [p, along] = [attrs.number(2, 'p'), axis(attrs, 1)]
    return t.div(t.norm(along, { p, keepDim: true }).clamp(attrs.number(1e-12, 'eps')))
  }),
  instance_norm: breadth((inputs, attrs) =>
    instanceNorm(inputs.x, {
      weight: inputs.w ?? inputs.weight,
      bias: inputs.b ?? inputs.bias,
      eps: attrs.number(1e-5, 'eps'),
    }),
  ),
  local_response_norm: plain((t, attrs) =>
    localResponseNorm(t, attrs.number(2, 'size'), {
      alpha: attrs.number(1e-4, 'alpha'),
      beta: attrs.number(0.75, 'beta'),
      k: attrs.number(1, 'k'),
    }),
  ),
  pixel_shuffle: plain((t, attrs) => pixelShuffle(t, attrs.number(2, 'upscale_factor'))),
  pixel_unshuffle: plain((t, attrs) => pixelUnshuffle(t, attrs.number(2, 'downscale_factor'))),
  embedding_bag: breadth((inputs, attrs) =>
    embeddingBag(inputs.w ?? inputs.weight, inputs.i ?? inputs.input ?? inputs.indices, {
      mode: attrs.text('mean', 'mode') as 'mean',
      offsets: inputs.offsets,
      weights: inputs.per_sample_weights,
    }),
  ),
}

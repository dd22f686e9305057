// The public surface of @cairn/nn, and nothing else.

export {
  celu,
  geglu,
  glu,
  hardshrink,
  prelu,
  reglu,
  selu,
  softplus,
  softshrink,
  softsign,
  swiglu,
} from './functional/activation.ts'
export { type AttentionOptions, attentionWithWeights, scaledDotProductAttention } from './functional/attention.ts'
export {
  batchNorm,
  groupNorm,
  instanceNorm,
  type LocalResponseOptions,
  layerNorm,
  localResponseNorm,
  type NormOptions,
  rmsNorm,
} from './functional/norm.ts'
export {
  alibiBias,
  alibiSlopes,
  type RelativeBucketOptions,
  relativeBuckets,
  relativePositions,
  sinusoidalPositions,
} from './functional/positions.ts'
export { type RotaryStyle, type Rotation, rope, rotaryFrequencies, rotate, rotationAt } from './functional/rotary.ts'
export { functionalCall } from './functional-call.ts'
export * as init from './init.ts'
export { withoutInit } from './init.ts'
export {
  CELU,
  ELU,
  GEGLU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  Identity,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  ReGLU,
  ReLU,
  ReLU6,
  RReLU,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmax2d,
  Softmin,
  Softplus,
  Softshrink,
  Softsign,
  SwiGLU,
  Tanh,
  Tanhshrink,
  Threshold,
} from './layers/activations.ts'
export { type AdaptiveLogSoftmaxOptions, AdaptiveLogSoftmaxWithLoss } from './layers/adaptive-log-softmax.ts'
export { BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './layers/batch-norm.ts'
export { Bilinear } from './layers/bilinear.ts'
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from './layers/containers.ts'
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from './layers/conv.ts'
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout } from './layers/dropout.ts'
export {
  Embedding,
  EmbeddingBag,
  type EmbeddingBagLayerOptions,
  type EmbeddingTableOptions,
} from './layers/embedding.ts'
export {
  FractionalMaxPool2d,
  FractionalMaxPool3d,
  type FractionalPoolOptions,
  fractionalMaxPool,
} from './layers/fractional-max-pool.ts'
export { GroupNorm } from './layers/group-norm.ts'
export { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormOptions } from './layers/instance-norm.ts'
export { LayerNorm, type LayerNormOptions } from './layers/layer-norm.ts'
export { Linear } from './layers/linear.ts'
export { LocalResponseNorm } from './layers/local-response-norm.ts'
export { GatedFeedForward, MixtureOfExperts, type MixtureOptions } from './layers/mixture-of-experts.ts'
export { MultiheadAttention, type MultiheadAttentionOptions } from './layers/multihead-attention.ts'
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  type Padding,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from './layers/pad.ts'
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  type LPPoolOptions,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  type MaxUnpoolOptions,
} from './layers/pool.ts'
export { LearnedPositions, RelativePositionBias, RotaryEmbedding, SinusoidalPositions } from './layers/positions.ts'
export {
  GRU,
  GRUCell,
  LSTM,
  LSTMCell,
  type PackedSequence,
  packPaddedSequence,
  padPackedSequence,
  padSequence,
  type RecurrentInput,
  type RecurrentLayerOptions,
  RNN,
  RNNCell,
} from './layers/recurrent.ts'
export { RMSNorm } from './layers/rms-norm.ts'
export {
  ChannelShuffle,
  channelShuffle,
  Flatten,
  Fold,
  PixelShuffle,
  PixelUnshuffle,
  pixelShuffle,
  pixelUnshuffle,
  Unflatten,
  Unfold,
  Upsample,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from './layers/shape.ts'
export {
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
  type TransformerOptions,
} from './layers/transformer.ts'
export { type CrossEntropyOptions, crossEntropy, nllLoss } from './losses/cross-entropy.ts'
export { type CTCOptions, ctcLoss } from './losses/ctc.ts'
export {
  hingeEmbeddingLoss,
  marginRankingLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  pairwiseDistance,
  softMarginLoss,
  type TripletOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from './losses/margin.ts'
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CosineSimilarity,
  CrossEntropyLoss,
  CTCLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  type LossModule,
  MarginRankingLoss,
  MSELoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  NLLLoss,
  PairwiseDistance,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from './losses/modules.ts'
export { bceLoss, bceWithLogits, gaussianNll, klDiv, poissonNll } from './losses/probability.ts'
export type { LossOptions } from './losses/reduction.ts'
export { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './losses/regression.ts'
export { cosineEmbeddingLoss, cosineSimilarity, type InfoNCEOptions, infoNCE } from './losses/similarity.ts'
export {
  type Layer,
  type LoadStateOptions,
  LoadStateResult,
  Module,
  type ShapeMismatch,
  type StateDict,
} from './module.ts'
export { buffer, isParameter, parameter } from './parameter.ts'
export { freeze, matching, type NamePattern, unfreeze } from './tools/freeze.ts'
export {
  type BackwardHook,
  type ForwardHook,
  type ForwardPreHook,
  registerBackwardHook,
  registerForwardHook,
  registerForwardPreHook,
} from './tools/hooks.ts'
export { type Summary, type SummaryRow, summary } from './tools/summary.ts'

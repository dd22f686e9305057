// The public surface of @cairn/tensor/functional, and nothing else.

export { type AttentionInput, attention } from './attention.ts'
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  fold,
  type PerAxis,
  type UnfoldOptions,
  unfold,
} from './conv.ts'
export {
  type EmbeddingBagOptions,
  type EmbeddingOptions,
  embedding,
  embeddingBag,
  type LookupOptions,
} from './embedding.ts'
export { type InterpolateMode, type InterpolateOptions, interpolate } from './interpolate.ts'
export * from './pool.ts'
export {
  gru,
  gruCell,
  type LstmOptions,
  lstm,
  lstmCell,
  type RecurrentOptions,
  type RecurrentWeights,
  rnn,
  rnnCell,
} from './recurrent.ts'

// The public surface of @cairn/nn, and nothing else.

export { type AttentionOptions, scaledDotProductAttention } from './functional/attention.ts'
export { batchNorm, groupNorm, layerNorm, type NormOptions, rmsNorm } from './functional/norm.ts'
export { type RotaryStyle, type Rotation, rope, rotaryFrequencies, rotate, rotationAt } from './functional/rotary.ts'
export { functionalCall } from './functional-call.ts'
export * as init from './init.ts'
export { withoutInit } from './init.ts'
export {
  ELU,
  Flatten,
  GELU,
  Hardswish,
  Identity,
  LeakyReLU,
  Mish,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from './layers/activations.ts'
export { BatchNorm, type BatchNormOptions } from './layers/batch-norm.ts'
export { ModuleList, Sequential } from './layers/containers.ts'
export { Dropout } from './layers/dropout.ts'
export { Embedding } from './layers/embedding.ts'
export { GroupNorm } from './layers/group-norm.ts'
export { LayerNorm, type LayerNormOptions } from './layers/layer-norm.ts'
export { Linear } from './layers/linear.ts'
export { MultiheadAttention } from './layers/multihead-attention.ts'
export { RMSNorm } from './layers/rms-norm.ts'
export { type CrossEntropyOptions, crossEntropy, nllLoss } from './losses/cross-entropy.ts'
export { bceLoss, bceWithLogits, klDiv } from './losses/probability.ts'
export type { LossOptions } from './losses/reduction.ts'
export { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './losses/regression.ts'
export { cosineEmbeddingLoss, cosineSimilarity } from './losses/similarity.ts'
export { type Layer, type LoadStateResult, Module, type StateDict } from './module.ts'
export { buffer, isParameter, parameter } from './parameter.ts'

// The public surface of @cairn/optim, and nothing else.

export { Adagrad, type AdagradOptions } from './adagrad.ts'
export { Adam, Adamax, type AdamOptions, AdamW, NAdam, type NAdamOptions, RAdam } from './adam.ts'
export { type ClipOptions, clipGradNorm, clipGradValue, gradNorm } from './clip.ts'
export { decayGroups } from './groups.ts'
export {
  type Clock,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterState,
  type Parameters,
  type StepOptions,
  type Update,
  type Updated,
} from './optimizer.ts'
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export {
  constantWithWarmup,
  cosineWithWarmup,
  exponentialDecay,
  linearWithWarmup,
  type Schedule,
  stepDecay,
  type WarmupOptions,
} from './schedules.ts'
export { SGD, type SGDOptions } from './sgd.ts'

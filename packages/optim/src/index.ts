// The public surface of @cairn/optim, and nothing else.

export { Adadelta, type AdadeltaOptions } from './adadelta.ts'
export { Adafactor, type AdafactorOptions } from './adafactor.ts'
export { Adagrad, type AdagradOptions } from './adagrad.ts'
export { Adam, Adamax, type AdamOptions, AdamW, NAdam, type NAdamOptions, RAdam } from './adam.ts'
export { Adam8bit, type Adam8bitOptions, AdamW8bit, dynamicMap } from './adam-8bit.ts'
export { EMA, SWA } from './averaging.ts'
export { type ClipOptions, clipGradAdaptive, clipGradNorm, clipGradValue, gradNorm } from './clip.ts'
export { decayGroups, maskedDecay } from './groups.ts'
export { LAMB } from './lamb.ts'
export { type Closure, LBFGS, type LBFGSOptions } from './lbfgs.ts'
export { Lion, type LionOptions } from './lion.ts'
export { Muon, type MuonOptions, newtonSchulz } from './muon.ts'
export {
  type Clock,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterState,
  type Parameters,
  type Slot,
  type Slots,
  type StepOptions,
  type Update,
  type Updated,
} from './optimizer.ts'
export { RMSprop, type RMSpropOptions } from './rmsprop.ts'
export { GradScaler, type GradScalerOptions } from './scaler.ts'
export {
  chained,
  constantWithWarmup,
  cosine,
  cosineRestarts,
  cosineWithWarmup,
  exponentialDecay,
  lambda,
  linear,
  linearWithWarmup,
  multiStep,
  type OneCycleOptions,
  oneCycle,
  type PlateauOptions,
  polynomial,
  ReduceOnPlateau,
  type Schedule,
  sequential,
  stepDecay,
  type WarmupOptions,
  type WarmupStableDecayOptions,
  warmupStableDecay,
} from './schedules.ts'
export { SGD, type SGDOptions } from './sgd.ts'
export { Sophia, type SophiaOptions } from './sophia.ts'
export { SparseAdam, type SparseAdamOptions } from './sparse-adam.ts'
export { Lookahead, SAM } from './wrappers.ts'

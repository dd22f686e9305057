// The public surface of @cairn/tensor, and nothing else.

export type { BackwardOptions, GradOptions } from './autograd/backward.ts'
export { checkpoint } from './autograd/checkpoint.ts'
export { customGradient, type Pullback } from './autograd/custom.ts'
export { type CustomOpOptions, customOp } from './autograd/custom-op.ts'
export {
  type ArgNums,
  type ArgsAt,
  type GradTransform,
  grad,
  valueAndGrad,
  vjp,
  type WithAux,
} from './autograd/grad.ts'
export { hessian, type JacobianOf, type JacobianOptions, jacobian } from './autograd/jacobian.ts'
export { hvp, jvp, linearize } from './autograd/jvp.ts'
export { type RowPart, SparseRows, sparseRows } from './autograd/sparse.ts'
export { type Randomness, type VmapOptions, vmap } from './autograd/vmap.ts'
export type { WebGPUOptions } from './backends/webgpu/backend.ts'
export type { Tuned } from './backends/webgpu/tuning/tune.ts'
export {
  arange,
  eye,
  fromBuffer,
  full,
  linspace,
  type Nested,
  ones,
  type TensorOptions,
  tensor,
  zeros,
} from './creation.ts'
export { type DeviceName, defaultDevice, disposeDevice, setDefaultDevice, tune, type WasmOptions } from './device.ts'
export type { DType, TypedArray } from './dtype.ts'
export {
  CairnError,
  DeviceError,
  DeviceLostError,
  DTypeError,
  FormatError,
  GradientError,
  IndexError,
  JitError,
  OutOfMemoryError,
  ShapeError,
  StaleError,
  TransformError,
} from './errors.ts'
export { composite } from './graph/composite.ts'
export type { Statistics } from './graph/executor.ts'
export { type Jitted, jit } from './graph/jit.ts'
export { effect, type Live, live, observe } from './graph/live.ts'
export { enableGrad, noGrad } from './graph/scope.ts'
export { Template } from './graph/template.ts'
export { readFile, writeFile } from './io/files.ts'
export { blockDiag, broadcastTensors, cartesianProd, meshgrid, type PadMode } from './ops/arrange.ts'
export { einsum } from './ops/einsum.ts'
export { where } from './ops/elementwise.ts'
export { type ScanOptions, scan } from './ops/loop.ts'
export { Tensor } from './ops/methods.ts'
export { cat, type SliceRange, stack } from './ops/movement.ts'
export type { AxisIndex, ScatterReduce, Unique } from './ops/select.ts'
export type { HistogramOptions } from './ops/statistics.ts'
export { checkOptions } from './options.ts'
export {
  bernoulli,
  defaultGenerator,
  dropout,
  Generator,
  manualSeed,
  normal,
  permutation,
  type RandomOptions,
  rand,
  randint,
  randn,
  randomBits,
  uniform,
} from './random.ts'
export { bytesInUse, readAll, realize, statistics, step } from './run.ts'
export type { Shape } from './shape.ts'
export type { NestedArray } from './tensor.ts'

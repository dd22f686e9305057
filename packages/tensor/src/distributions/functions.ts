// Draws as functions, for who wants numbers and no distribution (the names of jax.random and numpy.random; torch.poisson). Parameters are tensors that
// broadcast, or numbers; the results of gamma, beta, exponential and dirichlet have gradients for them.

import { type DefaultOptions, placed } from '../creation-options.ts'
import type { DeviceName } from '../device.ts'
import { scalarOf } from '../ops/build.ts'
import type { Shape } from '../shape.ts'
import { Tensor } from '../tensor.ts'
import { Beta, Dirichlet, Exponential, Gamma } from './continuous.ts'
import { Categorical, Poisson } from './discrete.ts'
import type { DrawOptions } from './draws.ts'

/** `shape` stands before that of the parameters; the device is theirs, or where all are numbers the default one. */
export interface SampleOptions extends DrawOptions {
  readonly shape?: Shape
  readonly device?: DeviceName
}
type Parameter = Tensor | number

function tensors(options: SampleOptions, ...values: Parameter[]): Tensor[] {
  const like = values.find(v => v instanceof Tensor)
  const engine = like?.engine ?? placed(options as DefaultOptions)
  return values.map(v => (v instanceof Tensor ? v : scalarOf(v, like?.dtype ?? 'f32', engine)))
}

/** Gamma with the density x^(a - 1) rate^a e^(-rate x) / gamma(a). */
export function gamma(concentration: Parameter, rate: Parameter = 1, options: SampleOptions = {}): Tensor {
  const [a, b] = tensors(options, concentration, rate)
  return new Gamma(a, b).rsample(options.shape, options)
}
export function beta(alpha: Parameter, beta: Parameter, options: SampleOptions = {}): Tensor {
  const [a, b] = tensors(options, alpha, beta)
  return new Beta(a, b).rsample(options.shape, options)
}
export function exponential(rate: Parameter = 1, options: SampleOptions = {}): Tensor {
  return new Exponential(tensors(options, rate)[0]).rsample(options.shape, options)
}
/** Points of the simplex along the last axis. @param concentration [..., n] */
export function dirichlet(concentration: Tensor, options: SampleOptions = {}): Tensor {
  return new Dirichlet(concentration).rsample(options.shape, options)
}
/** Counts, in the rate's dtype, as torch.poisson. */
export function poisson(rate: Parameter, options: SampleOptions = {}): Tensor {
  return new Poisson(tensors(options, rate)[0]).sample(options.shape, options)
}
/** Indices, i32, each with the probability that the softmax of the last axis gives it. @param logits [..., n] */
export function categorical(logits: Tensor, options: SampleOptions = {}): Tensor {
  return new Categorical(logits).sample(options.shape, options)
}

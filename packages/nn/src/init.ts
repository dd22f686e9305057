// Initial values, after torch.nn.init: each function gives a fresh tensor of a shape. To initialise again:
// `layer.weight.assign(normal(layer.weight.shape, 0, 0.02))`. Fans: [out, in, ...window].

import {
  full,
  ones as onesOf,
  type RandomOptions,
  rand,
  randn,
  type Shape,
  type Tensor,
  zeros as zerosOf,
} from '@cairn/tensor'

let skipping = false

/**
 * Builds modules without drawing random numbers: every initial value is 0. For modules whose weights are loaded next.
 * @param build synchronous
 */
export function withoutInit<T>(build: () => T): T {
  const before = skipping
  skipping = true
  try {
    return build()
  } finally {
    skipping = before
  }
}

const drawn = (shape: Shape, draw: () => Tensor): Tensor => (skipping ? zerosOf(shape) : draw())

export const zeros = (shape: Shape): Tensor => zerosOf(shape)
export const ones = (shape: Shape): Tensor => (skipping ? zerosOf(shape) : onesOf(shape))
export const constant = (shape: Shape, value: number): Tensor => full(shape, value)

/** U(low, high) */
export const uniform = (shape: Shape, low: number, high: number, options?: RandomOptions): Tensor =>
  drawn(shape, () => rand(shape, { ...options, low, high }))

/** N(mean, std^2) */
export const normal = (shape: Shape, mean: number, std: number, options?: RandomOptions): Tensor =>
  drawn(shape, () => {
    const z = randn(shape, options).mul(std)
    return mean === 0 ? z : z.add(mean)
  })

/** How many inputs reach one output and how many outputs one input feeds. */
export function fans(shape: Shape): { in: number; out: number } {
  const window = shape.slice(2).reduce((a, b) => a * b, 1)
  return { in: (shape[1] ?? shape[0] ?? 1) * window, out: (shape[0] ?? 1) * window }
}

export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu'

/** The recommended gain of an activation. @param slope of leakyRelu, 0.01 by default */
export function gainOf(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
      return 1
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.SQRT2
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope ** 2))
    case 'selu':
      return 3 / 4
    default:
      return nonlinearity satisfies never
  }
}

export interface KaimingOptions extends RandomOptions {
  /** keep the variance of activations ('in', the default) or of gradients ('out') */
  readonly fan?: 'in' | 'out'
  /** default leakyRelu, as in torch */
  readonly nonlinearity?: Nonlinearity
  /** the slope of leakyRelu; 0 by default, sqrt(5) in torch's layers */
  readonly slope?: number
}

const kaimingStd = (shape: Shape, { fan = 'in', nonlinearity = 'leakyRelu', slope = 0 }: KaimingOptions): number =>
  gainOf(nonlinearity, slope) / Math.sqrt(fans(shape)[fan])

/** He et al. 2015, uniform: U(-b, b) with b = gain * sqrt(3 / fan). */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(shape, options)
  return uniform(shape, -bound, bound, options)
}
/** He et al. 2015, normal: std = gain / sqrt(fan). */
export const kaimingNormal = (shape: Shape, options: KaimingOptions = {}): Tensor =>
  normal(shape, 0, kaimingStd(shape, options), options)

const xavierStd = (shape: Shape, gain: number): number => gain * Math.sqrt(2 / (fans(shape).in + fans(shape).out))

/** Glorot and Bengio 2010, uniform: b = gain * sqrt(6 / (in + out)). */
export function xavierUniform(shape: Shape, options: RandomOptions & { gain?: number } = {}): Tensor {
  const bound = Math.sqrt(3) * xavierStd(shape, options.gain ?? 1)
  return uniform(shape, -bound, bound, options)
}
/** Glorot and Bengio 2010, normal: std = gain * sqrt(2 / (in + out)). */
export const xavierNormal = (shape: Shape, options: RandomOptions & { gain?: number } = {}): Tensor =>
  normal(shape, 0, xavierStd(shape, options.gain ?? 1), options)

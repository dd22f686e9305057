// Initial values, after torch.nn.init: each function gives a fresh tensor of a shape. To initialise again:
// `layer.weight.assign(normal(layer.weight.shape, 0, 0.02))`. Fans: [out, in, ...window].

import {
  CairnError,
  defaultGenerator,
  eye as eyeOf,
  full,
  type Generator,
  ones as onesOf,
  type RandomOptions,
  rand,
  randn,
  type Shape,
  ShapeError,
  type Tensor,
  tensor,
  zeros as zerosOf,
} from '@cairn/tensor'
import { erfinv } from '@cairn/tensor/special'

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

/** The standard deviation, and what is left of the options for the draw. */
function kaiming(shape: Shape, options: KaimingOptions): [std: number, draw: RandomOptions] {
  const { fan = 'in', nonlinearity = 'leakyRelu', slope = 0, ...draw } = options
  return [gainOf(nonlinearity, slope) / Math.sqrt(fans(shape)[fan]), draw]
}

/** He et al. 2015, uniform: U(-b, b) with b = gain * sqrt(3 / fan). */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): Tensor {
  const [std, draw] = kaiming(shape, options)
  const bound = Math.sqrt(3) * std
  return uniform(shape, -bound, bound, draw)
}
/** He et al. 2015, normal: std = gain / sqrt(fan). */
export const kaimingNormal = (shape: Shape, options: KaimingOptions = {}): Tensor =>
  normal(shape, 0, ...kaiming(shape, options))

const xavierStd = (shape: Shape, gain: number): number => gain * Math.sqrt(2 / (fans(shape).in + fans(shape).out))

/** Glorot and Bengio 2010, uniform: b = gain * sqrt(6 / (in + out)). */
export function xavierUniform(shape: Shape, options: RandomOptions & { gain?: number } = {}): Tensor {
  const { gain = 1, ...draw } = options
  const bound = Math.sqrt(3) * xavierStd(shape, gain)
  return uniform(shape, -bound, bound, draw)
}
/** Glorot and Bengio 2010, normal: std = gain * sqrt(2 / (in + out)). */
export function xavierNormal(shape: Shape, options: RandomOptions & { gain?: number } = {}): Tensor {
  const { gain = 1, ...draw } = options
  return normal(shape, 0, xavierStd(shape, gain), draw)
}

export interface TruncNormalOptions extends RandomOptions {
  /** default 0 */
  readonly mean?: number
  /** default 1 */
  readonly std?: number
  /** values between these bounds, which are values and not deviations; default -2 and 2 */
  readonly low?: number
  readonly high?: number
}

/** N(mean, std^2) within bounds: the inverse of the normal distribution at uniform numbers, as torch has it. */
export function truncNormal(shape: Shape, options: TruncNormalOptions = {}): Tensor {
  const { mean = 0, std = 1, low = -2, high = 2, ...draw } = options
  if (!(low < high) || !(std > 0))
    throw new CairnError('truncNormal', `needs low < high and std > 0, got ${low}, ${high} and ${std}`)
  const [a, b] = [erfOf((low - mean) / std / Math.SQRT2), erfOf((high - mean) / std / Math.SQRT2)]
  return drawn(shape, () =>
    erfinv(rand(shape, { ...draw, low: a, high: b }))
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp(low, high),
  )
}

/** The error function to double precision: its series near 0, the continued fraction of erfc beyond (Abramowitz and Stegun 7.1.5, 7.1.14). */
function erfOf(x: number): number {
  const z = Math.abs(x)
  if (z < 2.5) {
    let [term, sum] = [z, z]
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-z * z) / n
      sum += term / (2 * n + 1)
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction)
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction))
}

/** Normal numbers drawn on the host, in pairs (Box and Muller 1958). */
function hostNormals(count: number, generator: Generator): Float64Array {
  const out = new Float64Array(count)
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - generator.uniform()))
    const angle = 2 * Math.PI * generator.uniform()
    out[i] = radius * Math.cos(angle)
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle)
  }
  return out
}

/**
 * Rows or columns, whichever are fewer, at right angles and of length `gain` (Saxe et al. 2014); axes after the first count as columns.
 * Drawn and orthogonalised on the host, in double precision.
 */
export function orthogonal(shape: Shape, options: RandomOptions & { gain?: number } = {}): Tensor {
  if (shape.length < 2) throw new ShapeError('orthogonal', 'needs at least two axes', { shape: [...shape] })
  return drawn(shape, () => {
    const { gain = 1, generator = defaultGenerator(), ...rest } = options
    const rows = shape[0]
    const columns = shape.slice(1).reduce((a, b) => a * b, 1)
    const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)]
    const vectors = Array.from({ length: count }, () => hostNormals(length, generator))
    // Gram and Schmidt, twice: once more takes away what rounding left
    vectors.forEach((v, i) => {
      for (const _ of [1, 2])
        for (let j = 0; j < i; j++) {
          const w = vectors[j]
          let product = 0
          for (let n = 0; n < length; n++) product += v[n] * w[n]
          for (let n = 0; n < length; n++) v[n] -= product * w[n]
        }
      const size = Math.sqrt(v.reduce((s, x) => s + x * x, 0))
      for (let n = 0; n < length; n++) v[n] /= size
    })
    const values = new Float32Array(rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++)
        values[r * columns + c] = gain * (rows <= columns ? vectors[r][c] : vectors[c][r])
    return tensor(values, shape, rest)
  })
}

/** N(0, std^2) with the share `sparsity` of each column set to 0 (Martens 2010). @param shape [rows, columns] */
export function sparse(shape: Shape, sparsity: number, options: RandomOptions & { std?: number } = {}): Tensor {
  if (shape.length !== 2) throw new ShapeError('sparse', 'needs two axes', { shape: [...shape] })
  if (!(sparsity >= 0 && sparsity <= 1))
    throw new CairnError('sparse', `the sparsity must be in [0, 1], not ${sparsity}`)
  return drawn(shape, () => {
    // the rows of the smallest of uniform numbers are as good as any
    const { std = 0.01, ...draw } = options
    const order = rand(shape, draw).argsort(0).argsort(0)
    const values = normal(shape, 0, std, draw)
    return values.where(order.ge(Math.ceil(sparsity * shape[0])), 0)
  })
}

/** Ones on the diagonal. @param shape [rows, columns] */
export function eye(shape: Shape): Tensor {
  if (shape.length !== 2) throw new ShapeError('eye', 'needs two axes', { shape: [...shape] })
  return skipping ? zerosOf(shape) : eyeOf(shape[0], shape[1])
}

/** A convolution that gives its input: 1 in the middle of the window, from each channel to itself in each group. */
export function dirac(shape: Shape, options: { groups?: number } = {}): Tensor {
  const { groups = 1 } = options
  const [outputs, inputs, ...window] = shape
  if (window.length === 0 || outputs % groups !== 0)
    throw new ShapeError('dirac', `needs [outputs, inputs, ...window] with outputs that ${groups} groups divide`)
  const size = window.reduce((a, b) => a * b, 1)
  const middle = window.reduce((at, n) => at * n + Math.floor(n / 2), 0)
  const values = new Float32Array(outputs * inputs * size)
  const each = outputs / groups
  for (let o = 0; o < outputs; o++) if (o % each < inputs) values[(o * inputs + (o % each)) * size + middle] = 1
  return skipping ? zerosOf(shape) : tensor(values, shape)
}

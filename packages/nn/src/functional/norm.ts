// Normalisation as functions: statistics over some axes, then scale and shift.

import { composite, type Tensor } from '@cairn/tensor'

/** (x - mean) / sqrt(variance + eps) over axes, two passes: the variance is that of the centred values. */
function standardize(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const centred = x.sub(x.mean(axes, { keepDim: true }))
  return centred.mul(centred.mul(centred).mean(axes, { keepDim: true }).add(eps).rsqrt())
}

const lastAxes = (count: number): number[] => Array.from({ length: count }, (_, i) => i - count)

function affine(x: Tensor, weight?: Tensor | null, bias?: Tensor | null): Tensor {
  const scaled = weight ? x.mul(weight) : x
  return bias ? scaled.add(bias) : scaled
}

/** A norm with its scale and shift as one node. @param options what `norm` depends on */
function normalized(
  name: string,
  options: string,
  norm: (x: Tensor) => Tensor,
  x: Tensor,
  weight?: Tensor | null,
  bias?: Tensor | null,
): Tensor {
  if (weight && bias)
    return composite(name, `${options} scaled, shifted`, [x, weight, bias], (x, w, b) => affine(norm(x), w, b))
  if (weight) return composite(name, `${options} scaled`, [x, weight], (x, w) => affine(norm(x), w))
  if (bias) return composite(name, `${options} shifted`, [x, bias], (x, b) => affine(norm(x), null, b))
  return composite(name, options, [x], norm)
}

export interface NormOptions {
  readonly weight?: Tensor | null
  readonly bias?: Tensor | null
  readonly eps?: number
}

/**
 * Layer normalisation over the last axes (Ba et al. 2016).
 * @param axes how many of the last axes; weight and bias have their shape
 */
export const layerNorm = (x: Tensor, axes = 1, { weight, bias, eps = 1e-5 }: NormOptions = {}): Tensor =>
  normalized('layerNorm', `${axes} ${eps}`, x => standardize(x, lastAxes(axes), eps), x, weight, bias)

/** Root mean square normalisation over the last axis (Zhang and Sennrich 2019): x / sqrt(mean(x^2) + eps) * weight. */
export const rmsNorm = (x: Tensor, { weight, eps = 1e-6 }: Omit<NormOptions, 'bias'> = {}): Tensor =>
  normalized('rmsNorm', `${eps}`, x => x.mul(x.mul(x).mean(-1, { keepDim: true }).add(eps).rsqrt()), x, weight)

/** A [channels] vector against [batch, channels, ...]. */
const alongChannels = (v: Tensor | null | undefined, rank: number): Tensor | null =>
  v ? v.reshape([-1, ...new Array<number>(rank - 2).fill(1)].map((n, i) => (i === 0 ? v.size : n))) : null

/** Group normalisation (Wu and He 2018). @param x [batch, channels, ...]   weight, bias [channels] */
export function groupNorm(x: Tensor, groups: number, { weight, bias, eps = 1e-5 }: NormOptions = {}): Tensor {
  const grouped = x.reshape([x.shape[0], groups, -1])
  const out = standardize(grouped, [-1], eps).reshape(x.shape)
  return affine(out, alongChannels(weight, x.ndim), alongChannels(bias, x.ndim))
}

/** Axes of [batch, channels, ...] that batch normalisation takes statistics over: all but the channels. */
export const batchAxes = (x: Tensor): number[] => x.shape.flatMap((_, d) => (d === 1 ? [] : [d]))

/** Batch normalisation with the statistics of this batch (Ioffe and Szegedy 2015). @param x [batch, channels, ...] */
export const batchNorm = (x: Tensor, { weight, bias, eps = 1e-5 }: NormOptions = {}): Tensor =>
  affine(standardize(x, batchAxes(x), eps), alongChannels(weight, x.ndim), alongChannels(bias, x.ndim))

/** Batch normalisation with statistics from elsewhere. @param mean, variance [channels] */
export function batchNormWith(x: Tensor, mean: Tensor, variance: Tensor, options: NormOptions = {}): Tensor {
  const { weight, bias, eps = 1e-5 } = options
  const scale = variance.add(eps).rsqrt()
  const out = x.sub(alongChannels(mean, x.ndim)!).mul(alongChannels(scale, x.ndim)!)
  return affine(out, alongChannels(weight, x.ndim), alongChannels(bias, x.ndim))
}

/** Instance normalisation (Ulyanov et al. 2016): each channel of each example for itself. @param x [batch, channels, ...] */
export const instanceNorm = (x: Tensor, { weight, bias, eps = 1e-5 }: NormOptions = {}): Tensor =>
  affine(standardize(x, lastAxes(x.ndim - 2), eps), alongChannels(weight, x.ndim), alongChannels(bias, x.ndim))

export interface LocalResponseOptions {
  /** default 1e-4 */
  readonly alpha?: number
  /** default 0.75 */
  readonly beta?: number
  /** default 1 */
  readonly k?: number
}

/**
 * Local response normalisation (Krizhevsky et al. 2012): x / (k + alpha * mean of the squares of `count` channels around)^beta. Beyond the
 * first and last channel the squares are 0.
 * @param x [batch, channels, ...]
 */
export function localResponseNorm(x: Tensor, count: number, options: LocalResponseOptions = {}): Tensor {
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options
  const before = Math.floor(count / 2)
  const widths = x.shape.map((_, d): [number, number] => (d === 1 ? [before, count - 1 - before] : [0, 0]))
  const around = x.mul(x).pad(widths).windows(1, count).mean(-1)
  // windows stand behind the axis that they are of
  return x.div(around.mul(alpha).add(k).pow(beta))
}

// Reductions made of reductions: what skips NaN, counts, norms of any order, moments, covariance, histograms.

import { isFloat, isInteger } from '../dtype.ts'
import { CairnError, DTypeError, ShapeError } from '../errors.ts'
import { normalizeAxes } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { cast, checkCount, constantOf, needsFloat, positions, toFloat } from './build.ts'
import { isfinite } from './compare.ts'
import { where } from './elementwise.ts'
import { k } from './operand.ts'
import { type Axes, type KeepDim, max, mean, min, std, sum, variance } from './reduce.ts'
import { searchsorted } from './sort.ts'

const real = (x: Tensor): Tensor => (isFloat(x.dtype) ? where(x.isnan(), k(0), x) : x)

/** Sum of what is not NaN. */
export const nansum = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => sum(real(x), axes, options)
/** Mean of what is not NaN; NaN where nothing is left. */
export function nanmean(x: Tensor, axes?: Axes, options?: KeepDim): Tensor {
  needsFloat('nanmean', x)
  return sum(real(x), axes, options).div(cast(sum(x.isnan().not(), axes, options), x.dtype))
}
/** How many elements are not 0 (i32). */
export const countNonzero = (x: Tensor, axes?: Axes, options?: KeepDim): Tensor => sum(cast(x, 'bool'), axes, options)
/** [smallest, largest] */
export const aminmax = (x: Tensor, axes?: Axes, options?: KeepDim): [Tensor, Tensor] => [
  min(x, axes, options),
  max(x, axes, options),
]
export const amax = max
export const amin = min
/** [variance, mean] */
export const varMean = (x: Tensor, axes?: Axes, options?: KeepDim & { correction?: number }): [Tensor, Tensor] => [
  variance(x, axes, options),
  mean(x, axes, { keepDim: options?.keepDim }),
]
/** [standard deviation, mean] */
export const stdMean = (x: Tensor, axes?: Axes, options?: KeepDim & { correction?: number }): [Tensor, Tensor] => [
  std(x, axes, options),
  mean(x, axes, { keepDim: options?.keepDim }),
]

/** The p-norm of a - b, over all elements. */
export const dist = (a: Tensor, b: Tensor, p = 2): Tensor => a.sub(b).norm(undefined, { p })

/**
 * torch.renorm: slices along an axis whose p-norm is more than `limit` are scaled down to it.
 */
export function renorm(x: Tensor, p: number, axis: number, limit: number): Tensor {
  const [d] = normalizeAxes('renorm', axis, x.ndim)
  const others = x.shape.flatMap((_, i) => (i === d ? [] : [i]))
  const size = x.norm(others, { p, keepDim: true })
  return x.mul(where(size.gt(limit), size.add(k(1e-7)).reciprocal().mul(limit), k(1)))
}

/** Covariance of variables in rows, observations in columns. */
export function cov(x: Tensor, options: { readonly correction?: number } = {}): Tensor {
  const rows = x.ndim < 2 ? x.reshape([1, x.size]) : x
  if (rows.ndim !== 2) throw new ShapeError('cov', 'needs at most two axes', { shape: [...x.shape] })
  const centred = toFloat(rows).sub(mean(toFloat(rows), 1, { keepDim: true }))
  const out = centred.matmul(centred.transpose(0, 1)).div(Math.max(0, rows.shape[1] - (options.correction ?? 1)))
  return x.ndim < 2 ? out.reshape([]) : out
}
/** Correlation of variables in rows; within [-1, 1]. */
export function corrcoef(x: Tensor): Tensor {
  const c = cov(x)
  if (c.ndim === 0) return c.div(c)
  const size = c.diagonal().sqrt()
  return c.div(size.unsqueeze(1)).div(size.unsqueeze(0)).clamp(-1, 1)
}

/** Counting in this many strips side by side, since a scatter adds along its axis one after the other. */
const strips = 64

/** How often each number 0 .. length - 1 occurs, or the sum of its weights. */
function counted(index: Tensor, weights: Tensor, length: number): Tensor {
  const n = index.size
  const rows = n < 8 * strips ? 1 : strips
  const width = Math.ceil(n / rows)
  // what fills the last strip up counts 0 at 0
  const fill = (x: Tensor) =>
    x
      .reshape([n])
      .pad([[0, rows * width - n]])
      .reshape([rows, width])
  const zeros = constantOf(0, weights.dtype, weights.engine).expand([rows, length])
  return zeros.scatterAdd(1, fill(index), fill(weights)).sum(0)
}

/**
 * How often each number occurs in a 1-d tensor of integers from 0 up, or the sum of its weights.
 * @param length sizes are structure, so the number of bins is given: values must lie below it
 */
export function bincount(x: Tensor, length: number, options: { readonly weights?: Tensor } = {}): Tensor {
  if (!isInteger(x.dtype) || x.ndim !== 1)
    throw new DTypeError('bincount', `needs a 1-d integer tensor, got ${x.dtype} with ${x.ndim} axes`)
  checkCount('bincount', 'length', length)
  const { weights } = options
  if (weights && (weights.ndim !== 1 || weights.size !== x.size))
    throw new ShapeError('bincount', `${weights.size} weights for ${x.size} values`)
  return counted(cast(x, 'i32'), weights ?? cast(x.onesLike(), 'i32'), length)
}

export interface HistogramOptions {
  /** [lowest, highest]; default: those of the values, which may change without compiling */
  readonly range?: readonly [number, number]
  readonly weights?: Tensor
  /** divide by the total and the widths, so that the area is 1 */
  readonly density?: boolean
}
/**
 * Counts of all elements in bins of equal width, or between the given edges; the last bin includes its end. NaN and what lies outside count nowhere.
 * @param bins their number, or sorted edges [bins + 1]
 */
export function histogram(
  x: Tensor,
  bins: number | Tensor,
  options: HistogramOptions = {},
): { counts: Tensor; edges: Tensor } {
  const values = toFloat(x).detach().reshape([x.size])
  let edges: Tensor
  if (typeof bins === 'number') {
    checkCount('histogram', 'number of bins', bins, 1)
    edges = edgesOf(values, bins, options.range)
  } else edges = cast(bins, values.dtype)
  const count = edges.size - 1
  if (edges.ndim !== 1 || count < 1)
    throw new ShapeError('histogram', 'the edges need one axis of at least 2', { shape: [...edges.shape] })
  const [low, high] = [edges.narrow(0, 0, 1), edges.narrow(0, count, 1)]
  const inside = values.ge(low).and(values.le(high))
  const place = searchsorted(edges, values, { right: true })
    .sub(k(1))
    .clamp(0, count - 1)
  const weights = options.weights ? cast(options.weights.reshape([x.size]), values.dtype) : values.onesLike()
  const counts = counted(place, where(inside, weights, k(0)), count)
  if (!options.density) return { counts, edges }
  return { counts: counts.div(counts.sum()).div(edges.diff()), edges }
}

function edgesOf(values: Tensor, bins: number, range: readonly [number, number] | undefined): Tensor {
  const places = cast(positions([bins + 1], 0, values.engine), values.dtype)
  if (range) {
    const [low, high] = range
    if (!(low <= high)) throw new CairnError('histogram', `the range [${low}, ${high}] is not one`)
    const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high]
    return where(places.eq(bins), places.zerosLike().add(to), places.mul((to - from) / bins).add(from))
  }
  if (values.size === 0) return places.div(bins)
  const sane = isfinite(values)
  const least = min(where(sane, values, k(Infinity)))
  const most = max(where(sane, values, k(-Infinity)))
  const flat = least.eq(most)
  const [from, to] = [where(flat, least.sub(k(0.5)), least), where(flat, most.add(k(0.5)), most)]
  return where(places.eq(bins), to.expand([bins + 1]), places.mul(to.sub(from).div(bins)).add(from))
}
/** torch.histc: counts in bins of equal width between `low` and `high` (the extremes when both are 0). */
export const histc = (x: Tensor, bins = 100, low = 0, high = 0): Tensor =>
  histogram(x, bins, low === 0 && high === 0 ? {} : { range: [low, high] }).counts

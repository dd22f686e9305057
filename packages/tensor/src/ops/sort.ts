// Sorting, stable, on every device, without scatters: blocks are sorted by counting (how many elements come before this one), then pairs of runs are merged by
// their merge path (Odeh et al. 2012): each place of the result finds by binary search how much of it comes from the left run. Everything is reads.
// NaN counts as the largest value, as in torch.

import { isFloat, rangeOf } from '../dtype.ts'
import { CairnError, listed, ShapeError } from '../errors.ts'
import { normalizeAxis } from '../shape.ts'
import { Tensor } from '../tensor.ts'
import { checkCount, hostTensor, needsFloat, positions } from './build.ts'
import { cat } from './movement.ts'
import { k } from './operand.ts'
import type { KeepDim } from './reduce.ts'

export interface SortOptions {
  /** the largest first */
  readonly descending?: boolean
}

/** Blocks of up to this many elements are sorted by counting. */
const block = 64

const iota = (like: Tensor, axis: number, shape: readonly number[]): Tensor => positions(shape, axis, like.engine)

/** Whether a comes no later than b when b stands after a. */
function inOrder(a: Tensor, b: Tensor, descending: boolean): Tensor {
  const fits = descending ? a.ge(b) : a.le(b)
  return isFloat(a.dtype) ? fits.or((descending ? a : b).isnan()) : fits
}

/** A value that no other comes after. */
function last(x: Tensor, descending: boolean): number {
  const [low, high] = rangeOf(x.dtype)
  return descending ? low : isFloat(x.dtype) ? NaN : high
}

/** The first `wanted` positions of x [rows, n] in order along the last axis, i32 [rows, wanted]. */
function orderOf(x: Tensor, descending: boolean, wanted: number): Tensor {
  const [rows, n] = x.shape
  const levels = Math.max(0, Math.ceil(Math.log2(n / block)))
  const runs = 2 ** levels
  const width = Math.ceil(n / runs)
  const all = x
    .pad(
      [
        [0, 0],
        [0, runs * width - n],
      ],
      last(x, descending),
    )
    .reshape([rows, runs, width])

  // by counting: [rows, runs, i, j]
  const square = [rows, runs, width, width]
  const [here, other] = [all.unsqueeze(3).expand(square), all.unsqueeze(2).expand(square)]
  const before = iota(x, 3, square).lt(iota(x, 2, square))
  const precedes = before
    .and(inOrder(other, here, descending))
    .or(before.not().and(inOrder(here, other, descending).not()))
  const rank = precedes.to('i32').sum(3)
  // the element whose rank is i
  const hit = rank
    .unsqueeze(2)
    .expand(square)
    .eq(iota(x, 2, square))
  let length = Math.min(width, wanted)
  const local = iota(x, 3, square).where(hit, k(0)).sum(3).narrow(2, 0, length)
  let keys = all.gather(2, local)
  let order = local.add(iota(x, 1, local.shape).mul(width))

  for (let pairs = runs / 2; pairs >= 1; pairs /= 2) {
    const both = [rows, pairs, 2 * length]
    const size = Math.min(2 * length, wanted)
    const pick = mergePath(keys.reshape(both), length, size, descending)
    keys = keys.reshape(both).gather(2, pick)
    order = order.reshape(both).gather(2, pick)
    length = size
  }
  return order.reshape([rows, length])
}

/** For each place of the merged run the position in [left run | right run] of its element. */
function mergePath(keys: Tensor, width: number, size: number, descending: boolean): Tensor {
  const place = iota(keys, 2, [keys.shape[0], keys.shape[1], size])
  const most = place.clamp(undefined, width)
  const at = (i: Tensor) => keys.gather(2, i)
  // how many come from the left: at least those that the right run is too short for
  let left = place.sub(width).clamp(0)
  for (let step = 2 ** Math.floor(Math.log2(width)); step >= 1; step /= 2) {
    const more = left.add(step)
    const bounded = more.minimum(most)
    const fits = inOrder(
      at(bounded.sub(1).clamp(0)),
      at(
        place
          .sub(bounded)
          .clamp(0, width - 1)
          .add(width),
      ),
      descending,
    )
    left = more.where(fits.and(more.le(most)), left)
  }
  const right = place.sub(left)
  const a = at(left.clamp(0, width - 1))
  const b = at(right.clamp(0, width - 1).add(width))
  const takesLeft = right.ge(width).or(left.lt(width).and(inOrder(a, b, descending)))
  return left.where(takesLeft, right.add(width))
}

function placesOf(op: string, x: Tensor, axis: number, descending: boolean, wanted?: number): Tensor {
  if (x.ndim === 0) return x.zerosLike().to('i32')
  const d = normalizeAxis(op, axis, x.ndim)
  const n = x.shape[d]
  const count = wanted ?? n
  const shape = x.shape.with(d, count)
  const source = x.detach()
  const key = x.dtype === 'bool' ? source.to('i32') : source
  if (x.size === 0 || count === 0) return hostTensor([], shape, 'i32', x)
  const moved = key.transpose(d, -1)
  const order = orderOf(moved.reshape([x.size / n, n]), descending, count)
  return order
    .reshape([...moved.shape.slice(0, -1), order.shape[1]])
    .narrow(-1, 0, count)
    .transpose(d, -1)
}

/** x along an axis in order, and where each element came from (i32). Equal elements keep their order; NaN counts as largest. */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): [values: Tensor, indices: Tensor] {
  const indices = placesOf('sort', x, axis, options.descending ?? false)
  return [x.ndim === 0 ? x : x.gather(axis, indices), indices]
}

/** The positions (i32) that sort an axis; equal elements keep their order. */
export const argsort = (x: Tensor, axis = -1, options: SortOptions = {}): Tensor =>
  placesOf('argsort', x, axis, options.descending ?? false)

/**
 * The k largest elements of an axis (the smallest, with `largest: false`) in order, and where they are (i32).
 * Among equal elements the first come first.
 */
export function topk(
  x: Tensor,
  count: number,
  axis = -1,
  options: { readonly largest?: boolean } = {},
): [values: Tensor, indices: Tensor] {
  const size = x.ndim === 0 ? 1 : x.shape[normalizeAxis('topk', axis, x.ndim)]
  checkCount('topk', 'k', count)
  if (count > size) throw new ShapeError('topk', `there are no ${count} elements along axis ${axis}`, { size })
  const indices = placesOf('topk', x, axis, options.largest ?? true, count)
  return [x.ndim === 0 ? x : x.gather(axis, indices), indices]
}

/** The k-th smallest element (from 1) of an axis, and where it is (i32). */
export function kthvalue(x: Tensor, nth: number, axis = -1, options: KeepDim = {}): [value: Tensor, index: Tensor] {
  if (x.ndim === 0) return [x, x.zerosLike().to('i32')]
  const d = normalizeAxis('kthvalue', axis, x.ndim)
  checkCount('kthvalue', 'k', nth, 1)
  if (nth > x.shape[d])
    throw new ShapeError('kthvalue', `there are no ${nth} elements along axis ${d}`, { size: x.shape[d] })
  const index = placesOf('kthvalue', x, d, false, nth).narrow(d, nth - 1, 1)
  const value = x.gather(d, index)
  return options.keepDim ? [value, index] : [value.squeeze(d), index.squeeze(d)]
}

/** All elements in one axis, or the given axis last. */
function row(op: string, x: Tensor, axis: number | undefined): { x: Tensor; kept: number[]; shape: number[] } {
  if (axis === undefined) return { x: x.reshape([x.size]), kept: x.shape.map(() => 1), shape: [] }
  const d = normalizeAxis(op, axis, x.ndim)
  return {
    x: x.movedim(d, -1),
    kept: x.shape.with(d, 1),
    shape: x.shape.toSpliced(d, 1),
  }
}

function filled(op: string, x: Tensor, axis: number | undefined): void {
  const n = axis === undefined ? x.size : x.shape[normalizeAxis(op, axis, x.ndim)]
  if (n === 0) throw new ShapeError(op, 'nothing has no middle', { shape: [...x.shape] })
}

/** The middle element, the lower one of two, as torch.median; NaN when there is one. The gradient goes to that element. */
export function median(x: Tensor, axis?: number, options: KeepDim = {}): Tensor {
  filled('median', x, axis)
  const { x: rows, kept, shape } = row('median', x, axis)
  const n = rows.shape[rows.ndim - 1]
  const [value] = kthvalue(rows, Math.floor((n + 1) / 2), -1)
  if (!isFloat(x.dtype)) return value.reshape(options.keepDim ? kept : shape)
  const broken = rows.isnan().any(-1)
  return value.where(broken.not(), NaN).reshape(options.keepDim ? kept : shape)
}

/** The median of what is not NaN. */
export function nanmedian(x: Tensor, axis?: number, options: KeepDim = {}): Tensor {
  filled('nanmedian', x, axis)
  const { x: rows, kept, shape } = row('nanmedian', x, axis)
  if (!isFloat(x.dtype)) return median(x, axis, options)
  const [sorted] = sort(rows, -1)
  const count = rows.isnan().not().sum(-1, { keepDim: true })
  const middle = count.sub(1).clamp(0).shiftRight(1)
  return sorted.gather(-1, middle).reshape(options.keepDim ? kept : shape)
}

export interface QuantileOptions extends KeepDim {
  /** between two elements; default 'linear' */
  readonly interpolation?: 'linear' | 'lower' | 'higher' | 'nearest' | 'midpoint'
}

/**
 * The q-quantiles of all elements or of an axis, at q * (n - 1) of the sorted ones.
 * q lies in [0, 1]: a number (its axis leaves the result), or a list or 1-d tensor (a new first axis)
 */
export const quantile = (
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number,
  options: QuantileOptions = {},
): Tensor => quantiles('quantile', x, q, axis, options, false)
/** The quantiles of what is not NaN. */
export const nanquantile = (
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number,
  options: QuantileOptions = {},
): Tensor => quantiles('nanquantile', x, q, axis, options, true)

function quantiles(
  op: string,
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis: number | undefined,
  options: QuantileOptions,
  skip: boolean,
): Tensor {
  needsFloat(op, x)
  filled(op, x, axis)
  const list = typeof q === 'number' ? [q] : Array.isArray(q) ? q : null
  if (list?.some(v => !(v >= 0 && v <= 1))) throw new CairnError(op, 'q must lie in [0, 1]', { q: list })
  const at = q instanceof Tensor ? q.to(x.dtype).reshape([q.size]) : hostTensor(list!, [list!.length], x.dtype, x)
  const { x: rows, kept, shape } = row(op, x, axis)
  const [sorted] = sort(rows, -1)
  const real = rows.isnan().not().to(x.dtype).sum(-1, { keepDim: true })
  const n = rows.shape[rows.ndim - 1]
  // [..., q]
  const top = skip ? real.sub(1).clamp(0) : real.zerosLike().add(n - 1)
  const where = top.mul(at)
  const low = where.floor()
  const share = where.sub(low)
  const pick = (place: Tensor) => sorted.gather(-1, place.to('i32').clamp(0, n - 1))
  const found = between(options.interpolation ?? 'linear', pick, where, low, share, op)
  const whole = skip ? found.where(real.gt(k(0)), NaN) : found.where(real.eq(n), NaN)
  const single = typeof q === 'number' || (q instanceof Tensor && q.ndim === 0)
  if (single) return whole.reshape(options.keepDim ? kept : shape)
  return whole
    .permute([whole.ndim - 1, ...whole.shape.slice(0, -1).map((_, d) => d)])
    .reshape([at.size, ...(options.keepDim ? kept : shape)])
}

function between(
  how: NonNullable<QuantileOptions['interpolation']>,
  pick: (place: Tensor) => Tensor,
  where: Tensor,
  low: Tensor,
  share: Tensor,
  op: string,
): Tensor {
  switch (how) {
    case 'lower':
      return pick(low)
    case 'higher':
      return pick(where.ceil())
    case 'nearest':
      return pick(where.round())
    case 'linear':
    case 'midpoint': {
      const [a, b] = [pick(low), pick(where.ceil())]
      const weight = how === 'linear' ? share : share.gt(k(0)).to(a.dtype).mul(k(0.5))
      // without a step between infinities
      return a.add(
        b
          .sub(a)
          .mul(weight)
          .where(weight.gt(k(0)).and(a.ne(b)), k(0)),
      )
    }
    default:
      throw new CairnError(op, `there is no interpolation '${how satisfies never}'`)
  }
}

/**
 * Where values belong in sorted rows (i32): the number of elements less than each value, or with `right` not greater. NaN belongs at the end.
 * @param x sorted along its last axis: [n], or [..., n] with the leading axes of `values`   @param values any shape for [n], else [..., m]
 */
export function searchsorted(x: Tensor, values: Tensor | number, options: { readonly right?: boolean } = {}): Tensor {
  if (x.ndim === 0) throw new ShapeError('searchsorted', 'needs a sorted axis, not a 0-d tensor')
  const wanted = values instanceof Tensor ? values : hostTensor([values], [], x.dtype, x)
  const own = x.ndim === 1 ? wanted.reshape([1, wanted.size]) : wanted.reshape([x.size / x.shape[x.ndim - 1], -1])
  if (x.ndim > 1 && (wanted.ndim !== x.ndim || wanted.shape.slice(0, -1).some((n, d) => n !== x.shape[d])))
    throw new ShapeError('searchsorted', `the leading axes differ: ${listed(x.shape)} and ${listed(wanted.shape)}`)
  const n = x.shape[x.ndim - 1]
  const rows = x.detach().reshape([own.shape[0], n])
  let found = own.zerosLike().to('i32')
  if (n > 0)
    for (let step = 2 ** Math.floor(Math.log2(n)); step >= 1; step /= 2) {
      const more = found.add(step)
      const probe = rows.gather(1, more.clamp(undefined, n).sub(1))
      const stays = options.right ? probe.gt(own) : probe.ge(own)
      found = more.where(stays.not().and(more.le(n)), found)
    }
  return found.reshape(wanted.shape)
}

/** torch.bucketize: searchsorted with the arguments the other way round. Boundaries are [n], sorted. */
export const bucketize = (x: Tensor, boundaries: Tensor, options: { readonly right?: boolean } = {}): Tensor =>
  searchsorted(boundaries, x, options)

/**
 * The most frequent element along an axis, and the place (i32) of its last occurrence (torch.mode); of equally frequent ones the smallest.
 */
export function mode(x: Tensor, axis = -1, options: KeepDim = {}): [value: Tensor, index: Tensor] {
  const d = normalizeAxis('mode', axis, x.ndim)
  if (x.ndim === 0) return [x, x.zerosLike().to('i32')]
  if (x.shape[d] === 0) throw new ShapeError('mode', 'an empty axis has no mode', { shape: [...x.shape] })
  const [sorted, order] = sort(x.detach(), d)
  const at = iota(x, d, x.shape)
  const before = sorted.narrow(d, 0, x.shape[d] - 1)
  const begins = sorted.narrow(d, 1, x.shape[d] - 1).ne(before)
  const first = at.narrow(d, 1, x.shape[d] - 1).where(begins, k(0))
  const runs = cat([at.narrow(d, 0, 1), first], d).cummax(d)[0]
  const index = order.gather(d, at.sub(runs).argmax(d, { keepDim: true }))
  const value = x.gather(d, index)
  return options.keepDim ? [value, index] : [value.squeeze(d), index.squeeze(d)]
}

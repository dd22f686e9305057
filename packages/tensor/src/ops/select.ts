// Indexing by arrays, in NumPy's and torch's ways; what depends on data for its size reads, and so is asynchronous.

import { isInteger, rangeOf } from '../dtype.ts'
import { CairnError, DTypeError, IndexError, ShapeError } from '../errors.ts'
import { broadcastShapes, normalizeAxis, sizeOf } from '../shape.ts'
import { Tensor } from '../tensor.ts'
import { acrossSlices, asIndex, cast, constantOf, hostTensor, operand, positions } from './build.ts'
import { where } from './elementwise.ts'
import { gather, indexSelect, scatter, scatterAdd, scatterMax, scatterMin } from './indexing.ts'
import { type SliceRange, slice } from './movement.ts'
import { k, type Operand } from './operand.ts'

/** Negative indices count from the end. */
const wrapped = (index: Tensor, size: number): Tensor => where(index.lt(k(0)), index.add(size), index)

/** Elements by their position in the flattened tensor; negative ones count from the end. */
export const take = (x: Tensor, index: Tensor): Tensor =>
  indexSelect(x.reshape([x.size]), 0, wrapped(asIndex('take', index), x.size))

/** gather whose index broadcasts against x outside of the axis (numpy.take_along_axis); without an axis both are flattened. */
export function takeAlongDim(x: Tensor, index: Tensor, axis?: number): Tensor {
  if (axis === undefined) return take(x, index.reshape([index.size]))
  const d = normalizeAxis('takeAlongDim', axis, x.ndim)
  if (index.ndim !== x.ndim)
    throw new ShapeError('takeAlongDim', `the index has ${index.ndim} axes, the tensor ${x.ndim}`)
  const hide = (shape: readonly number[]) => shape.with(d, 1)
  const common = broadcastShapes('takeAlongDim', hide(x.shape), hide(index.shape))
  const own = x.expand(common.with(d, x.shape[d]))
  const wide = index.expand(common.with(d, index.shape[d]))
  return gather(own, d, wrapped(asIndex('takeAlongDim', wide), x.shape[d]))
}

/** A copy of x in which the slices that `index` numbers are replaced. */
export function indexCopy(x: Tensor, axis: number, index: Tensor, values: Tensor): Tensor {
  const d = normalizeAxis('indexCopy', axis, x.ndim)
  return scatter(x, d, acrossSlices('indexCopy', index, d, values.shape), values)
}
/** A copy of x in which the slices that `index` numbers hold `value`. */
export function indexFill(x: Tensor, axis: number, index: Tensor, value: Operand): Tensor {
  const d = normalizeAxis('indexFill', axis, x.ndim)
  const shape = x.shape.with(d, index.size)
  return scatter(x, d, acrossSlices('indexFill', index, d, shape), operand('indexFill', value, x).expand(shape))
}

export type ScatterReduce = 'sum' | 'mean' | 'amax' | 'amin'
/**
 * torch.scatter_reduce: the updates that fall to one place are added, averaged or compared, with what is there unless `includeSelf` is false.
 */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  updates: Tensor,
  reduce: ScatterReduce,
  options: { readonly includeSelf?: boolean } = {},
): Tensor {
  const self = options.includeSelf ?? true
  const zeros = constantOf(0, 'f32', x.engine).expand(x.shape)
  const ones = constantOf(1, 'f32', x.engine).expand(index.shape)
  const met = () => scatterAdd(zeros, axis, index, ones)
  const fresh = (value: number) =>
    self ? x : where(met().gt(k(0)), constantOf(value, x.dtype, x.engine).expand(x.shape), x)
  switch (reduce) {
    case 'sum':
      return scatterAdd(fresh(0), axis, index, updates)
    case 'mean': {
      const total = scatterAdd(fresh(0), axis, index, updates)
      const count = (self ? met().add(k(1)) : met().maximum(k(1))).to(x.dtype)
      return isInteger(x.dtype) ? total.floorDivide(count) : total.div(count)
    }
    case 'amax':
      return scatterMax(fresh(rangeOf(x.dtype)[0]), axis, index, updates)
    case 'amin':
      return scatterMin(fresh(rangeOf(x.dtype)[1]), axis, index, updates)
    default:
      throw new CairnError('scatterReduce', `there is no reduction '${reduce satisfies never}'`)
  }
}

/** An axis by a range (see `slice`), one index, a list of positions or of booleans, or an integer tensor. */
export type AxisIndex =
  | SliceRange
  | readonly number[]
  | readonly boolean[]
  | { readonly at: readonly number[] | Tensor }
  | Tensor

/**
 * NumPy's indexing: an entry for each axis from the first. Ranges and single numbers as in `slice`; `{ at: [0, 2, 2] }`, a list of booleans, or an integer tensor
 * picks by position. Picking entries broadcast against each other, and their axes stand where the first of them stood (in front, if a range lies between them).
 * A bool tensor has a size that only its values know: use `maskedSelect`, or `nonzero`.
 */
export function index(x: Tensor, ...entries: AxisIndex[]): Tensor {
  if (entries.length > x.ndim)
    throw new ShapeError('index', `${entries.length} entries for a tensor with ${x.ndim} axes`)
  const picks = entries.map((entry, d) => pickOf(entry, x, d))
  const plain = slice(
    x,
    ...entries.map((entry, d) => (picks[d] || typeof entry === 'number' ? null : (entry as SliceRange))),
  )
  const numbers = entries.map((entry, d) => (typeof entry === 'number' ? hostTensor([entry], [], 'i32', x) : picks[d]))
  if (!picks.some(p => p)) return slice(x, ...(entries as SliceRange[]))
  const axes = numbers.flatMap((p, d) => (p ? [d] : []))
  const shape = axes.map(d => numbers[d]!.shape).reduce((a, b) => broadcastShapes('index', a, b))
  const rest = plain.shape.map((_, d) => d).filter(d => !axes.includes(d))
  const moved = plain.permute([...axes, ...rest])
  const flat = axes.reduce<Tensor | null>((sum, d) => {
    const given = wrapped(numbers[d]!, plain.shape[d])
    // one picks rows, and is checked there; of several each must be held to its own axis, not to their product
    const own = (axes.length > 1 ? checked(given, plain.shape[d]) : given).expand(shape)
    return sum ? sum.mul(plain.shape[d]).add(own) : own
  }, null)!
  const rows = moved.reshape([sizeOf(axes.map(d => plain.shape[d])), ...rest.map(d => plain.shape[d])])
  const found = indexSelect(rows, 0, flat)
  const adjacent = axes.every((d, i) => i === 0 || d === axes[i - 1] + 1)
  if (!adjacent || axes[0] === 0) return found
  const picked = shape.map((_, i) => i)
  const others = rest.map((_, i) => shape.length + i)
  return found.permute([...others.slice(0, axes[0]), ...picked, ...others.slice(axes[0])])
}

/** The same indices; one outside of an axis of `size` elements is an error. */
const checked = (index: Tensor, size: number): Tensor => indexSelect(positions([size], 0, index.engine), 0, index)

function pickOf(entry: AxisIndex, x: Tensor, d: number): Tensor | null {
  if (entry instanceof Tensor) {
    if (entry.dtype === 'bool')
      throw new DTypeError(
        'index',
        'the size of a selection by a bool tensor depends on its values; use await x.maskedSelect(mask)',
      )
    return asIndex('index', entry)
  }
  if (entry === null || typeof entry !== 'object') return null
  if (!Array.isArray(entry) && 'at' in entry) {
    if (entry.at instanceof Tensor) return pickOf(entry.at, x, d)
    return listed(entry.at as readonly number[], x, d)
  }
  const list = entry as readonly unknown[]
  if (!list.some(v => typeof v === 'boolean')) return null
  if (list.length !== x.shape[d])
    throw new ShapeError('index', `${list.length} booleans for axis ${d}`, { size: x.shape[d] })
  return listed(
    list.flatMap((v, i) => (v ? [i] : [])),
    x,
    d,
  )
}

function listed(values: readonly number[], x: Tensor, d: number): Tensor {
  const n = x.shape[d]
  for (const v of values)
    if (!Number.isInteger(v) || v < -n || v >= n)
      throw new IndexError('index', `index ${v} is outside of axis ${d}`, { size: n })
  return hostTensor(values, [values.length], 'i32', x)
}

/** Positions of the non-zero elements, in order: i32 [count, axes]. Reads x. */
export async function nonzero(x: Tensor): Promise<Tensor> {
  const found = await flatNonzero(x)
  const strides = x.shape.map((_, d) => sizeOf(x.shape.slice(d + 1)))
  const rows = found.flatMap(i => strides.map((s, d) => Math.floor(i / s) % x.shape[d]))
  return hostTensor(rows, [found.length, x.ndim], 'i32', x)
}
async function flatNonzero(x: Tensor): Promise<number[]> {
  const values = await cast(x, 'bool').data()
  const found: number[] = []
  values.forEach((v: number | bigint, i: number) => {
    if (v) found.push(i)
  })
  return found
}
export const argwhere = nonzero

/** The elements where the mask holds (both broadcast), in order, as one axis. Reads the mask; gradients flow to x. */
export async function maskedSelect(x: Tensor, mask: Tensor): Promise<Tensor> {
  if (mask.dtype !== 'bool')
    throw new DTypeError('maskedSelect', `the mask must be bool, not ${mask.dtype}; compare first`)
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape)
  const wide = x.expand(shape)
  const found = await flatNonzero(mask.expand(shape))
  return indexSelect(wide.reshape([sizeOf(shape)]), 0, hostTensor(found, [found.length], 'i32', x))
}
/** A copy of x in which the places where the mask holds take the elements of `source` in order. */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  if (mask.dtype !== 'bool')
    throw new DTypeError('maskedScatter', `the mask must be bool, not ${mask.dtype}; compare first`)
  const flat = mask.expand(x.shape).reshape([x.size])
  const place = flat
    .to('i32')
    .cumsum(0)
    .sub(k(1))
    .clamp(0, Math.max(0, source.size - 1))
  return where(flat, indexSelect(source.reshape([source.size]), 0, place), x.reshape([x.size])).reshape(x.shape)
}

export interface Unique {
  /** sorted, each once */
  readonly values: Tensor
  /** for each element of x the place of its value (i32, the shape of x) */
  readonly inverse: Tensor
  /** how often each value occurs (i32) */
  readonly counts: Tensor
}
/**
 * The distinct elements, or with `axis` the distinct slices, in the order of their elements. NaN is none of the others, nor itself. Reads x.
 * @returns with `axis`: `values` as x with fewer slices, `inverse` one number for each slice of x
 */
export async function unique(x: Tensor, options: { readonly axis?: number } = {}): Promise<Unique> {
  if (options.axis !== undefined) return uniqueSlices(x, normalizeAxis('unique', options.axis, x.ndim))
  const values = await x.numbers()
  const order = values.map((_, i) => i)
  order.sort((i, j) => compare(values[i], values[j]) || i - j)
  return grouped(x, values, order)
}
/** The first of each run of equal elements in the flattened tensor. Reads x. */
export async function uniqueConsecutive(x: Tensor): Promise<Unique> {
  const values = await x.numbers()
  return grouped(
    x,
    values,
    values.map((_, i) => i),
  )
}
async function uniqueSlices(x: Tensor, d: number): Promise<Unique> {
  const n = x.shape[d]
  const width = n === 0 ? 0 : x.size / n
  const all = await x.movedim(d, 0).numbers()
  const slice = (i: number) => all.slice(i * width, (i + 1) * width)
  const slices = Array.from({ length: n }, (_, i) => slice(i))
  const inOrder = (a: readonly number[], b: readonly number[]): number => {
    const at = a.findIndex((v, i) => compare(v, b[i]) !== 0)
    return at < 0 ? 0 : compare(a[at], b[at])
  }
  const order = slices.map((_, i) => i)
  order.sort((i, j) => inOrder(slices[i], slices[j]) || i - j)
  const first: number[] = []
  const counts: number[] = []
  const inverse = new Int32Array(n)
  for (const i of order) {
    const last = first.at(-1)
    if (last === undefined || !slices[i].every((v, at) => v === slices[last][at])) {
      first.push(i)
      counts.push(0)
    }
    counts[counts.length - 1]++
    inverse[i] = first.length - 1
  }
  return {
    values: indexSelect(x, d, hostTensor(first, [first.length], 'i32', x)),
    inverse: hostTensor(inverse, [n], 'i32', x),
    counts: hostTensor(counts, [counts.length], 'i32', x),
  }
}

const compare = (a: number, b: number): number =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b || 0

function grouped(x: Tensor, values: readonly number[], order: readonly number[]): Unique {
  const found: number[] = []
  const counts: number[] = []
  const inverse = new Int32Array(values.length)
  for (const i of order) {
    if (found.length === 0 || values[i] !== found[found.length - 1]) {
      found.push(values[i])
      counts.push(0)
    }
    counts[counts.length - 1]++
    inverse[i] = found.length - 1
  }
  return {
    values: hostTensor(found, [found.length], x.dtype, x),
    inverse: hostTensor(inverse, x.shape, 'i32', x),
    counts: hostTensor(counts, [counts.length], 'i32', x),
  }
}

/** Which elements occur in `values`, as bool: by a search in their order. */
export function isin(x: Tensor, values: Tensor): Tensor {
  if (values.size === 0) return cast(x.zerosLike(), 'bool')
  const [sorted] = values.reshape([values.size]).sort(0)
  const place = sorted.searchsorted(cast(x, sorted.dtype)).clamp(0, values.size - 1)
  return indexSelect(sorted, 0, place).eq(cast(x, sorted.dtype))
}

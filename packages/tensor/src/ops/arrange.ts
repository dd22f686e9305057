// Movement made of views and reads: rolls, diagonals, padding by what is inside, grids.

import { promote } from '../dtype.ts'
import { CairnError, listed, ShapeError } from '../errors.ts'
import { broadcastShapes, normalizeAxis, type Shape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { cast, checkCount, positions } from './build.ts'
import { where } from './elementwise.ts'
import { cat, expand, flip, narrow, pad, permute, reshape, slice, split, transpose } from './movement.ts'
import { k } from './operand.ts'

/** Shifts elements along axes, those that leave come in at the other end; without axes as if flattened. */
export function roll(x: Tensor, shifts: number | readonly number[], axes?: number | readonly number[]): Tensor {
  if (axes === undefined) {
    if (typeof shifts !== 'number') throw new CairnError('roll', 'several shifts need as many axes')
    return reshape(roll(reshape(x, [x.size]), shifts, 0), x.shape)
  }
  const list = typeof axes === 'number' ? [axes] : axes
  const by = typeof shifts === 'number' ? list.map(() => shifts) : shifts
  if (by.length !== list.length) throw new ShapeError('roll', `${by.length} shifts for ${list.length} axes`)
  return list.reduce((out, axis, i) => {
    const d = normalizeAxis('roll', axis, x.ndim)
    const n = out.shape[d]
    checkCount('roll', 'shift', Math.abs(by[i]))
    const shift = n === 0 ? 0 : ((by[i] % n) + n) % n
    return shift === 0 ? out : cat([narrow(out, d, n - shift, shift), narrow(out, d, 0, n - shift)], d)
  }, x)
}

/** Rotates by quarter turns in the plane of two axes, from the first towards the second. */
export function rot90(x: Tensor, times = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  const [a, b] = axes.map(axis => normalizeAxis('rot90', axis, x.ndim))
  if (a === b) throw new ShapeError('rot90', 'needs two different axes')
  const turns = ((times % 4) + 4) % 4
  if (turns === 0) return x
  if (turns === 2) return flip(x, [a, b])
  return turns === 1 ? flip(transpose(x, a, b), a) : transpose(flip(x, a), a, b)
}

/** Moves axes to other places; the others keep their order. */
export function movedim(x: Tensor, from: number | readonly number[], to: number | readonly number[]): Tensor {
  const list = (v: number | readonly number[]) =>
    (typeof v === 'number' ? [v] : v).map(a => normalizeAxis('movedim', a, x.ndim))
  const [source, target] = [list(from), list(to)]
  if (
    source.length !== target.length ||
    new Set(source).size !== source.length ||
    new Set(target).size !== target.length
  )
    throw new ShapeError('movedim', `${listed(source)} and ${listed(target)} do not pair axes`)
  const rest = x.shape.map((_, d) => d).filter(d => !source.includes(d))
  return permute(
    x,
    x.shape.map((_, d) => (target.includes(d) ? source[target.indexOf(d)] : rest.shift()!)),
  )
}
export const moveaxis = movedim
export const swapaxes = transpose
export const swapdims = transpose
/** The last two axes swapped. */
export const mT = (x: Tensor): Tensor => transpose(x, -1, -2)
/** Axes of a matrix (or fewer) swapped. */
export function t(x: Tensor): Tensor {
  if (x.ndim > 2) throw new ShapeError('t', 'needs at most two axes; use transpose', { shape: [...x.shape] })
  return x.ndim < 2 ? x : transpose(x, 0, 1)
}
/** One axis as several; one size may be -1. */
export function unflatten(x: Tensor, axis: number, sizes: Shape): Tensor {
  const d = normalizeAxis('unflatten', axis, x.ndim)
  const known = sizes.reduce((n, s) => (s === -1 ? n : n * s), 1)
  const full = sizes.map(s => (s === -1 ? x.shape[d] / known : s))
  if (sizeOf(full) !== x.shape[d])
    throw new ShapeError('unflatten', `${listed(sizes)} does not multiply to ${x.shape[d]}`, { axis: d })
  return reshape(x, x.shape.toSpliced(d, 1, ...full))
}
export const broadcastTo = expand
/** Tensors stretched to their common shape. */
export function broadcastTensors(...tensors: Tensor[]): Tensor[] {
  const shape = tensors.map(t => t.shape).reduce((a, b) => broadcastShapes('broadcastTensors', a, b))
  return tensors.map(t => expand(t, shape))
}
/** Repeats the whole tensor along each axis, as numpy.tile: missing counts are 1. */
export function tile(x: Tensor, times: readonly number[]): Tensor {
  const all = [...new Array<number>(Math.max(0, x.ndim - times.length)).fill(1), ...times]
  return x.repeat(...all)
}

/** How many places a diagonal `offset` above (below, if negative) the main one has, and where it begins. */
function diagonalOf(rows: number, columns: number, offset: number): { length: number; row: number; column: number } {
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)]
  return { length: Math.max(0, Math.min(rows - row, columns - column)), row, column }
}

/** The diagonal of two axes as a last axis, `offset` above the main one: a view. */
export function diagonal(x: Tensor, offset = 0, axis1 = 0, axis2 = 1): Tensor {
  const [a, b] = [axis1, axis2].map(axis => normalizeAxis('diagonal', axis, x.ndim))
  if (a === b) throw new ShapeError('diagonal', 'needs two different axes')
  const moved = movedim(x, [a, b], [-2, -1])
  const r = x.ndim
  const [rows, columns] = moved.shape.slice(-2)
  const { length, row, column } = diagonalOf(rows, columns, offset)
  const lead = moved.shape.slice(0, -2)
  // in a square of its size, neighbours on the diagonal lie length + 1 apart
  const square = narrow(narrow(moved, r - 2, Math.min(row, rows), length), r - 1, Math.min(column, columns), length)
  return slice(reshape(square, [...lead, length * length]), ...lead.map(() => null), [null, null, length + 1])
}

/** The last axis as the diagonal of two new axes, zeros elsewhere. */
export function diagEmbed(x: Tensor, offset = 0, axis1 = -2, axis2 = -1): Tensor {
  if (x.ndim === 0) throw new ShapeError('diagEmbed', 'needs at least one axis')
  const n = x.shape[x.ndim - 1]
  const size = n + Math.abs(offset)
  const lead = x.shape.slice(0, -1)
  const shape = [...lead, size, size]
  const none = lead.map(() => [0, 0] as [number, number])
  const row = offset < 0 ? -offset : 0
  // row i holds element i - row, in every column; what is off the diagonal is dropped
  const rows = reshape(pad(x, [...none, [row, size - n - row]]), [...lead, size, 1])
  const [i, j] = [shape.length - 2, shape.length - 1].map(axis => positions(shape, axis, x.engine))
  const on = j.sub(i).eq(offset)
  const out = x.dtype === 'bool' ? expand(rows, shape).and(on) : where(on, expand(rows, shape), k(0))
  return movedim(out, [-2, -1], [axis1, axis2])
}
/** A matrix with this diagonal, or the diagonal of a matrix. */
export function diag(x: Tensor, offset = 0): Tensor {
  if (x.ndim === 1) return diagEmbed(x, offset)
  if (x.ndim !== 2) throw new ShapeError('diag', 'needs one or two axes', { shape: [...x.shape] })
  return diagonal(x, offset)
}
/** All elements as a diagonal. */
export const diagflat = (x: Tensor, offset = 0): Tensor => diagEmbed(reshape(x, [x.size]), offset)
/** The sum of a matrix's diagonal. */
export function trace(x: Tensor): Tensor {
  if (x.ndim !== 2) throw new ShapeError('trace', 'needs a matrix', { shape: [...x.shape] })
  return diagonal(x).sum()
}

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'
/**
 * torch.nn.functional.pad with torch's order: [before, after] of the last axis, then of the one before ...
 * @param mode 'reflect' mirrors without repeating the edge, 'replicate' repeats it, 'circular' goes on at the other end
 */
export function padLast(x: Tensor, widths: readonly number[], mode: PadMode = 'constant', value = 0): Tensor {
  if (widths.length % 2 !== 0 || widths.length / 2 > x.ndim)
    throw new ShapeError('padLast', `${widths.length} widths for a tensor with ${x.ndim} axes`)
  const pairs = x.shape.map((_, d): [number, number] => {
    const at = 2 * (x.ndim - 1 - d)
    return [widths[at] ?? 0, widths[at + 1] ?? 0]
  })
  return padWith(x, pairs, mode, value)
}
/** Like `pad`, with a choice of what stands around: a pair of widths for each axis. Negative widths cut. */
export function padWith(x: Tensor, widths: readonly (readonly [number, number])[], mode: PadMode, value = 0): Tensor {
  if (mode === 'constant') return pad(x, widths, value)
  if (widths.length !== x.ndim)
    throw new ShapeError('padWith', `needs a pair of widths for each of ${x.ndim} axes, got ${widths.length}`)
  return widths.reduce((out, [before, after], d) => around(out, d, before, after, mode), x)
}

function around(given: Tensor, d: number, before: number, after: number, mode: Exclude<PadMode, 'constant'>): Tensor {
  if (!Number.isInteger(before) || !Number.isInteger(after))
    throw new ShapeError('padWith', `widths ${listed([before, after])} are not whole`)
  const size = given.shape[d]
  const n = size + Math.min(before, 0) + Math.min(after, 0)
  if (n < 0) throw new ShapeError('padWith', `widths ${listed([before, after])} do not fit axis ${d}`, { size })
  const x = n < size ? narrow(given, d, Math.max(0, -before), n) : given
  const [a, b] = [Math.max(0, before), Math.max(0, after)]
  const most = mode === 'reflect' ? n - 1 : mode === 'circular' ? n : n === 0 ? 0 : Infinity
  if (Math.max(a, b) > Math.max(0, most))
    throw new ShapeError('padWith', `'${mode}' takes at most ${most} from axis ${d}, not ${Math.max(a, b)}`, {
      size: n,
    })
  /** `count` elements of x: mirrored, from the other end, or its last one, each from where it says */
  const side = (count: number, mirrored: number, around: number, last: number): Tensor[] => {
    if (count === 0) return []
    if (mode === 'reflect') return [flip(narrow(x, d, mirrored, count), d)]
    return [mode === 'circular' ? narrow(x, d, around, count) : expand(narrow(x, d, last, 1), x.shape.with(d, count))]
  }
  const parts = [...side(a, 1, n - a, 0), x, ...side(b, n - 1 - b, 0, n - 1)]
  return parts.length === 1 ? x : cat(parts, d)
}

/** `count` nearly equal pieces along an axis, or pieces between the listed positions, as torch.tensor_split. */
export function tensorSplit(x: Tensor, where: number | readonly number[], axis = 0): Tensor[] {
  const d = normalizeAxis('tensorSplit', axis, x.ndim)
  const n = x.shape[d]
  if (typeof where === 'number') {
    checkCount('tensorSplit', 'number of pieces', where, 1)
    const size = Math.floor(n / where)
    return split(
      x,
      Array.from({ length: where }, (_, i) => size + (i < n % where ? 1 : 0)),
      d,
    )
  }
  const ends = [...where, n].map(p => Math.min(n, Math.max(0, p < 0 ? p + n : p)))
  return ends.map((end, i) => {
    const start = i === 0 ? 0 : ends[i - 1]
    return narrow(x, d, start, Math.max(0, end - start))
  })
}

/** torch.meshgrid: coordinates of a grid, one tensor for each axis. `indexing` is 'ij' (default), or 'xy' with the first two swapped */
export function meshgrid(tensors: readonly Tensor[], options: { readonly indexing?: 'ij' | 'xy' } = {}): Tensor[] {
  for (const t of tensors)
    if (t.ndim > 1) throw new ShapeError('meshgrid', 'needs tensors with one axis', { shape: [...t.shape] })
  const swap = options.indexing === 'xy' && tensors.length > 1
  const axisOf = (i: number) => (swap && i < 2 ? 1 - i : i)
  const shape = tensors.map((_, i) => tensors[axisOf(i)].size)
  return tensors.map((t, i) =>
    expand(
      reshape(
        t,
        shape.map((n, d) => (d === axisOf(i) ? n : 1)),
      ),
      shape,
    ),
  )
}
/** Every combination of one element of each, in rows. */
export function cartesianProd(...tensors: Tensor[]): Tensor {
  const grids = meshgrid(tensors)
  const columns = grids.map(g => reshape(g, [g.size, 1]))
  return columns.length === 1 ? reshape(columns[0], [columns[0].size]) : cat(columns, 1)
}
/** Matrices along a diagonal, zeros elsewhere. */
export function blockDiag(...tensors: Tensor[]): Tensor {
  const blocks = tensors.map(x => (x.ndim === 2 ? x : reshape(x, [1, x.size])))
  const dtype = blocks.map(b => b.dtype).reduce(promote)
  const columns = blocks.reduce((n, b) => n + b.shape[1], 0)
  let at = 0
  const rows = blocks.map(b => {
    at += b.shape[1]
    return pad(cast(b, dtype), [
      [0, 0],
      [at - b.shape[1], columns - at],
    ])
  })
  return cat(rows, 0)
}
/** Powers of x as columns: x^(n - 1) ... x^0, or the other way round. */
export function vander(x: Tensor, columns = x.size, options: { readonly increasing?: boolean } = {}): Tensor {
  if (x.ndim !== 1) throw new ShapeError('vander', 'needs one axis', { shape: [...x.shape] })
  checkCount('vander', 'number of columns', columns)
  const powers = [x.onesLike()]
  for (let i = 1; i < columns; i++) powers.push(powers[i - 1].mul(x))
  const used = powers.slice(0, columns).map(p => reshape(p, [x.size, 1]))
  if (used.length === 0) return reshape(narrow(x, 0, 0, 0), [x.size, 0])
  return cat(options.increasing ? used : used.reverse(), 1)
}

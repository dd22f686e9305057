// Views as index arithmetic: where an element of a view lies in what it is a view of. This is all that movement ops mean
// to a kernel; `primitives/movement.ts` says the same for the plain evaluator.

import { type Dim, dim, isDim, mulDim, negDim, one, sameDim } from '../kernel/dim.ts'
import {
  addIndex,
  axisIndex,
  dimIndex,
  divIndex,
  type Index,
  modIndex,
  scaleIndex,
  zeroIndex,
} from '../kernel/index-expr.ts'
import type { GNode } from './gnode.ts'

export const viewOps: ReadonlySet<string> = new Set([
  'barrier',
  'reshape',
  'permute',
  'expand',
  'slice',
  'pad',
  'narrowAt',
  'window',
])

/** low <= value < high must hold, else the element is 0 */
export interface Bound {
  readonly index: Index
  readonly size: Dim
}

export interface Seen {
  readonly index: readonly Index[]
  /** conditions of a pad; empty elsewhere */
  readonly bounds: readonly Bound[]
  /** a start that is data (narrowAt): the axis it moves, added by the caller */
  readonly moved: { readonly axis: number; readonly start: GNode; readonly limit: readonly [Dim, Dim] } | null
}

const nothing = { bounds: [], moved: null }

/** The index in `view.sources[0]` of element `index` of the view. */
export function through(view: GNode, index: readonly Index[]): Seen {
  const [x] = view.sources
  switch (view.op) {
    case 'barrier':
      return { index, ...nothing }
    case 'reshape':
      return { index: reshapeIndex(index, view.shape, x.shape), ...nothing }
    case 'permute': {
      const out = new Array<Index>(index.length)
      view.axes.forEach((axis, i) => {
        out[axis] = index[i]
      })
      return { index: out, ...nothing }
    }
    case 'expand':
      return {
        index: index.slice(view.shape.length - x.shape.length).map((at, d) => (isDim(x.shape[d], 1) ? zeroIndex : at)),
        ...nothing,
      }
    case 'slice':
      return {
        index: index.map((at, d) => addIndex(dimIndex(view.sizes[d]), scaleIndex(at, dim(view.steps[d])))),
        ...nothing,
      }
    case 'pad': {
      const bounds: Bound[] = []
      const inner = index.map((at, d) => {
        const before = view.sizes[2 * d]
        const moved = isDim(before, 0) ? at : addIndex(at, dimIndex(negDim(before)))
        if (!isDim(before, 0) || !isDim(view.sizes[2 * d + 1], 0)) bounds.push({ index: moved, size: x.shape[d] })
        return moved
      })
      return { index: inner, bounds, moved: null }
    }
    case 'window': {
      const [step, dilation] = view.steps.map(dim)
      const within = scaleIndex(index[index.length - 1], dilation)
      return {
        index: x.shape.map((_, d) => (d === view.axis ? addIndex(scaleIndex(index[d], step), within) : index[d])),
        ...nothing,
      }
    }
    case 'narrowAt':
      return {
        index,
        bounds: [],
        moved: { axis: view.axis, start: view.sources[1], limit: [x.shape[view.axis], view.shape[view.axis]] },
      }
    default:
      throw new Error(`${view.op} is not a view`)
  }
}

/** The index of an element below a chain of views, from the outermost on; null where one has borders, or a start that is data. */
export function below(views: readonly GNode[], index: readonly Index[]): readonly Index[] | null {
  let at = index
  for (const view of views) {
    const seen = through(view, at)
    if (seen.bounds.length || seen.moved) return null
    at = seen.index
  }
  return at
}

export const stridesOf = (shape: readonly Dim[]): Dim[] => {
  const strides = new Array<Dim>(shape.length)
  let stride = one
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride
    stride = mulDim(stride, shape[d])
  }
  return strides
}

export function flatIndex(index: readonly Index[], shape: readonly Dim[]): Index {
  const strides = stridesOf(shape)
  return index.reduce((sum, at, d) => (isDim(shape[d], 1) ? sum : addIndex(sum, scaleIndex(at, strides[d]))), zeroIndex)
}

/** Index of the same element in another shape of equal size: axes are matched in groups of equal product, so most stay as they are. */
export function reshapeIndex(index: readonly Index[], from: readonly Dim[], to: readonly Dim[]): Index[] {
  const out = new Array<Index>(to.length).fill(zeroIndex)
  let i = from.length
  let j = to.length
  while (i > 0 && j > 0) {
    if (isDim(from[i - 1], 1)) {
      i--
      continue
    }
    if (isDim(to[j - 1], 1)) {
      j--
      continue
    }
    // the smallest runs of axes, from the right, with equal products
    let left = i - 1
    let right = j - 1
    let a = from[left]
    let b = to[right]
    while (!sameDim(a, b)) {
      if (right === 0 || (left > 0 && a.sample < b.sample)) {
        if (left === 0) break
        a = mulDim(a, from[--left])
      } else b = mulDim(b, to[--right])
    }
    const flat = flatIndex(index.slice(left, i), from.slice(left, i))
    let step = one
    for (let d = j - 1; d >= right; d--) {
      const above = divIndex(flat, step)
      out[d] = d === right ? above : modIndex(above, to[d])
      step = mulDim(step, to[d])
    }
    i = left
    j = right
  }
  return out
}

/** Whether elements of x differ along one axis only: below its views lies a list. */
export function liesAlong(x: GNode, axis: number): boolean {
  const axes = x.shape.map((size, id) => ({ id, size }))
  const views: GNode[] = []
  let at = x
  for (; viewOps.has(at.op); at = at.sources[0]) views.push(at)
  const index = below(views, axes.map(axisIndex))
  const along = ({ terms }: Index): boolean =>
    terms.every(({ atom }) => {
      if (!atom) return true
      if (atom.kind === 'axis') return atom.axis.id === axis
      return atom.kind !== 'value' && along(atom.of)
    })
  return index !== null && along(flatIndex(index, at.shape))
}

// Where nodes lie on the axes of a group: which axes an index runs along, whether each element is met once, and the way back from a place to axes.

import { type Dim, isDim, mulDim, one, productDim, sameDim } from '../kernel/dim.ts'
import { type Axis, axisIndex, divIndex, type Index, modIndex, zeroIndex } from '../kernel/index-expr.ts'
import type { GNode } from './gnode.ts'
import type { Group } from './group.ts'
import { flatIndex, through } from './views.ts'

export const noNode = (): never => {
  throw new Error('schedule: an index value in a view')
}

export const sameSizes = (a: readonly Dim[], b: readonly Dim[]): boolean => {
  const x = a.filter(d => !isDim(d, 1))
  const y = b.filter(d => !isDim(d, 1))
  return x.length === y.length && x.every((d, i) => sameDim(d, y[i]))
}

/** The axes of a flat index that runs through each combination of them once; null if it is no such mixed-radix number. */
export function usedAxes(flat: Index): Axis[] | null {
  const terms = flat.terms.slice()
  const used: Axis[] = []
  let span: Dim = one
  while (terms.length) {
    const at = terms.findIndex(t => t.atom?.kind === 'axis' && sameDim(t.coef, span))
    if (at < 0) return null
    const atom = terms[at].atom!
    if (atom.kind !== 'axis' || used.includes(atom.axis)) return null
    used.push(atom.axis)
    span = mulDim(span, atom.axis.size)
    terms.splice(at, 1)
  }
  return used
}

/** Whether a node of `shape` at `index` is met exactly once by the group's axes ('whole'), or by all but the inner ones ('either'). */
export function covers(group: Group, index: readonly Index[], shape: readonly Dim[], how: 'whole' | 'either'): boolean {
  const used = usedAxes(flatIndex(index, shape))
  if (!used || !sameDim(productDim(used.map(a => a.size)), productDim(shape))) return false
  const missing = group.axes.filter(a => !isDim(a.size, 1) && !used.includes(a))
  if (missing.length === 0) return true
  return (
    how === 'either' &&
    group.inner.length > 0 &&
    group.anchor === null &&
    missing.every(a => group.inner.includes(a)) &&
    !used.some(a => group.inner.includes(a))
  )
}

/** The group sums down columns, and the node's rows lie across them: stored there, its memory would be walked the wrong way. */
export function runsAcross(group: Group, index: readonly Index[], node: GNode): boolean {
  if (group.inner.length === 0) return false
  const flat = flatIndex(index, node.shape)
  const fastest = flat.terms.find(t => t.atom?.kind === 'axis' && isDim(t.coef, 1))?.atom
  if (fastest?.kind !== 'axis') return false
  const covered = flat.terms.some(
    t => t.atom?.kind === 'axis' && group.inner.some(a => t.atom?.kind === 'axis' && a.id === t.atom.axis.id),
  )
  return covered && !group.inner.some(a => a.id === fastest.axis.id)
}

/** Evaluating the node there would repeat it for every row: it varies along the fastest axis but not along others. */
export function spreads(group: Group, index: readonly Index[], node: GNode): boolean {
  const used = usedAxes(flatIndex(index, node.shape))
  if (!used) return false
  // of a kernel with several spaces, only the loops around the node
  const around = [...group.reduces.values()].filter(r => r.over.some(a => used.includes(a))).flatMap(r => r.over)
  const loops = group.axes.filter(
    a => !isDim(a.size, 1) && (around.length === 0 || around.includes(a) || !group.inner.includes(a)),
  )
  const last = loops[loops.length - 1]
  if (!last || !used.includes(last)) return false
  return loops.filter(a => !used.includes(a)).reduce((n, a) => n * a.size.sample, 1) > 4
}

/** The group's axes in terms of new axes that run over `shape`, where the node of that shape lies at `index`. */
export function inverse(
  own: readonly Axis[],
  index: readonly Index[],
  shape: readonly Dim[],
  axesOf: readonly Axis[],
): Map<number, Index> | null {
  const flat = flatIndex(index, shape)
  const target = flatIndex(axesOf.map(axisIndex), shape)
  const mapping = new Map<number, Index>()
  for (const axis of own) {
    if (isDim(axis.size, 1)) {
      mapping.set(axis.id, zeroIndex)
      continue
    }
    const term = flat.terms.find(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id)
    if (!term) return null
    mapping.set(axis.id, extract(target, term.coef, axis.size, productDim(shape)))
  }
  return mapping
}

/** Where an element of an attention's result lies in a copy of views of it: linear, contiguous along the last axis; else null. */
export function storedAs(copy: GNode, node: GNode, axes: readonly Axis[]): Index | null {
  if (copy === node) return flatIndex(axes.map(axisIndex), node.shape)
  if (copy.op !== 'copy') return null
  const own = copy.shape.map((size, i): Axis => ({ id: -1 - i, size }))
  let place: readonly Index[] = own.map(axisIndex)
  let at = copy.sources[0]
  while (at !== node) {
    if (at.op !== 'permute' && at.op !== 'reshape') return null
    place = through(at, place).index
    at = at.sources[0]
  }
  const mapping = inverse(own, place, node.shape, axes)
  if (!mapping) return null
  const index = flatIndex(
    own.map(a => mapping.get(a.id)!),
    copy.shape,
  )
  const last = axes[axes.length - 1]
  const contiguous = index.terms.some(t => t.atom?.kind === 'axis' && t.atom.axis === last && isDim(t.coef, 1))
  return index.terms.every(t => t.atom?.kind === 'axis') && (contiguous || isDim(last.size, 1)) ? index : null
}

const extract = (flat: Index, stride: Dim, size: Dim, whole: Dim): Index => {
  const above = divIndex(flat, stride)
  return sameDim(mulDim(stride, size), whole) ? above : modIndex(above, size)
}

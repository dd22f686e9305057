// Groups as kernels: map kernels, row kernels (several loops over a row, reductions between them), column reductions, and by lower-alone.ts
// and lower-attention.ts what is the heart of a kernel of its own. Which loops there are follows from the schedule; what is computed in them from emit.ts.

import { computeType, type DType } from '../dtype.ts'
import { type Dim, dim, isConstant, isDim, productDim } from '../kernel/dim.ts'
import {
  type Axis,
  addIndex,
  axisIndex,
  dimIndex,
  divIndex,
  type Index,
  modIndex,
  scaleIndex,
  substitute,
} from '../kernel/index-expr.ts'
import type { Expr, Stmt } from '../kernel/ir.ts'
import { attentionOps } from '../primitives/attention-sources.ts'
import { type Access, type Ref, valueRef } from './emit.ts'
import { Frame, isLoop, type Lowered, type LowerOptions, nameOf, newAxis, ownNodes } from './frame.ts'
import type { GNode } from './gnode.ts'
import type { Group } from './group.ts'
import { isLong, isLongDown, pieceLength } from './long.ts'
import { lowerCustom, lowerMatmul, lowerProgram, lowerScatter } from './lower-alone.ts'
import { lowerAttention } from './lower-attention.ts'
import { accumulator, declare, nest, type Reduction, reductionsOf, type Space, spacesOf, update } from './reductions.ts'
import { homesOf, renumberScratch, type Scratch, sameIndex, scratchOf } from './scratch-rows.ts'
import { flatIndex } from './views.ts'

export function lower(group: Group, options: LowerOptions): Lowered[] {
  if (group.anchor?.op === 'matmul') return [lowerMatmul(group, options)]
  if (group.anchor?.op === 'scatter') return lowerScatter(group, options)
  if (group.anchor?.op === 'custom') return [lowerCustom(group, options)]
  if (group.anchor?.op === 'program') return [lowerProgram(group, options)]
  if (group.anchor && attentionOps.has(group.anchor.op))
    return lowerAttention(group, options, own => new Frame(options, own), nameOf(group, options))
  if (group.inner.length) return lowerRows(group, options)
  return [lowerMap(group, options)]
}

function lowerMap(group: Group, options: LowerOptions): Lowered {
  const frame = new Frame(options, ownNodes(group))
  return frame.loops(nameOf(group, options), group.axes, frame.stores(group.outputs))
}

function lowerRows(group: Group, options: LowerOptions): Lowered[] {
  const reductions = reductionsOf(group, options)
  const split = splitOf(group, reductions, options)
  return split ? lowerInTwo(group, split, options) : [lowerRow(group, reductions, options)]
}

function lowerRow(group: Group, reductions: readonly Reduction[], options: LowerOptions): Lowered {
  const frame = new Frame(options, ownNodes(group))
  const { inner } = group
  const outer = group.axes.filter(a => !inner.includes(a) && isLoop(a))
  const open = new Map<GNode, Reduction>()
  for (const r of reductions) frame.locals.set(r.node, () => (open.has(r.node) ? accumulator(r) : null))
  const isInner = (index: readonly Index[]) => dependsOnAxes(index, inner)
  const full = [...group.outputs].filter(([, index]) => isInner(index))
  const rows = [...group.outputs].filter(([, index]) => !isInner(index))
  // rows kept in scratch memory lie along the one space that all loops run over
  const scratch =
    options.scratch && spacesOf(reductions).length < 2
      ? scratchOf(group, reductions, full, options)
      : new Map<GNode, Scratch>()
  const homes = homesOf(scratch, full)
  const span = productDim(inner.map(a => a.size))
  const column = flatIndex(
    inner.map(axisIndex),
    inner.map(a => a.size),
  )

  const body: Stmt[] = []
  const levels = Math.max(-1, ...reductions.map(r => r.level)) + 1
  for (let level = 0; level < levels; level++) {
    const now = reductions.filter(r => r.level === level)
    const saved = [...scratch].filter(([, s]) => s.first === level)
    for (const space of spacesOf(now)) {
      const statements: Stmt[] = saved.map(([node, s]) => {
        const value = frame.emitter.value(node, s.index)
        const home = homes.get(node)
        if (home) return frame.store(valueRef(home), flatIndex(s.index, home.shape), value)
        return { kind: 'store', buffer: -1 - s.slot, index: column, value, mode: 'set', valid: null }
      })
      body.push(...space.reductions.map(declare), ...sumLoops(space, frame, statements))
    }
    for (const r of now) open.set(r.node, r)
    for (const [node, s] of saved) {
      const home = homes.get(node)
      const dtype = computeType(node.dtype)
      const load: Expr = home
        ? {
            op: 'load',
            dtype,
            buffer: frame.buffer(valueRef(home)),
            index: flatIndex(s.index, home.shape),
            valid: null,
          }
        : { op: 'load', dtype, buffer: -1 - s.slot, index: column, valid: null }
      frame.locals.set(node, index => (sameIndex(index, s.index) ? { ...load } : null))
    }
    frame.emitter.forget()
  }
  const stores = frame.stores(full)
  if (stores.length) body.push(...nest(inner, [], stores))
  body.push(...frame.stores(rows))

  return frame.loops(nameOf(group, options), outer, renumberScratch(body, frame.refs.length), {
    vector: columnwise(frame.emitter.loads, outer, inner),
    scratch: [...scratch.keys()].filter(n => !homes.has(n)).map(node => ({ dtype: node.dtype, size: span })),
  })
}

/** The loops of one space, each reduction taking the value of its source. */
function sumLoops({ over, reductions }: Space, frame: Frame, before: readonly Stmt[] = []): Stmt[] {
  const updates = reductions.map(r => update(r, frame.emitter.value(r.node.sources[0], r.source)))
  return nest(
    over,
    reductions.map(r => r.acc),
    [...before, ...updates],
  )
}

function dependsOnAxes(index: readonly Index[], axes: readonly Axis[]): boolean {
  const on = (i: Index): boolean =>
    i.terms.some(({ atom }) => {
      if (!atom) return false
      if (atom.kind === 'axis') return axes.some(a => a.id === atom.axis.id)
      return atom.kind === 'value' ? true : on(atom.of)
    })
  return index.some(on)
}

/** Rows of fewer elements do not fill the lanes: wherever they can be they are run side by side. */
const shortRow = 8
/** Of several short axes, as many elements as are written out. */
const shortRows = 64

/**
 * Whether rows are better run side by side than along themselves: where more of their loads are contiguous across the last outer axis, where fewer
 * of them jump, where they are windows, which are contiguous both ways, and where they are short.
 */
function columnwise(loads: readonly Access[], outer: readonly Axis[], inner: readonly Axis[]): boolean {
  const last = outer[outer.length - 1]
  const along = inner.filter(isLoop).at(-1)
  if (!last) return false
  if (!along) return true
  const long = outer.findLast(a => a.size.sample >= shortRow)
  const unit = (axis: Axis, { index }: Access) =>
    index.terms.some(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id && isDim(t.coef, 1))
  const contiguous = (axis: Axis) => loads.filter(l => unit(axis, l)).length
  const jumps = (axis: Axis) => loads.filter(l => dependsOnAxes([l.index], [axis]) && !unit(axis, l)).length
  if (contiguous(last) > contiguous(along)) return true
  if (!long) return false
  const all = productDim(inner.map(a => a.size))
  if (isConstant(all) && along.size.factor < shortRow && all.factor <= shortRows) return true
  return jumps(long) === 0 && (jumps(along) > 0 || loads.some(l => unit(long, l) && unit(along, l)))
}

/** The spaces of a group whose reductions are cut into pieces, which run in parallel; a second kernel joins them. */
interface Split {
  readonly long: readonly LongSpace[]
  readonly short: readonly Space[]
}

interface LongSpace extends Space {
  /** elements of a piece */
  readonly piece: number
  /** neighbouring results are loaded side by side */
  readonly columns: boolean
}

function splitOf(group: Group, reductions: readonly Reduction[], options: LowerOptions): Split | null {
  if (reductions.length === 0 || reductions.some(r => r.level > 0)) return null
  if ([...group.outputs.values()].some(index => dependsOnAxes(index, group.inner))) return null
  if (!group.axes.every(a => isConstant(a.size))) return null
  const outer = group.axes.filter(a => !group.inner.includes(a) && isLoop(a))
  const count = productDim(outer.map(a => a.size)).factor
  const long: LongSpace[] = []
  const short: Space[] = []
  const { columnPiece } = options
  for (const space of spacesOf(reductions)) {
    const inner = productDim(space.over.map(a => a.size)).factor
    const down = isLongDown(count, inner, columnPiece) && isColumns(group, space, outer, options)
    if (down) long.push({ ...space, piece: columnPiece, columns: true })
    else if (isLong(count, inner)) long.push({ ...space, piece: pieceLength, columns: false })
    else short.push(space)
  }
  return long.length ? { long, short } : null
}

function isColumns(group: Group, { over, reductions }: Space, outer: readonly Axis[], options: LowerOptions): boolean {
  if (outer.length === 0) return false
  const frame = new Frame(options, ownNodes(group))
  for (const r of reductions) frame.emitter.value(r.node.sources[0], r.source)
  return columnwise(frame.emitter.loads, outer, over)
}

const partialOf = (r: Reduction, shape: readonly Dim[]): Ref => ({
  key: `P${r.node.id}`,
  dtype: partialType(r.node.dtype),
  shape,
})

/** The pieces of one space: a kernel, and the axis over pieces. */
function lowerPieces(group: Group, space: LongSpace, outer: readonly Axis[], options: LowerOptions) {
  const whole = productDim(space.over.map(a => a.size)).factor
  const cut = (flat: boolean) => {
    const frame = new Frame(options, ownNodes(group))
    const [axis] = space.over
    const size = flat ? whole : axis.size.factor
    const length = flat ? space.piece : Math.max(1, Math.floor((space.piece * axis.size.factor) / whole))
    const piece = newAxis(dim(Math.ceil(size / length)))
    const offset = newAxis(dim(length))
    const at = addIndex(scaleIndex(axisIndex(piece), dim(length)), axisIndex(offset))
    const mapping = flat ? unflatten(at, space.over) : new Map([[axis.id, at]])
    const updates = space.reductions.map(r => {
      const index = r.source.map(i => substitute(i, mapping, e => e))
      return update(r, frame.emitter.value(r.node.sources[0], index))
    })
    const accs = space.reductions.map(r => r.acc)
    const loops: Stmt = {
      kind: 'loop',
      axis: offset,
      // always there in runs through memory, so that ragged ones are of one form with the others
      end: flat || size % length ? addIndex(dimIndex(dim(size)), scaleIndex(axisIndex(piece), dim(-length))) : null,
      reduces: accs,
      ordered: false,
      body: flat ? updates : nest(space.over.slice(1), accs, updates),
    }
    return { frame, piece, loops }
  }
  // as one run through memory where the operands lie so, which makes pieces of all shapes alike
  const asOne = cut(true)
  const plain = asOne.frame.emitter.loads.every(l => l.index.terms.every(t => !t.atom || t.atom.kind === 'axis'))
  const { frame, piece, loops } = plain ? asOne : cut(false)
  // the axis whose neighbours are loaded side by side is last
  const axes = space.columns ? [piece, ...outer] : [...outer, piece]
  const shape = axes.map(a => a.size)
  const place = flatIndex(axes.map(axisIndex), shape)
  const stores = space.reductions.map(r => frame.store(partialOf(r, shape), place, accumulator(r)))
  const body = [...space.reductions.map(declare), loops, ...stores]
  const lowered = frame.loops(`${nameOf(group, options)}: pieces`, axes, body, { vector: space.columns })
  return { lowered, piece, shape, place }
}

/** Each axis in terms of a position in row-major order. */
function unflatten(at: Index, axes: readonly Axis[]): Map<number, Index> {
  const mapping = new Map<number, Index>()
  axes.forEach((axis, i) => {
    const above = divIndex(at, productDim(axes.slice(i + 1).map(a => a.size)))
    mapping.set(axis.id, i === 0 ? above : modIndex(above, axis.size))
  })
  return mapping
}

function lowerInTwo(group: Group, { long, short }: Split, options: LowerOptions): Lowered[] {
  const outer = group.axes.filter(a => !group.inner.includes(a) && isLoop(a))
  const frame = new Frame(options, ownNodes(group))
  const pieces: Lowered[] = []
  const body: Stmt[] = []
  for (const space of long) {
    const { lowered, piece, shape, place } = lowerPieces(group, space, outer, options)
    pieces.push(lowered)
    const joins = space.reductions.map(r => {
      const ref = partialOf(r, shape)
      frame.emitter.loads.push({ ref, index: place })
      const dtype = computeType(ref.dtype)
      return update(r, { op: 'load', dtype, buffer: frame.buffer(ref), index: place, valid: null })
    })
    const reduces = space.reductions.map(r => r.acc)
    body.push(...space.reductions.map(declare))
    body.push({ kind: 'loop', axis: piece, end: null, reduces, ordered: false, body: joins })
  }
  for (const space of short) body.push(...space.reductions.map(declare), ...sumLoops(space, frame))
  for (const r of [...long, ...short].flatMap(s => s.reductions)) frame.locals.set(r.node, () => accumulator(r))
  body.push(...frame.stores(group.outputs))
  const joined = frame.loops(`${nameOf(group, options)}: join`, outer, body, { vector: long.every(s => s.columns) })
  return [...pieces, joined]
}

/** Partial sums of narrow floats stay wide. */
const partialType = (dtype: DType): DType => (dtype === 'f16' || dtype === 'bf16' ? 'f32' : dtype)

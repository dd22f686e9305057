// Groups as kernels: map kernels, row kernels (several loops over a row, reductions between them), column reductions, products with an
// epilogue, scatters. Which loops there are follows from the schedule; what is computed in them from emit.ts.

import { computeType, type DType } from '../dtype.ts'
import { type Dim, dim, isConstant, isDim, productDim } from '../kernel/dim.ts'
import {
  type Axis,
  addIndex,
  axisIndex,
  dimIndex,
  divIndex,
  type Index,
  indexKey,
  modIndex,
  scaleIndex,
  substitute,
  valueIndex,
  zeroIndex,
} from '../kernel/index-expr.ts'
import type { BufferParam, CustomKernel, Expr, Kernel, LoopKernel, ReduceOp, Stmt } from '../kernel/ir.ts'
import { mergeParallelAxes } from '../kernel/merge-axes.ts'
import { attentionOps } from '../primitives/attention-sources.ts'
import { type ReduceName, reduceStart } from '../primitives/reduce.ts'
import { type Access, bounded, Emitter, leafRef, type Ref, type Scope, valueRef } from './emit.ts'
import type { GNode } from './gnode.ts'
import { isLong, isLongDown, pieceLength } from './long.ts'
import { lowerAttention } from './lower-attention.ts'
import { type Group, isLeaf, isReduce, weightOf } from './schedule.ts'
import { flatIndex, viewOps } from './views.ts'

export interface Lowered {
  readonly kernel: Kernel
  /** what each buffer of the kernel is */
  readonly refs: readonly Ref[]
  /** for each scalar of the kernel, the slot in the graph's table */
  readonly scalars: readonly number[]
  readonly reads: readonly Access[]
  readonly writes: readonly Access[]
  /** for each result it stores, by the key of its Ref: the keys of what its value is loaded from */
  readonly sources: ReadonlyMap<string, ReadonlySet<string>>
}

export interface LowerOptions {
  /** kernels may keep a row in scratch memory */
  readonly scratch: boolean
  /** the ref under which a node's or leaf's memory is bound: in-place results share one */
  readonly place: (ref: Ref) => Ref
  readonly stored: (node: GNode) => boolean
  /** dq and the gradients of k and v by one kernel each: threads that cannot wait for each other */
  readonly splitAttention: boolean
  readonly buffersPerKernel: number
  /** rows of a piece of columns (long.ts) */
  readonly columnPiece: number
}

const combine: Readonly<Record<ReduceName, ReduceOp>> = { sum: 'add', prod: 'mul', amax: 'max', amin: 'min' }

let axisIds = 1_000_000
const fresh = (): number => axisIds++
const newAxis = (size: Dim): Axis => ({ id: fresh(), size })

/** Collects what a kernel binds while its expressions are made. */
export class Frame implements Scope {
  readonly refs: Ref[] = []
  readonly access: BufferParam['access'][] = []
  readonly scalars: number[] = []
  readonly scalarTypes: ReturnType<typeof computeType>[] = []
  readonly writes: Access[] = []
  readonly locals = new Map<GNode, (index: readonly Index[]) => Expr | null>()
  readonly emitter: Emitter
  readonly #options: LowerOptions
  readonly #own: ReadonlySet<GNode>

  constructor(options: LowerOptions, own: ReadonlySet<GNode>) {
    this.#options = options
    this.#own = own
    this.emitter = new Emitter(this)
  }
  stored(node: GNode): boolean {
    return !this.#own.has(node) && this.#options.stored(node)
  }
  local(node: GNode, index: readonly Index[]): Expr | null {
    return this.locals.get(node)?.(index) ?? null
  }
  buffer(ref: Ref, access: 'read' | 'write' = 'read'): number {
    const placed = this.#options.place(ref)
    let at = this.refs.findIndex(r => r.key === placed.key)
    if (at < 0) {
      at = this.refs.length
      this.refs.push(placed)
      this.access.push(access)
    } else if (this.access[at] !== access) this.access[at] = 'readwrite'
    return at
  }
  scalar(slot: number, dtype: ReturnType<typeof computeType>): number {
    const at = this.scalars.findIndex((s, i) => s === slot && this.scalarTypes[i] === dtype)
    if (at >= 0) return at
    this.scalars.push(slot)
    this.scalarTypes.push(dtype)
    return this.scalars.length - 1
  }
  store(ref: Ref, index: Index, value: Expr, mode: 'set' | ReduceOp = 'set', valid: Expr | null = null): Stmt {
    this.writes.push({ ref, index })
    const buffer = this.buffer(ref, 'write')
    if (mode !== 'set' && this.access[buffer] === 'write') this.access[buffer] = 'readwrite'
    return { kind: 'store', buffer, index, value, mode, valid }
  }
  head(name: string) {
    const buffers: BufferParam[] = this.refs.map((r, i) => ({
      dtype: r.dtype,
      access: this.access[i],
      size: productDim(r.shape),
    }))
    return { name, buffers, scalars: this.scalarTypes }
  }
  readonly sources = new Map<string, ReadonlySet<string>>()

  /**
   * Stores of results in an order in which each value is loaded before a result overwrites what it is loaded from. Where the results of an
   * optimizer are written in place, the parameter, made from the moments, goes before them.
   */
  stores(results: Iterable<readonly [GNode, readonly Index[]]>): Stmt[] {
    const values = [...results].map(([node, index]) => {
      const ref = valueRef(node)
      const value = this.emitter.value(node, index)
      const read = new Set(loadedBuffers(value))
      this.sources.set(ref.key, new Set([...read].flatMap(b => (b >= 0 ? [this.refs[b].key] : []))))
      return { ref, value, read, to: this.#options.place(ref).key, index: flatIndex(index, node.shape) }
    })
    const body: Stmt[] = []
    while (values.length) {
      const free = values.findIndex(
        v => !values.some(w => w !== v && [...w.read].some(b => this.refs[b]?.key === v.to)),
      )
      const [next] = values.splice(Math.max(0, free), 1)
      body.push(this.store(next.ref, next.index, next.value))
    }
    return body
  }

  lowered(kernel: Kernel): Lowered {
    const { refs, scalars, writes, sources } = this
    return { kernel, refs, scalars, reads: this.emitter.loads, writes, sources }
  }
}

/** The buffers that an expression loads from, its indices included. */
function loadedBuffers(e: Expr, seen = new Set<Expr>(), found: number[] = []): number[] {
  const stack = [e]
  while (stack.length) {
    const at = stack.pop()!
    if (seen.has(at)) continue
    seen.add(at)
    if (at.op === 'load') {
      found.push(at.buffer)
      if (at.valid) stack.push(at.valid)
      pushValues(at.index, stack)
    } else if (at.op === 'index') pushValues(at.index, stack)
    else if ('args' in at) stack.push(...at.args)
  }
  return found
}

function pushValues(index: Index, stack: Expr[]): void {
  for (const { atom } of index.terms) {
    if (atom?.kind === 'value') stack.push(atom.value)
    else if (atom?.kind === 'div' || atom?.kind === 'mod') pushValues(atom.of, stack)
  }
}

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

/** The ops that a kernel runs, for profiles and errors. */
function nameOf(group: Group, options: LowerOptions): string {
  const ops = new Set<string>()
  const seen = new Set<GNode>()
  const walk = (node: GNode, top: boolean): void => {
    if (seen.has(node) || ops.size > 11) return
    seen.add(node)
    if (isLeaf(node) || (!top && options.stored(node) && !group.reduces.has(node))) return
    for (const s of node.sources) walk(s, group.outputs.has(s) || s === group.anchor)
    if (!viewOps.has(node.op) && node.op !== 'copy') ops.add(node.op)
  }
  for (const node of group.outputs.keys()) walk(node, true)
  const [first] = group.outputs.keys()
  return `${[...ops].join(' ') || 'copy'} [${first.shape.map(d => d.sample).join(', ')}]`
}

const ownNodes = (group: Group): Set<GNode> =>
  new Set([...group.outputs.keys(), ...group.reduces.keys(), ...(group.anchor ? [group.anchor] : [])])

const isLoop = (axis: Axis): boolean => !isDim(axis.size, 1)

function lowerMap(group: Group, options: LowerOptions): Lowered {
  const frame = new Frame(options, ownNodes(group))
  const body = frame.stores(group.outputs)
  const kernel: LoopKernel = {
    kind: 'loop',
    ...frame.head(nameOf(group, options)),
    parallel: group.axes.filter(isLoop),
    vector: true,
    scratch: [],
    body,
  }
  return frame.lowered(mergeParallelAxes(kernel, fresh))
}

function lowerMatmul(group: Group, options: LowerOptions): Lowered {
  const node = group.anchor!
  const frame = new Frame(options, ownNodes(group))
  const rank = node.shape.length
  const [a, b] = node.sources
  const axes = group.axes
  const k = newAxis(a.shape[rank - 1])
  const batch = axes.slice(0, rank - 2)
  const [m, n] = axes.slice(rank - 2)
  const operand = (x: GNode, rows: Axis, columns: Axis) => {
    const e = frame.emitter.value(x, [...batch, rows, columns].map(axisIndex))
    if (e.op !== 'load') throw new Error(`matmul: an operand is not in memory: ${x.op}`)
    return { buffer: e.buffer, index: e.index }
  }
  const left = operand(a, m, k)
  const right = operand(b, k, n)
  const acc: Expr = { op: 'acc', dtype: 'f32', id: 0 }
  frame.locals.set(node, () => acc)
  const body = frame.stores(group.outputs)
  const kernel: Kernel = {
    kind: 'matmul',
    ...frame.head(nameOf(group, options)),
    batch: batch.filter(isLoop),
    m,
    n,
    k,
    a: left,
    b: right,
    body,
  }
  return frame.lowered(kernel)
}

/** A user's kernel over its sources as they lie in memory. */
function lowerCustom(group: Group, options: LowerOptions): Lowered {
  const node = group.anchor!
  const { name, wgsl, inputs, each } = node.custom!
  const frame = new Frame(options, new Set([node]))
  const operands = node.sources.map((s, i) => {
    const ref = isLeaf(s) ? leafRef(s) : valueRef(s)
    frame.emitter.loads.push({ ref, index: flatIndex(s.shape.map(zeroIndexOf), s.shape) })
    return { name: inputs[i], buffer: frame.buffer(ref), shape: s.shape }
  })
  const out = { name: 'out', buffer: frame.buffer(valueRef(node), 'write'), shape: node.shape }
  const kernel: CustomKernel = {
    kind: 'custom',
    ...frame.head(`${name} [${node.shape.map(d => d.sample).join(', ')}]`),
    wgsl,
    operands: [...operands, out],
    items: each === 'row' ? node.shape.slice(0, -1) : node.shape,
  }
  return frame.lowered(kernel)
}

/** An algorithm over its sources as they lie in memory: an item an example, or an element of its last axes that it runs over in parallel. */
function lowerProgram(group: Group, options: LowerOptions): Lowered {
  const node = group.anchor!
  const { name, write } = node.program!
  const frame = new Frame(options, new Set([node]))
  const sources = node.sources.map(s => {
    const ref = isLeaf(s) ? leafRef(s) : valueRef(s)
    frame.emitter.loads.push({ ref, index: flatIndex(s.shape.map(zeroIndexOf), s.shape) })
    return { buffer: frame.buffer(ref), shape: s.shape }
  })
  const out = { buffer: frame.buffer(valueRef(node), 'write'), shape: node.shape }
  frame.access[out.buffer] = 'readwrite'
  const { parallel, vector, body } = write(sources, out, computeType(node.dtype), newAxis)
  const kernel: LoopKernel = {
    kind: 'loop',
    ...frame.head(`${name} [${node.shape.map(d => d.sample).join(', ')}]`),
    parallel: parallel.filter(isLoop),
    vector,
    scratch: [],
    body,
  }
  return frame.lowered(kernel)
}

const zeroIndexOf = (): Index => zeroIndex

/** The index tensor picks a place along one axis: a copy of the base, then ordered writes. */
function lowerScatter(group: Group, options: LowerOptions): Lowered[] {
  const node = group.anchor!
  const [base, picks, updates] = node.sources
  const out = valueRef(node)
  const kernels: Lowered[] = []
  const inPlace = base.op === 'storage' && options.place(leafRef(base)).key === options.place(out).key
  const name = nameOf(group, options)
  if (!inPlace) {
    const frame = new Frame(options, new Set([node]))
    const index = group.axes.map(axisIndex)
    const body = [frame.store(out, flatIndex(index, node.shape), frame.emitter.value(base, index))]
    const kernel: LoopKernel = {
      kind: 'loop',
      ...frame.head(`${name}: base`),
      parallel: group.axes.filter(isLoop),
      vector: true,
      scratch: [],
      body,
    }
    kernels.push(frame.lowered(mergeParallelAxes(kernel, fresh)))
  }
  const frame = new Frame(options, new Set([node]))
  const axes = updates.shape.map(newAxis)
  const index = axes.map(axisIndex)
  const pick = frame.emitter.value(picks, index)
  const along: Expr = pick.dtype === 'i32' ? pick : { op: 'cast', dtype: 'i32', args: [pick] }
  const inside = bounded(node, along, node.shape[node.axis], null)
  // one outside is written nowhere
  const valid: Expr = { op: 'eq', dtype: 'bool', args: [along, inside] }
  const to = index.map((i, d) => (d === node.axis ? valueIndex(inside) : i))
  const mode = node.mode === 'set' ? 'set' : (node.mode as ReduceOp)
  const store = frame.store(out, flatIndex(to, node.shape), frame.emitter.value(updates, index), mode, valid)
  const loop: Stmt = { kind: 'loop', axis: axes[node.axis], end: null, reduces: [], ordered: true, body: [store] }
  const parallel = axes.filter((a, d) => d !== node.axis && isLoop(a))
  const kernel: LoopKernel = {
    kind: 'loop',
    ...frame.head(name),
    parallel,
    vector: true,
    scratch: [],
    body: isLoop(axes[node.axis]) ? [loop] : [store],
  }
  kernels.push(frame.lowered(mergeParallelAxes(kernel, fresh)))
  return kernels
}

interface Reduction {
  readonly node: GNode
  readonly acc: number
  readonly level: number
  /** the axes it runs over */
  readonly over: readonly Axis[]
  readonly index: readonly Index[]
  /** the index of the source, over the group's axes */
  readonly source: readonly Index[]
}

/** Reductions by the order in which they can run: a level needs only the results of lower ones. */
function reductionsOf(group: Group, options: LowerOptions): Reduction[] {
  const levels = new Map<GNode, number>()
  const known = new Map<GNode, number>()
  const below = (node: GNode): number => {
    if (group.reduces.has(node)) return levelOf(node) + 1
    if (isLeaf(node) || (options.stored(node) && !group.outputs.has(node))) return 0
    let level = known.get(node)
    if (level === undefined) {
      level = node.sources.reduce((n, s) => Math.max(n, below(s)), 0)
      known.set(node, level)
    }
    return level
  }
  const levelOf = (node: GNode): number => {
    let level = levels.get(node)
    if (level === undefined) levels.set(node, (level = below(node.sources[0])))
    return level
  }
  return [...group.reduces].map(([node, { over, index }], acc) => {
    let outer = 0
    let reduced = 0
    const source = node.sources[0].shape.map((_, d) =>
      node.axes.includes(d) ? axisIndex(over[reduced++]) : index[outer++],
    )
    return { node, acc, level: levelOf(node), over, index, source }
  })
}

function lowerRows(group: Group, options: LowerOptions): Lowered[] {
  const reductions = reductionsOf(group, options)
  const split = splitOf(group, reductions, options)
  return split ? lowerInTwo(group, split, options) : [lowerRow(group, reductions, options)]
}

/** Reductions that run over the same axes share their loops. A kernel with one row may have several such spaces. */
interface Space {
  readonly over: readonly Axis[]
  readonly reductions: readonly Reduction[]
}

const spacesOf = (reductions: readonly Reduction[]): Space[] =>
  [
    ...Map.groupBy(reductions, r =>
      r.over
        .filter(isLoop)
        .map(a => a.id)
        .join(),
    ).values(),
  ].map(list => ({
    over: list[0].over.filter(isLoop),
    reductions: list,
  }))

const declare = (r: Reduction): Stmt => {
  const dtype = computeType(r.node.dtype)
  return { kind: 'declare', acc: r.acc, dtype, init: reduceStart(r.node.op as ReduceName, r.node.dtype) }
}
const update = (r: Reduction, value: Expr): Stmt => ({
  kind: 'update',
  acc: r.acc,
  op: combine[r.node.op as ReduceName],
  value,
})
const accumulator = (r: Reduction): Expr => ({ op: 'acc', dtype: computeType(r.node.dtype), id: r.acc })

/** A nest of loops over the inner axes. */
function nest(inner: readonly Axis[], reduces: readonly number[], body: readonly Stmt[]): Stmt[] {
  return inner
    .filter(isLoop)
    .reduceRight<readonly Stmt[]>(
      (within, axis) => [{ kind: 'loop', axis, end: null, reduces, ordered: false, body: within }],
      body,
    ) as Stmt[]
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

  const numbered = renumberScratch(body, frame.refs.length)
  const kernel: LoopKernel = {
    kind: 'loop',
    ...frame.head(nameOf(group, options)),
    parallel: outer,
    vector: columnwise(frame.emitter.loads, outer, inner),
    scratch: [...scratch.keys()].filter(n => !homes.has(n)).map(node => ({ dtype: node.dtype, size: span })),
    body: numbered,
  }
  return frame.lowered(mergeParallelAxes(kernel, fresh))
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

const sameIndex = (a: readonly Index[], b: readonly Index[]): boolean =>
  a.length === b.length && a.every((x, i) => indexKey(x) === indexKey(b[i]))

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
  const across = outer[outer.length - 1]
  const along = inner.filter(isLoop).at(-1)
  if (!across) return false
  if (!along) return true
  const unit = (axis: Axis, { index }: Access) =>
    index.terms.some(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id && isDim(t.coef, 1))
  const contiguous = (axis: Axis) => loads.filter(l => unit(axis, l)).length
  const jumps = (axis: Axis) => loads.filter(l => dependsOnAxes([l.index], [axis]) && !unit(axis, l)).length
  if (contiguous(across) > contiguous(along)) return true
  if (across.size.sample < shortRow) return false
  const all = productDim(inner.map(a => a.size))
  if (isConstant(all) && along.size.factor < shortRow && all.factor <= shortRows) return true
  return jumps(across) === 0 && (jumps(along) > 0 || loads.some(l => unit(across, l) && unit(along, l)))
}

/**
 * Rows that need no scratch memory, because a result of the same type will lie just there: the memory of the result is fetched while its row is
 * computed, not when it is only scaled. With several results none: one that has overwritten its row could be read by the next. The others
 * get their slots anew.
 */
function homesOf(
  scratch: Map<GNode, Scratch>,
  full: readonly (readonly [GNode, readonly Index[]])[],
): Map<GNode, GNode> {
  const homes = new Map<GNode, GNode>()
  const free = new Map(full.length === 1 ? full : [])
  let slot = 0
  for (const [node, s] of scratch) {
    const [home] = [...free].find(([n, index]) => n.dtype === node.dtype && sameIndex(index, s.index)) ?? []
    if (home) {
      homes.set(node, home)
      free.delete(home)
    } else scratch.set(node, { ...s, slot: slot++ })
  }
  return homes
}

interface Scratch {
  readonly slot: number
  /** the level whose loop computes it */
  readonly first: number
  readonly index: readonly Index[]
}

/** Costly values along the row that more than one loop needs are kept from the first to the last. */
function scratchOf(
  group: Group,
  reductions: readonly Reduction[],
  full: readonly (readonly [GNode, readonly Index[]])[],
  options: LowerOptions,
): Map<GNode, Scratch> {
  const levels = Math.max(-1, ...reductions.map(r => r.level)) + 1
  const seen = new Map<GNode, Set<number>>()
  const order: GNode[] = []
  const visit = (node: GNode, loop: number): void => {
    if (isLeaf(node) || group.reduces.has(node) || (options.stored(node) && !group.outputs.has(node))) return
    const loops = seen.get(node)
    if (loops?.has(loop)) return
    if (loops) loops.add(loop)
    else {
      seen.set(node, new Set([loop]))
      order.push(node)
    }
    for (const s of node.sources) visit(s, loop)
  }
  for (const r of reductions) visit(r.node.sources[0], r.level)
  for (const [node] of full) visit(node, levels)
  const found = new Map<GNode, Scratch>()
  const shapeOf = reductions.map(r => r.node.sources[0]).concat(full.map(([n]) => n))
  for (const node of order) {
    const loops = seen.get(node)!
    if (loops.size < 2 || weightOf(node.op) < 10 || isReduce(node) || node.op === 'randomBits') continue
    // its place must be the plain one of a whole row: as large as a reduction's source or a full result
    const model = shapeOf.findIndex(
      n =>
        n.shape.length === node.shape.length &&
        n.shape.every((d, i) => d.factor === node.shape[i].factor && d.sample === node.shape[i].sample),
    )
    if (model < 0) continue
    const index = model < reductions.length ? reductions[model].source : full[model - reductions.length][1]
    found.set(node, { slot: found.size, first: Math.min(...loops), index })
  }
  return found
}

/** Scratch rows are numbered after the buffers, whose number is known only now. */
function renumberScratch(body: readonly Stmt[], buffers: number): Stmt[] {
  const done = new Map<Expr, Expr>()
  const at = (buffer: number) => (buffer < 0 ? buffers - 1 - buffer : buffer)
  const index = (i: Index): Index => ({
    terms: i.terms.map(t =>
      t.atom?.kind === 'value' ? { ...valueIndex(expr(t.atom.value)).terms[0], coef: t.coef } : t,
    ),
  })
  const expr = (e: Expr): Expr => {
    const known = done.get(e)
    if (known) return known
    let out = e
    if (e.op === 'load') out = { ...e, buffer: at(e.buffer), index: index(e.index), valid: e.valid && expr(e.valid) }
    else if ('args' in e) {
      const args = (e.args as readonly Expr[]).map(expr)
      out = args.every((x, i) => x === e.args[i]) ? e : ({ ...e, args } as unknown as Expr)
    }
    done.set(e, out)
    return out
  }
  const stmt = (s: Stmt): Stmt => {
    if (s.kind === 'loop') return { ...s, body: s.body.map(stmt) }
    if (s.kind === 'update') return { ...s, value: expr(s.value) }
    if (s.kind === 'store')
      return {
        ...s,
        buffer: at(s.buffer),
        index: index(s.index),
        value: expr(s.value),
        valid: s.valid && expr(s.valid),
      }
    return s
  }
  return body.map(stmt)
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
  const kernel: LoopKernel = {
    kind: 'loop',
    ...frame.head(`${nameOf(group, options)}: pieces`),
    parallel: axes,
    vector: space.columns,
    scratch: [],
    body: [...space.reductions.map(declare), loops, ...stores],
  }
  return { lowered: frame.lowered(mergeParallelAxes(kernel, fresh)), piece, shape, place }
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
  const joined: LoopKernel = {
    kind: 'loop',
    ...frame.head(`${nameOf(group, options)}: join`),
    parallel: outer,
    vector: long.every(s => s.columns),
    scratch: [],
    body,
  }
  return [...pieces, frame.lowered(mergeParallelAxes(joined, fresh))]
}

/** Partial sums of narrow floats stay wide. */
const partialType = (dtype: DType): DType => (dtype === 'f16' || dtype === 'bf16' ? 'f32' : dtype)

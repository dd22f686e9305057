// Kernels of one operation that is never inside of another: products, scatters, users' kernels and programs.

import { computeType } from '../dtype.ts'
import { type Axis, addIndex, axisIndex, type Index, valueIndex, zeroIndex } from '../kernel/index-expr.ts'
import type { CustomKernel, Expr, Kernel, LoopKernel, ReduceOp, Stmt } from '../kernel/ir.ts'
import { mergeParallelAxes } from '../kernel/merge-axes.ts'
import { reduceStart } from '../primitives/reduce.ts'
import { bounded, leafRef, valueRef } from './emit.ts'
import { Frame, fresh, isLoop, type Lowered, type LowerOptions, nameOf, newAxis, ownNodes } from './frame.ts'
import type { GNode } from './gnode.ts'
import { type Group, isLeaf } from './group.ts'
import { flatIndex } from './views.ts'

export function lowerMatmul(group: Group, options: LowerOptions): Lowered {
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
export function lowerCustom(group: Group, options: LowerOptions): Lowered {
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
export function lowerProgram(group: Group, options: LowerOptions): Lowered {
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
export function lowerScatter(group: Group, options: LowerOptions): Lowered[] {
  const node = group.anchor!
  const [base, picks, updates, ...known] = node.sources
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
  if (known.length) {
    const body = sortedBody(node, frame, { known, index, axis: axes[node.axis], to, mode, valid })
    const kernel: LoopKernel = {
      kind: 'loop',
      ...frame.head(name),
      parallel: axes.filter(isLoop),
      vector: true,
      scratch: [],
      body,
    }
    kernels.push(frame.lowered(mergeParallelAxes(kernel, fresh)))
    return kernels
  }
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

interface SortedScatter {
  /** what is known of each update (sorted-scatter.ts) */
  readonly known: readonly GNode[]
  readonly index: readonly Index[]
  /** of the updates */
  readonly axis: Axis
  readonly to: readonly Index[]
  readonly mode: 'set' | ReduceOp
  readonly valid: Expr
}

/** Every update is an item. Of those with one index the last is written, or the first combines them all. */
function sortedBody(node: GNode, frame: Frame, { known, index, axis, to, mode, valid }: SortedScatter): Stmt[] {
  const [, , updates] = node.sources
  const own = axisIndex(axis)
  const of = (x: GNode, at: Index): Expr => frame.emitter.value(x, [at])
  const zero: Expr = { op: 'const', dtype: 'i32', value: 0 }
  const isNone = (x: GNode): Expr => ({ op: 'eq', dtype: 'bool', args: [of(x, own), zero] })
  const and = (a: Expr, b: Expr): Expr => ({ op: 'and', dtype: 'bool', args: [a, b] })
  const place = flatIndex(to, node.shape)
  const store = (value: Expr, which: GNode): Stmt =>
    frame.store(valueRef(node), place, value, mode, and(valid, isNone(which)))
  if (mode === 'set') return [store(frame.emitter.value(updates, index), known[0])]
  const [rank, same, before, order] = known
  const end: Expr = { op: 'where', dtype: 'i32', args: [isNone(before), of(same, own), zero] }
  const step = newAxis(axis.size)
  const next = of(order, addIndex(valueIndex(of(rank, own)), axisIndex(step)))
  const from = index.map((at, d) => (d === node.axis ? valueIndex(next) : at))
  const dtype = computeType(node.dtype)
  const acc: Expr = { op: 'acc', dtype, id: 0 }
  const start = reduceStart(mode === 'add' ? 'sum' : mode === 'max' ? 'amax' : 'amin', node.dtype)
  return [
    { kind: 'declare', acc: 0, dtype, init: start },
    {
      kind: 'loop',
      axis: step,
      end: valueIndex(end),
      reduces: [0],
      ordered: true,
      body: [{ kind: 'update', acc: 0, op: mode, value: frame.emitter.value(updates, from) }],
    },
    store(acc, before),
  ]
}

// Kernels of one operation that is never inside of another: products, scatters, users' kernels and programs.

import { computeType } from '../dtype.ts'
import { type Axis, axisIndex, type Index, valueIndex, zeroIndex } from '../kernel/index-expr.ts'
import type { CustomKernel, Expr, Kernel, LoopKernel, ReduceOp, Stmt } from '../kernel/ir.ts'
import { bounded, leafRef, valueRef } from './emit.ts'
import { Frame, isLoop, type Lowered, type LowerOptions, nameOf, newAxis, ownNodes } from './frame.ts'
import type { GNode } from './gnode.ts'
import { type Group, isLeaf } from './group.ts'
import { sorting } from './later.ts'
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
    kernels.push(frame.loops(`${name}: base`, group.axes, body))
  }
  const frame = new Frame(options, new Set([node]))
  const axes = updates.shape.map(newAxis)
  const index = axes.map(axisIndex)
  const pick = frame.emitter.value(picks, index)
  const picked: Expr = pick.dtype === 'i32' ? pick : { op: 'cast', dtype: 'i32', args: [pick] }
  const inside = bounded(node, picked, node.shape[node.axis], null)
  // one outside is written nowhere
  const valid: Expr = { op: 'eq', dtype: 'bool', args: [picked, inside] }
  const to = index.with(node.axis, valueIndex(inside))
  const mode = node.mode as 'set' | ReduceOp
  const place = flatIndex(to, node.shape)
  const store = (value: Expr, when: Expr): Stmt => frame.store(out, place, value, mode, when)
  const along = axes[node.axis]
  if (known.length) {
    const step = newAxis(along.size)
    const body = sorting.module.sortedBody(node, { emitter: frame.emitter, index, along, step, mode, valid, store })
    kernels.push(frame.loops(name, axes, body))
    return kernels
  }
  const stored = store(frame.emitter.value(updates, index), valid)
  const loop: Stmt = { kind: 'loop', axis: along, end: null, reduces: [], ordered: true, body: [stored] }
  kernels.push(frame.loops(name, axes.toSpliced(node.axis, 1), isLoop(along) ? [loop] : [stored]))
  return kernels
}

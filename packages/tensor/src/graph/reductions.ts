// The reductions of a kernel: which can run when, over which axes, and the statements that make one.

import { computeType, startOf } from '../dtype.ts'
import { type Axis, axisIndex, type Index } from '../kernel/index-expr.ts'
import type { Expr, ReduceOp, Stmt } from '../kernel/ir.ts'
import type { ReduceName } from '../primitives/reduce.ts'
import { isLoop, type LowerOptions } from './frame.ts'
import type { GNode } from './gnode.ts'
import { type Group, isLeaf } from './group.ts'

const combine: Readonly<Record<ReduceName, ReduceOp>> = { sum: 'add', prod: 'mul', amax: 'max', amin: 'min' }

export interface Reduction {
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
export function reductionsOf(group: Group, options: LowerOptions): Reduction[] {
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

/** Reductions that run over the same axes share their loops. A kernel with one row may have several such spaces. */
export interface Space {
  readonly over: readonly Axis[]
  readonly reductions: readonly Reduction[]
}

export const spacesOf = (reductions: readonly Reduction[]): Space[] =>
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

export const declare = (r: Reduction): Stmt => {
  const { op, dtype } = r.node
  return { kind: 'declare', acc: r.acc, dtype: computeType(dtype), init: startOf(combine[op as ReduceName], dtype) }
}
export const update = (r: Reduction, value: Expr): Stmt => ({
  kind: 'update',
  acc: r.acc,
  op: combine[r.node.op as ReduceName],
  value,
})
export const accumulator = (r: Reduction): Expr => ({ op: 'acc', dtype: computeType(r.node.dtype), id: r.acc })

/** A nest of loops over the inner axes. */
export function nest(inner: readonly Axis[], reduces: readonly number[], body: readonly Stmt[]): Stmt[] {
  return inner
    .filter(isLoop)
    .reduceRight<readonly Stmt[]>(
      (within, axis) => [{ kind: 'loop', axis, end: null, reduces, ordered: false, body: within }],
      body,
    ) as Stmt[]
}

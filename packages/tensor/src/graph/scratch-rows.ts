// Rows that a kernel keeps from one loop over them to the next: in scratch memory, or where a result will lie.

import { type Index, indexKey } from '../kernel/index-expr.ts'
import type { Stmt } from '../kernel/ir.ts'
import { rewriter } from '../kernel/rewrite.ts'
import type { LowerOptions } from './frame.ts'
import type { GNode } from './gnode.ts'
import { type Group, isLeaf, isReduce, weightOf } from './group.ts'
import type { Reduction } from './reductions.ts'

export const sameIndex = (a: readonly Index[], b: readonly Index[]): boolean =>
  a.length === b.length && a.every((x, i) => indexKey(x) === indexKey(b[i]))

/**
 * Rows that need no scratch memory, because a result of the same type will lie just there: the memory of the result is fetched while its row is
 * computed, not when it is only scaled. With several results none: one that has overwritten its row could be read by the next. The others
 * get their slots anew.
 */
export function homesOf(
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

export interface Scratch {
  readonly slot: number
  /** the level whose loop computes it */
  readonly first: number
  readonly index: readonly Index[]
}

/** Costly values along the row that more than one loop needs are kept from the first to the last. */
export function scratchOf(
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
export function renumberScratch(body: readonly Stmt[], buffers: number): readonly Stmt[] {
  const at = (buffer: number) => (buffer < 0 ? buffers - 1 - buffer : buffer)
  const loads = rewriter(e => (e.op === 'load' && e.buffer < 0 ? { ...e, buffer: at(e.buffer) } : e))
  const stores = (s: Stmt): Stmt =>
    s.kind === 'loop' ? { ...s, body: s.body.map(stores) } : s.kind === 'store' ? { ...s, buffer: at(s.buffer) } : s
  return loads.body(body).map(stores)
}

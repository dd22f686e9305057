// What is done when every node has its group: values that readers compute again are not stored, and kernels side by side become one.

import { isDim, sameDim } from '../kernel/dim.ts'
import { axisIndex, type Index, substitute } from '../kernel/index-expr.ts'
import type { GNode } from './gnode.ts'
import {
  alone,
  cheap,
  cheapFromLoads,
  dependsOn,
  type Group,
  isLeaf,
  isReduce,
  type Request,
  weightOf,
} from './group.ts'
import { noNode } from './places.ts'
import type { Tight } from './schedule.ts'
import { viewOps } from './views.ts'

/** Stored values that their readers can compute again from what is stored anyway are not stored. */
export function recompute(
  nodes: readonly GNode[],
  requests: ReadonlyMap<GNode, readonly Request[]>,
  home: Map<GNode, Group>,
  rootNodes: ReadonlySet<GNode>,
  free: ReadonlySet<GNode>,
  buffersPerKernel: number,
): void {
  /** the operations that compute a node that is not stored, and the memory it is made from */
  interface Chain {
    readonly steps: ReadonlySet<GNode>
    readonly from: ReadonlySet<GNode>
  }
  const none: ReadonlySet<GNode> = new Set()
  const chain = new Map<GNode, Chain>()
  const chainOf = (node: GNode): Chain | null => {
    if (free.has(node)) return { steps: none, from: none }
    if (node.op === 'storage') return { steps: none, from: new Set([node]) }
    const group = home.get(node)
    // a row's sum that only its own kernel used so far may be stored for others; a whole product may not
    if (group) return group.outputs.has(node) || group.reduces.has(node) ? { steps: none, from: new Set([node]) } : null
    if (viewOps.has(node.op)) return node.op === 'pad' || node.op === 'narrowAt' ? null : chainOf(node.sources[0])
    return chain.get(node) ?? null
  }
  for (const node of nodes) {
    if (isLeaf(node) || viewOps.has(node.op) || isReduce(node) || alone.has(node.op) || node.op === 'gather') continue
    const parts = node.sources.map(chainOf)
    if (parts.some(p => p === null)) continue
    // what several operands are made of is computed once
    const steps = new Set([node, ...parts.flatMap(p => [...p!.steps])])
    const cost = [...steps].reduce((sum, n) => sum + weightOf(n.op), 0)
    const from = new Set(parts.flatMap(p => [...p!.from]))
    if (cost > cheapFromLoads || from.size > 3) continue
    const group = home.get(node)
    if (!group) {
      chain.set(node, { steps, from })
      continue
    }
    const list = requests.get(node) ?? []
    const readers = new Set(list.map(r => r.group).filter(g => g !== group))
    if (rootNodes.has(node) || list.some(r => r.stored) || readers.size === 0) continue
    if (cost > cheap && [...readers].some(r => [...from].some(n => !r.loads.has(n)))) continue
    if ([...readers].some(r => bindsMore(r, node, from, buffersPerKernel))) continue
    if (group.outputs.size === 1 && group.anchor === null) continue
    home.delete(node)
    group.outputs.delete(node)
    chain.set(node, { steps, from })
    for (const reader of readers) {
      reader.loads.delete(node)
      for (const s of from) {
        reader.loads.add(s)
        const feeds = home.get(s)
        if (!feeds || feeds === reader) continue
        reader.needs.add(feeds)
        const sum = feeds.reduces.get(s)
        if (sum && !feeds.outputs.has(s)) feeds.outputs.set(s, sum.index)
      }
    }
  }
}

/** Whether a reader that computes `node` again, from these values, binds too much for it: more than it may and more than before. */
function bindsMore({ loads, outputs }: Group, node: GNode, from: Iterable<GNode>, most: number): boolean {
  const after = new Set([...loads, ...from])
  after.delete(node)
  return after.size > loads.size && after.size + outputs.size > most
}

/** Buffers that a kernel binds. `olds`: of results that are written where their old value is read, that value. */
export function bindings(
  loads: ReadonlySet<GNode>,
  stored: Iterable<GNode>,
  olds: ReadonlyMap<GNode, GNode> | null,
): number {
  let count = loads.size
  for (const n of stored) {
    const old = olds?.get(n)
    if (!old || !loads.has(old)) count++
  }
  return count
}

/** Whether no kernel with these results came to bind too much before. */
export const mayHope = ({ outputs, reduces }: Group, tight: Tight | null): boolean =>
  tight !== null && (tight.size === 0 || ![...outputs.keys(), ...reduces.keys()].some(n => tight.has(n)))

/** Kernels over the same axes that read a value in common and do not wait for each other become one with several results. */
export function mergeSiblings(
  groups: readonly Group[],
  home: Map<GNode, Group>,
  buffersPerKernel: number,
  parts: boolean,
  olds: ReadonlyMap<GNode, GNode>,
  tight: Tight | null,
): Group[] {
  // where a launch has parts, a number in common is no reason: they need not be of one size (graph/parts.ts)
  const binds = (n: GNode): boolean => !parts || n.shape.some(d => !isDim(d, 1))
  const left: Group[] = []
  for (const group of groups) {
    if (group.outputs.size === 0) continue
    const twin =
      group.anchor === null &&
      left.find(
        other =>
          other.anchor === null &&
          sameSpace(other, group) &&
          [...group.loads].some(n => binds(n) && other.loads.has(n)) &&
          bindings(
            new Set([...group.loads, ...other.loads]),
            [...group.outputs.keys(), ...other.outputs.keys()],
            mayHope(group, tight) && mayHope(other, tight) ? olds : null,
          ) <= buffersPerKernel &&
          !dependsOn(other, group) &&
          !dependsOn(group, other),
      )
    if (!twin) {
      left.push(group)
      continue
    }
    const mapping = new Map(group.axes.map((a, i) => [a.id, axisIndex(twin.axes[i])]))
    const move = (index: readonly Index[]) => index.map(i => substitute(i, mapping, noNode))
    const axisOf = new Map(group.axes.map((a, i) => [a, twin.axes[i]]))
    for (const [n, index] of group.outputs) {
      twin.outputs.set(n, move(index))
      home.set(n, twin)
    }
    for (const [n, { over, index }] of group.reduces) {
      twin.reduces.set(n, { over: over.map(a => axisOf.get(a) ?? a), index: move(index) })
      home.set(n, twin)
    }
    for (const n of group.loads) twin.loads.add(n)
    for (const g of group.needs) twin.needs.add(g)
    for (const g of groups) if (g.needs.delete(group)) g.needs.add(twin)
  }
  return left
}

const sameSpace = (a: Group, b: Group): boolean =>
  a.axes.length === b.axes.length &&
  a.inner.length === b.inner.length &&
  a.axes.every((x, i) => sameDim(x.size, b.axes[i].size) && a.inner.includes(x) === b.inner.includes(b.axes[i]))

// Which nodes run together. Nodes are visited from the results back to the leaves; each joins the kernel of what uses it when it can, so that
// values used once are never stored, a matmul takes its epilogue, and a row's maximum, sum and quotient share one kernel. A value that
// several kernels need is computed in one of them and stored, or computed again where that is cheap.

import type { Limits } from '../backends/backend.ts'
import { type Dim, isDim, one, productDim, sameDim } from '../kernel/dim.ts'
import { type Axis, axisIndex, type Index, indexKey, substitute } from '../kernel/index-expr.ts'
import { attentionOps } from '../primitives/attention-sources.ts'
import type { GNode } from './gnode.ts'
import { alone, cheap, dependsOn, type Group, isLeaf, isReduce, type Request, weightOf } from './group.ts'
import { pieceLength } from './long.ts'
import { covers, inverse, noNode, runsAcross, sameSizes, spreads, storedAs, usedAxes } from './places.ts'
import { bindings, mayHope, mergeSiblings, recompute } from './regroup.ts'
import type { SimplifiedRoot } from './simplify.ts'
import { flatIndex, through, viewOps } from './views.ts'

/** Nodes a kernel may evaluate: far beyond what a model writes, and short of what recursion and compilers bear. */
const mostNodes = 400

export interface Schedule {
  readonly groups: readonly Group[]
  /** stored nodes and the group that stores them */
  readonly home: ReadonlyMap<GNode, Group>
}

/** A value is computed at no more places of one kernel: a recurrence that shifts its state would else multiply them at every step. */
const mostPlaces = 16

const isQuotient = (index: Index): boolean => index.terms.some(t => t.atom?.kind === 'div' || t.atom?.kind === 'mod')

const keyOf = (index: readonly Index[]): string => index.map(indexKey).join()

/**
 * Buffers that a kernel in the making may bind beyond the limit: what is stored in it now may be computed again by its readers in the end, and what it loads be computed in it.
 */
const slack = 4

/** Nodes of kernels that came to bind too much when they were planned before. */
export type Tight = ReadonlySet<GNode>

/**
 * How much a kernel binds is known when all are lowered; it is guessed here, hopefully. `tight` says where hope was in vain: there, nothing is taken that would not have room at
 * this moment, and a result counts even if it may be written where the old value of its target is read.
 * @param tight null: everywhere, so that no kernel binds too much
 */
export function schedule(
  roots: readonly SimplifiedRoot[],
  nodes: readonly GNode[],
  { buffersPerKernel, parts }: Pick<Limits, 'buffersPerKernel' | 'parts'>,
  tight: Tight | null,
): Schedule {
  const groups: Group[] = []
  const home = new Map<GNode, Group>()
  const requests = new Map<GNode, Request[]>()
  const rootNodes = new Set(roots.map(r => r.node))
  const free = freeNodes(nodes)
  const olds = oldValues(roots, nodes)
  const attentions = new Map<string, Group>()
  let axes = 0

  const newAxes = (shape: readonly Dim[]): Axis[] => shape.map(size => ({ id: axes++, size }))
  /** Axes for a reduction over these sizes along axes that are there; what has size 1 gets one of its own. */
  const alongAxes = (over: readonly Dim[], along: readonly Axis[]): Axis[] => {
    const matching = along.filter(a => !isDim(a.size, 1))
    return over.map((d): Axis => (isDim(d, 1) ? { id: axes++, size: one } : matching.shift()!))
  }
  const open = (groupAxes: Axis[], inner: Axis[]): Group => {
    const group: Group = {
      id: groups.length,
      axes: groupAxes,
      inner,
      anchor: null,
      outputs: new Map(),
      reduces: new Map(),
      needs: new Set(),
      loads: new Set(),
      size: 0,
    }
    groups.push(group)
    return group
  }

  /** Follows views down to what is computed or stored, and asks for it there. */
  const ask = (group: Group, node: GNode, index: readonly Index[] | null, path: string, stored = false): void => {
    let at = node
    let place = index
    let way = path
    while (viewOps.has(at.op)) {
      if (place) {
        const seen = through(at, place)
        place = seen.bounds.length || seen.moved ? null : seen.index
      }
      if (!place) way += `/${at.id}`
      if (at.op === 'narrowAt' || at.op === 'barrier') ask(group, at.sources[1], null, `${way}:`)
      at = at.sources[0]
    }
    if (at.op === 'scalar' || at.op === 'constant') return
    if (at.op === 'storage') {
      group.loads.add(at)
      return
    }
    const list = requests.get(at)
    const request = { group, index: place, place: place ? keyOf(place) : way, stored }
    if (list) list.push(request)
    else requests.set(at, [request])
    group.loads.add(at)
  }

  /** Asks for what `node` is made of, where it is evaluated at `index`; `path` names the place if that is masked. */
  const askSources = (
    group: Group,
    node: GNode,
    index: readonly Index[] | null,
    path = index ? keyOf(index) : '',
  ): void => {
    group.size++
    if (node.op === 'gather') {
      ask(group, node.sources[0], null, path, true)
      ask(group, node.sources[1], index, path)
    } else if (node.op === 'cat') node.sources.forEach((s, i) => ask(group, s, null, `${path}/${node.id}.${i}`))
    else for (const s of node.sources) ask(group, s, s.shape.length === 0 && node.shape.length > 0 ? [] : index, path)
  }

  const settle = (node: GNode, group: Group, index: readonly Index[]): void => {
    home.set(node, group)
    group.outputs.set(node, index)
  }

  /** Other groups read what `group` stores. */
  const link = (node: GNode, group: Group): void => {
    for (const r of requests.get(node) ?? []) if (r.group !== group) r.group.needs.add(group)
  }

  /** The one index at which `group` evaluates a node; null when there are several, or it is masked. */
  const placeIn = (group: Group, list: readonly Request[]): readonly Index[] | null => {
    let found: readonly Index[] | null = null
    for (const r of list) {
      if (r.group !== group) continue
      if (!r.index || r.stored) return null
      if (found && keyOf(found) !== r.place) return null
      found = r.index
    }
    return found
  }

  /** `group` may compute what all these groups read: none of them comes before it. */
  const mayFeed = (group: Group, list: readonly Request[]): boolean =>
    list.every(r => r.group === group || !dependsOn(group, r.group))

  const roomFor = (group: Group, node: GNode, outputs: number): boolean => {
    if (group.size >= mostNodes) return false
    if (group.loads.size + group.outputs.size + node.sources.length + outputs <= buffersPerKernel) return true
    const loads = new Set([...group.loads].filter(n => n !== node && !free.has(n)))
    for (const s of node.sources) {
      let at = s
      while (viewOps.has(at.op)) at = at.sources[0]
      if (at.op !== 'scalar' && at.op !== 'constant' && !free.has(at)) loads.add(at)
    }
    const stored = outputs > 0 ? [...group.outputs.keys(), node] : group.outputs.keys()
    const hopes = mayHope(group, tight) && !tight?.has(node)
    return bindings(loads, stored, hopes ? olds : null) <= buffersPerKernel + (hopes ? slack : 0)
  }

  const inline = (node: GNode, list: readonly Request[]): void => {
    const seen = new Set<string>()
    for (const r of list) {
      r.group.loads.delete(node)
      const key = `${r.group.id}:${r.place}`
      if (seen.has(key)) continue
      seen.add(key)
      askSources(r.group, node, r.index, r.place)
    }
  }

  /**
   * Of a value under a reshape that cuts or joins axes every load would be at a quotient: a kernel that runs over each of its elements once takes the
   * value's axes for its own, and is left the quotients of none. What the value's index is then; null where the kernel keeps its axes.
   */
  const takeAxes = (group: Group, node: GNode, place: readonly Index[]): readonly Index[] | null => {
    if (!place.some(isQuotient) || group.inner.length > 0 || group.anchor || group.reduces.size > 0) return null
    if (node.shape.some(d => isDim(d, 0)) || !covers(group, place, node.shape, 'whole')) return null
    const own = newAxes(node.shape)
    const mapping = inverse(group.axes, place, node.shape, own)
    if (!mapping) return null
    rebase(group, mapping, own)
    return own.map(axisIndex)
  }

  /** The same for what an operand of a node is a reshape of. */
  const takeAxesBelow = (group: Group, node: GNode, index: readonly Index[]): void => {
    if (index.some(isQuotient) || group.inner.length > 0 || group.anchor || group.reduces.size > 0) return
    for (const s of node.sources) {
      if (s.shape.length === 0 && node.shape.length > 0) continue
      let at = s
      let place = index
      while (viewOps.has(at.op)) {
        const seen = through(at, place)
        if (seen.bounds.length || seen.moved) break
        place = seen.index
        if (at.op === 'reshape' && takeAxes(group, at.sources[0], place)) return
        at = at.sources[0]
      }
    }
  }

  const placeElementwise = (node: GNode, list: readonly Request[]): void => {
    const isRoot = rootNodes.has(node)
    const mustStore = isRoot || list.some(r => r.stored)
    if (!mustStore && free.has(node)) {
      inline(node, list)
      return
    }
    const users = new Set(list.map(r => r.group))
    if (!mustStore && users.size === 1) {
      const [group] = users
      const places = new Set(list.map(r => r.place)).size
      const repeated = places > 1 || (list[0].index !== null && spreads(group, list[0].index, node))
      if ((!repeated || weightOf(node.op) <= cheap) && places <= mostPlaces && roomFor(group, node, 0)) {
        if (places === 1 && list[0].index) takeAxesBelow(group, node, list[0].index)
        inline(node, list)
        return
      }
    }
    const rows = rowsBelow(node)
    for (const group of users) {
      const place = placeIn(group, list)
      if (!place || !mayFeed(group, list) || !roomFor(group, node, 1)) continue
      const row = rowOf(group, place, node, rows)
      if (!row && !covers(group, place, node.shape, 'either')) continue
      if (!row && runsAcross(group, place, node)) continue
      // a result over whole rows stays with the reductions it is made of
      if (
        !row &&
        group.inner.length &&
        rows.length &&
        !rows.some(r =>
          sameSizes(
            r,
            group.inner.map(a => a.size),
          ),
        )
      )
        continue
      if (row) group.inner = row
      group.loads.delete(node)
      settle(node, group, place)
      link(node, group)
      askSources(group, node, place)
      return
    }
    const group = open(newAxes(node.shape), [])
    settle(node, group, group.axes.map(axisIndex))
    takeAxesBelow(group, node, group.axes.map(axisIndex))
    link(node, group)
    askSources(group, node, group.outputs.get(node)!)
  }

  const placeReduce = (node: GNode, list: readonly Request[]): void => {
    const source = node.sources[0].shape
    const over = node.axes.map(axis => source[axis])
    const join = (group: Group, place: readonly Index[], inner: readonly Axis[]): void => {
      group.loads.delete(node)
      group.reduces.set(node, { over: inner, index: place })
      const whole: Index[] = []
      let outer = 0
      let reduced = 0
      source.forEach((_, d) => {
        whole.push(node.axes.includes(d) ? axisIndex(inner[reduced++]) : place[outer++])
      })
      home.set(node, group)
      if (rootNodes.has(node) || list.some(r => r.group !== group || r.stored)) group.outputs.set(node, place)
      link(node, group)
      ask(group, node.sources[0], whole, keyOf(whole))
    }
    for (const group of new Set(list.map(r => r.group))) {
      if (group.anchor) continue
      let place = placeIn(group, list)
      if (!place || !mayFeed(group, list) || !roomFor(group, node, 1)) continue
      place = takeAxes(group, node, place) ?? place
      const outer = usedAxes(flatIndex(place, node.shape))
      if (!outer || !sameDim(productDim(outer.map(a => a.size)), productDim(node.shape))) continue
      const rest = group.axes.filter(a => !outer.includes(a) && !isDim(a.size, 1))
      const wanted = over.filter(d => !isDim(d, 1))
      if (group.inner.length === 0 && rest.length === 0) {
        // the group works on the reduced shape: it becomes the outside of a row kernel
        const inner = newAxes(over)
        group.axes = [...group.axes, ...inner]
        group.inner = inner
        join(group, place, inner)
        return
      }
      if (group.inner.length && group.inner.some(a => outer.includes(a))) continue
      const oneRow = rest.length > 0 && rest.length === group.axes.filter(a => !isDim(a.size, 1)).length
      const full = [...group.outputs].some(
        ([n, index]) => usedAxes(flatIndex(index, n.shape))?.some(a => rest.includes(a)) ?? true,
      )
      if (oneRow && !full && group.inner.length) {
        // one result from several sources: each has axes of its own, unless it reads what another one reads
        const twin = [...group.reduces].find(
          ([n, { over: o }]) =>
            sameSizes(
              o.map(a => a.size),
              over,
            ) && inCommon(n.sources[0], node.sources[0]),
        )
        const inner = twin ? alongAxes(over, twin[1].over) : newAxes(over)
        if (!twin) {
          group.axes = [...group.axes, ...inner]
          group.inner = [...group.inner, ...inner]
        }
        join(group, place, inner)
        return
      }
      if (rest.length !== wanted.length || rest.some((a, i) => !sameDim(a.size, wanted[i]))) continue
      // a kernel over rows sums along its rows, and not across them
      if (group.inner.length && rest.some(a => !group.inner.includes(a))) continue
      if (group.inner.length === 0 && fewRows(group, rest)) continue
      const inner = alongAxes(over, rest)
      if (group.inner.length === 0) group.inner = rest
      join(group, place, inner)
      return
    }
    const outer = newAxes(node.shape)
    const inner = newAxes(over)
    const group = open([...outer, ...inner], inner)
    const place = outer.map(axisIndex)
    join(group, place, inner)
    group.outputs.set(node, place)
  }

  const placeMatmul = (node: GNode, list: readonly Request[]): void => {
    const [a, b] = node.sources
    for (const group of new Set(list.map(r => r.group))) {
      // a kernel over rows has results that a product would store once for each of its rows, and so could not write in place
      if (group.anchor || group.inner.length) continue
      const place = placeIn(group, list)
      if (!place || !covers(group, place, node.shape, 'whole')) continue
      if (!mayFeed(group, list) || !roomFor(group, node, 1)) continue
      const axesOf = newAxes(node.shape)
      const mapping = inverse(group.axes, place, node.shape, axesOf)
      if (!mapping) continue
      rebase(group, mapping, axesOf)
      group.loads.delete(node)
      group.anchor = node
      home.set(node, group)
      if (rootNodes.has(node) || list.some(r => r.group !== group || r.stored))
        group.outputs.set(node, axesOf.map(axisIndex))
      link(node, group)
      ask(group, a, null, '', true)
      ask(group, b, null, '', true)
      return
    }
    const group = open(newAxes(node.shape), [])
    group.anchor = node
    settle(node, group, group.axes.map(axisIndex))
    link(node, group)
    ask(group, a, null, '', true)
    ask(group, b, null, '', true)
  }

  /** The group's axes become those of its anchor. Requests that are still open move along. */
  const rebase = (group: Group, mapping: ReadonlyMap<number, Index>, axesOf: Axis[]): void => {
    const move = (index: readonly Index[]) => index.map(i => substitute(i, mapping, noNode))
    for (const [n, index] of group.outputs) group.outputs.set(n, move(index))
    for (const list of requests.values())
      list.forEach((r, i) => {
        if (r.group !== group || !r.index) return
        const index = move(r.index)
        list[i] = { ...r, index, place: keyOf(index) }
      })
    group.axes = axesOf
  }

  /** What nobody reads but one copy is stored as that copy lies. */
  const storeAttention = (node: GNode, group: Group): void => {
    const list = requests.get(node) ?? []
    const [reader] = list.map(r => r.group)
    const [copy] = reader?.outputs.keys() ?? []
    const only = list.length === 1 && reader.outputs.size === 1 && reader.size === 1 && !reader.anchor
    if (!rootNodes.has(node) && only && storedAs(copy, node, newAxes(node.shape))) {
      reader.outputs.delete(copy)
      settle(copy, group, newAxes(copy.shape).map(axisIndex))
      for (const g of groups) if (g.needs.delete(reader)) g.needs.add(group)
      return
    }
    settle(node, group, newAxes(node.shape).map(axisIndex))
    link(node, group)
  }

  /** Results of the same attention (and of its backward pass) come from one kernel. */
  const placeAttention = (node: GNode): void => {
    const key = `${node.op === 'attentionGrad'} ${node.mode} ${node.sources.map(s => s.id).join()}`
    const twin = attentions.get(key)
    if (twin) {
      storeAttention(node, twin)
      return
    }
    const group = open(newAxes(node.shape), [])
    attentions.set(key, group)
    group.anchor = node
    storeAttention(node, group)
    for (const s of node.sources) ask(group, s, null, '', true)
  }

  /** A kernel of its own. `stored`: it reads its sources from memory in any case. */
  const placeAlone = (node: GNode, stored: boolean): void => {
    const group = open(newAxes(node.shape), [])
    group.anchor = node
    const place = group.axes.map(axisIndex)
    settle(node, group, place)
    link(node, group)
    // what is known of a scatter's updates is of all of them (sorted-scatter.ts)
    node.sources.forEach((s, i) => ask(group, s, null, `${i}`, stored || (node.op === 'scatter' && i > 2)))
  }

  /** A scatter into the memory of its base reads nothing else of it: what is made from the base is computed before. */
  const placeScatter = (node: GNode): void => {
    const [base, ...written] = node.sources
    placeAlone(node, false)
    if (base.op !== 'storage' || !roots.some(r => r.node === node && r.leaf === base.leaf)) return
    const group = home.get(node)!
    written.forEach((s, i) => {
      if (isMadeFrom(s, base)) ask(group, s, null, `${i + 1}`, true)
    })
  }

  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]
    const list = requests.get(node) ?? []
    if (isLeaf(node) || viewOps.has(node.op) || (list.length === 0 && !rootNodes.has(node))) continue
    if (isReduce(node)) placeReduce(node, list)
    else if (node.op === 'matmul') placeMatmul(node, list)
    else if (node.op === 'scatter') placeScatter(node)
    else if (node.op === 'custom' || node.op === 'program') placeAlone(node, true)
    else if (attentionOps.has(node.op)) placeAttention(node)
    else placeElementwise(node, list)
  }
  recompute(nodes, requests, home, rootNodes, free, buffersPerKernel)
  return { groups: mergeSiblings(groups, home, buffersPerKernel, parts, olds, tight), home }
}

/** Of results that are assigned to a storage, the old value that lies there. */
function oldValues(roots: readonly SimplifiedRoot[], nodes: readonly GNode[]): Map<GNode, GNode> {
  const leaves = new Map<number, GNode>()
  for (const n of nodes) if (n.op === 'storage') leaves.set(n.leaf, n)
  const olds = new Map<GNode, GNode>()
  for (const { node, leaf } of roots) {
    const old = leaves.get(leaf)
    if (old) olds.set(node, old)
  }
  return olds
}

/** The sizes that the nearest reductions under an elementwise node run over. */
function rowsBelow(node: GNode): Dim[][] {
  const found: Dim[][] = []
  const seen = new Set<GNode>()
  const stack = [...node.sources]
  while (stack.length && seen.size < 100) {
    const at = stack.pop()!
    if (seen.has(at)) continue
    seen.add(at)
    if (isReduce(at)) found.push(at.axes.map(axis => at.sources[0].shape[axis]))
    else if (!isLeaf(at) && !alone.has(at.op) && at.op !== 'gather') stack.push(...at.sources)
  }
  return found
}

/** The axes along which a group would run rows if this node, one value a row made by reductions over just these axes, joined it. */
function rowOf(group: Group, index: readonly Index[], node: GNode, rows: readonly (readonly Dim[])[]): Axis[] | null {
  if (group.inner.length || group.anchor || rows.length === 0) return null
  const used = usedAxes(flatIndex(index, node.shape))
  if (!used || !sameDim(productDim(used.map(a => a.size)), productDim(node.shape))) return null
  const loops = group.axes.filter(a => !isDim(a.size, 1))
  const missing = loops.filter(a => !used.includes(a))
  if (missing.length === 0 || fewRows(group, missing)) return null
  const along = (r: readonly Dim[]): boolean =>
    sameSizes(
      r,
      missing.map(a => a.size),
    )
  // one number made from several sources (a norm of all gradients) belongs to none of them
  return (missing.length === loops.length ? rows.every(along) : rows.some(along)) ? missing : null
}

/** So few and so long rows that a kernel over them would leave threads idle. */
function fewRows(group: Group, along: readonly Axis[]): boolean {
  const samples = (list: readonly Axis[]) => list.reduce((n, a) => n * a.size.sample, 1)
  return samples(group.axes.filter(a => !along.includes(a))) < 8 && samples(along) >= pieceLength
}

/** Whether a kernel that evaluates the value might load the leaf: it is reached without what is stored in any case. */
function isMadeFrom(node: GNode, leaf: GNode): boolean {
  const seen = new Set<GNode>()
  const stack = [node]
  while (stack.length) {
    const at = stack.pop()!
    if (at === leaf) return true
    if (seen.has(at) || isLeaf(at) || isReduce(at) || alone.has(at.op)) continue
    seen.add(at)
    stack.push(...at.sources)
  }
  return false
}

/** Whether two values are computed from the same memory. */
function inCommon(a: GNode, b: GNode): boolean {
  const reads = (node: GNode): Set<GNode> => {
    const found = new Set<GNode>()
    const stack = [node]
    while (stack.length && found.size < 100) {
      const at = stack.pop()!
      if (found.has(at) || at.op === 'scalar' || at.op === 'constant') continue
      found.add(at)
      if (!isLeaf(at) && !isReduce(at) && !alone.has(at.op)) stack.push(...at.sources)
    }
    return found
  }
  const first = reads(a)
  return [...reads(b)].some(n => first.has(n) && n.shape.some(d => !isDim(d, 1)))
}

/** Values of positions and numbers alone, a few operations deep: computed anywhere for nearly nothing. */
function freeNodes(nodes: readonly GNode[]): Set<GNode> {
  const costs = new Map<GNode, number>()
  for (const n of nodes) {
    if (n.op === 'scalar' || n.op === 'constant' || n.op === 'iota') costs.set(n, 0)
    else if (n.op !== 'storage' && n.op !== 'randomBits' && !alone.has(n.op) && n.op !== 'gather' && !isReduce(n)) {
      const own = viewOps.has(n.op) ? 0 : weightOf(n.op)
      const from = n.op === 'barrier' ? n.sources.slice(0, 1) : n.sources
      const cost = from.reduce((sum, s) => sum + (costs.get(s) ?? Infinity), own)
      if (cost <= 2 * cheap) costs.set(n, cost)
    }
  }
  return new Set(costs.keys())
}

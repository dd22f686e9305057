// A plan: the kernels of one piece of the queue in order, what each of their slots binds, and how long each intermediate value lives.
// Compiled from the graph alone; storages, numbers and sizes come at each run.

import type { Limits, Program } from '../backends/backend.ts'
import { debugging, print } from '../debug.ts'
import { type ComputeType, computeType, type DType } from '../dtype.ts'
import { type Dim, productDim } from '../kernel/dim.ts'
import { indexKey } from '../kernel/index-expr.ts'
import type { Launch, Part } from '../kernel/launch.ts'
import type { Captured } from './capture.ts'
import type { Ref } from './emit.ts'
import type { Lowered } from './frame.ts'
import type { GNode } from './gnode.ts'
import { dependsOn, type Group } from './group.ts'
import { lower } from './lower.ts'
import { formOf, type Joined, joinParts } from './parts.ts'
import { schedule, type Tight } from './schedule.ts'
import { type SimplifiedRoot, simplify } from './simplify.ts'
import type { SizeModel } from './symbols.ts'

export type Slot =
  | { readonly kind: 'leaf'; readonly leaf: number }
  | { readonly kind: 'root'; readonly root: number }
  | { readonly kind: 'temp'; readonly temp: number }

export interface Temp {
  readonly dtype: DType
  readonly size: Dim
  readonly first: number
  readonly last: number
}

export interface Plan {
  readonly program: Program
  readonly slots: readonly Slot[]
  readonly temps: readonly Temp[]
  /** for each root: its target's memory is written while it is read */
  readonly inPlace: readonly boolean[]
}

export function compile(captured: Captured, model: SizeModel, limits: Limits): Plan {
  const { graph, roots } = simplify(captured, model, limits)
  const live = reachable(
    roots.map(r => r.node),
    graph.nodes,
  )
  if (debugging('graph')) print(async () => (await import('./describe.ts')).describeGraph(live, roots))
  return bind(captured, arrangeWithin(roots, live, model, limits))
}

/** Plans again without hope what came to bind too much, until nothing does; what a kernel binds in any case is for the device to refuse. */
function arrangeWithin(
  roots: readonly SimplifiedRoot[],
  live: readonly GNode[],
  model: SizeModel,
  limits: Limits,
): Arranged {
  const tight = new Set<GNode>()
  for (let hopes = 0; hopes < mostHopes; hopes++) {
    const arranged = arrange(roots, live, model, limits, tight)
    const before = tight.size
    for (const n of arranged.over) tight.add(n)
    if (tight.size === before) {
      if (arranged.over.length === 0) return arranged
      break
    }
  }
  return arrange(roots, live, model, limits, null)
}

/** How often some kernels are planned again, before all are planned without hope. */
const mostHopes = 5

interface Arranged {
  readonly launches: readonly Joined[]
  readonly rootOf: ReadonlyMap<string, number>
  readonly inPlace: readonly boolean[]
  /** what is computed by kernels that bind more than the device can */
  readonly over: readonly GNode[]
}

/** Kernels in order, and which results are written where their old value lies. */
function arrange(
  roots: readonly SimplifiedRoot[],
  live: readonly GNode[],
  model: SizeModel,
  limits: Limits,
  tight: Tight | null,
): Arranged {
  const { groups, home } = schedule(roots, live, limits, tight)
  const stored = (node: GNode): boolean => home.get(node)?.outputs.has(node) ?? false

  const aliases = new Map<string, Ref>()
  const place = (ref: Ref): Ref => aliases.get(ref.key) ?? ref
  const lowerGroup = (group: Group): Lowered[] => lower(group, { ...limits, place, stored })
  const kernels = new Map<Group, Lowered[]>(groups.map(g => [g, lowerGroup(g)]))

  const written = new Map<Group, InPlace[]>()
  const inPlace = roots.map(({ node, leaf }) => {
    if (leaf < 0) return false
    const group = home.get(node)!
    if (!mayWriteInPlace(group, node, leaf, kernels.get(group)!)) return false
    if (!fitsBeside(written.get(group) ?? [], { key: `V${node.id}`, leaf: `L${leaf}` }, kernels.get(group)![0]))
      return false
    const readers = groups.filter(
      g => g !== group && kernels.get(g)!.some(l => l.reads.some(r => r.ref.key === `L${leaf}`)),
    )
    if (readers.some(r => dependsOn(r, group))) return false
    for (const r of readers) group.needs.add(r)
    const [target] = live.filter(n => n.op === 'storage' && n.leaf === leaf)
    aliases.set(`V${node.id}`, { key: `L${leaf}`, dtype: target.dtype, shape: target.shape })
    written.set(group, [...(written.get(group) ?? []), { key: `V${node.id}`, leaf: `L${leaf}` }])
    return true
  })
  for (const group of groups)
    if ([...group.outputs.keys()].some(n => aliases.has(`V${n.id}`)) || readsAlias(kernels.get(group)!, aliases))
      kernels.set(group, lowerGroup(group))

  const over = groups
    .filter(g => kernels.get(g)!.some(l => l.kernel.buffers.length > limits.buffersPerKernel))
    .flatMap(g => [...g.outputs.keys(), ...g.reduces.keys()])
  const rootOf = new Map<string, number>(roots.map((r, i) => [`V${r.node.id}`, i]))
  const order = ordered(groups)
  const launches = limits.parts
    ? joinParts(
        formsTogether(order, kernels, key => key[0] === 'L' || rootOf.has(key)).flatMap(g => kernels.get(g)!),
        model.positions.length,
      )
    : order.flatMap(g => kernels.get(g)!).map(lowered => ({ kernel: lowered.kernel, parts: [{ lowered }] }))
  return { launches, rootOf, inPlace, over }
}

const readsAlias = (kernels: readonly Lowered[], aliases: ReadonlyMap<string, Ref>): boolean =>
  kernels.some(l => l.refs.some(r => aliases.has(r.key)))

/** Every load of the leaf happens where the result is stored, by the same item: nothing reads what was overwritten. */
function mayWriteInPlace(group: Group, node: GNode, leaf: number, kernels: readonly Lowered[]): boolean {
  const key = `L${leaf}`
  if (group.anchor === node && node.op === 'scatter') {
    const [base] = node.sources
    return (
      base.op === 'storage' && base.leaf === leaf && !kernels[kernels.length - 1].reads.some(r => r.ref.key === key)
    )
  }
  // the kernels of attention read whole operands while they write
  if (kernels.some(l => l.kernel.kind === 'attention' && l.reads.some(r => r.ref.key === key))) return false
  const writes = kernels.flatMap(l => l.writes.filter(w => w.ref.key === `V${node.id}`))
  if (writes.length !== 1 || kernels.length !== 1) return false
  const at = indexKey(writes[0].index)
  return kernels[0].reads.every(r => r.ref.key !== key || indexKey(r.index) === at)
}

interface InPlace {
  /** of the result's Ref, and of the leaf whose memory it takes */
  readonly key: string
  readonly leaf: string
}

/**
 * Whether a kernel's results can be stored in some order with one more in place: whoever loads a leaf goes before what overwrites it, so two
 * results must not each overwrite what the other loads (a swap).
 */
function fitsBeside(before: readonly InPlace[], added: InPlace, { sources }: Lowered): boolean {
  const all = [...before, added]
  const left = new Set(sources.keys())
  for (;;) {
    const next = [...left].find(key => {
      const own = all.find(p => p.key === key)
      return !own || ![...left].some(other => other !== key && sources.get(other)!.has(own.leaf))
    })
    if (next === undefined) return left.size === 0
    left.delete(next)
  }
}

function reachable(roots: readonly GNode[], nodes: readonly GNode[]): GNode[] {
  const seen = new Set<GNode>()
  const stack = [...roots]
  while (stack.length) {
    const node = stack.pop()!
    if (seen.has(node)) continue
    seen.add(node)
    stack.push(...node.sources)
  }
  return nodes.filter(n => seen.has(n))
}

/** Needed groups first; otherwise in the order of the graph, which keeps values short-lived. */
function ordered(groups: readonly Group[]): Group[] {
  const rank = (g: Group): number => Math.min(...[...g.outputs.keys()].map(n => n.id))
  const waiting = new Map<Group, number>()
  const users = new Map<Group, Group[]>()
  for (const g of groups) {
    waiting.set(g, g.needs.size)
    for (const n of g.needs) {
      const list = users.get(n)
      if (list) list.push(g)
      else users.set(n, [g])
    }
  }
  const ready = groups.filter(g => waiting.get(g) === 0).sort((a, b) => rank(b) - rank(a))
  const out: Group[] = []
  while (ready.length) {
    const group = ready.pop()!
    out.push(group)
    for (const user of users.get(group) ?? []) {
      const left = waiting.get(user)! - 1
      waiting.set(user, left)
      if (left > 0) continue
      const r = rank(user)
      let at = ready.length
      while (at > 0 && rank(ready[at - 1]) < r) at--
      ready.splice(at, 0, user)
    }
  }
  if (out.length !== groups.length) throw new Error('plan: kernels wait for each other')
  return out
}

/**
 * Kernels that nothing in the plan waits for, and that bind nothing large but what is kept anyway, go to the end, those of one form side by
 * side: an optimizer's updates become one launch, and no intermediate value lives longer for it.
 */
function formsTogether(
  order: readonly Group[],
  kernels: ReadonlyMap<Group, readonly Lowered[]>,
  kept: (key: string) => boolean,
): Group[] {
  const needed = new Set(order.flatMap(g => [...g.needs]))
  const small = (shape: readonly Dim[]) => productDim(shape).sample <= 4096
  const forms = new Map<string, Group[]>()
  for (const group of order) {
    const [only, ...others] = kernels.get(group)!
    if (needed.has(group) || others.length || !only.refs.every(r => kept(r.key) || small(r.shape))) continue
    const form = formOf(only)
    if (form === null) continue
    const mates = forms.get(form)
    if (mates) mates.push(group)
    else forms.set(form, [group])
  }
  const moved = [...forms.values()].filter(mates => mates.length > 1).flat()
  const late = new Set(moved)
  return [...order.filter(g => !late.has(g)), ...moved]
}

function bind(captured: Captured, { launches: joined, rootOf, inPlace }: Arranged): Plan {
  const slots: Slot[] = []
  const slotOf = new Map<string, number>()
  const temps: { dtype: DType; size: Dim; first: number; last: number }[] = []
  const slotAt = (ref: Ref, step: number): number => {
    let slot = slotOf.get(ref.key)
    if (slot === undefined) {
      slot = slots.length
      slotOf.set(ref.key, slot)
      const root = rootOf.get(ref.key)
      if (ref.key[0] === 'L') slots.push({ kind: 'leaf', leaf: Number(ref.key.slice(1)) })
      else if (root !== undefined) slots.push({ kind: 'root', root })
      else {
        slots.push({ kind: 'temp', temp: temps.length })
        temps.push({ dtype: ref.dtype, size: productDim(ref.shape), first: step, last: step })
      }
    }
    const bound = slots[slot]
    if (bound.kind === 'temp') temps[bound.temp].last = step
    return slot
  }
  const launches = joined.map(({ kernel, parts }, step): Launch => {
    const [first, ...more] = parts.map(({ lowered, sizes }): Part => {
      const buffers = lowered.refs.map(ref => slotAt(ref, step))
      return { buffers, scalars: lowered.scalars, ...(sizes && { sizes }) }
    })
    return { kernel, ...first, ...(more.length && { more }) }
  })
  const scalars: ComputeType[] = []
  for (const n of captured.nodes) if (n.op === 'scalar') scalars[n.leaf] = computeType(n.dtype)
  return { program: { launches, slots: slots.length, scalars }, slots, temps, inPlace }
}

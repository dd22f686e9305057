// Reverse-mode differentiation as a function from graph to graph: one walk over the history in reverse order of creation,
// each primitive's vjp from the table, gradients of shared values summed. `backward` remembers the graph that came of it for the next
// history of the same form (autograd/history.ts).

import { GradientError } from '../errors.ts'
import { expansionOf } from '../graph/composite.ts'
import type { Engine } from '../graph/engine.ts'
import { type Node, nodeCount } from '../graph/node.ts'
import { checkEffect, within } from '../graph/scope.ts'
import { storageCount } from '../graph/storage.ts'
import { subgraphOf } from '../graph/subgraph.ts'
import { constantOf } from '../ops/build.ts'
import { primitiveOf } from '../primitives/table.ts'
import { apply, checkGradient, Tensor } from '../tensor.ts'
import { gradientOf } from './gradient.ts'
import { History, isInside, Passes, type Place, type Remembered } from './history.ts'
import { rowParts } from './sparse.ts'

/** Gradients of `roots` (weighted by `seeds`) for every node in `wanted`, or for every leaf when `wanted` is null. */
export function gradients(
  roots: readonly Tensor[],
  seeds: readonly Tensor[],
  wanted: ReadonlySet<Node> | null,
  history: boolean,
): Map<Node, Tensor> {
  return within('backward', { grad: history, internal: true }, () => {
    const { order, placeOf } = reachable(
      roots.map(r => r.node),
      wanted,
    )
    const found = new Array<Tensor | undefined>(order.length)
    const add = (place: number, g: Tensor): void => {
      const before = found[place]
      found[place] = before ? apply('add', [before, g]) : g
    }
    const results = new Map<Node, Tensor>()
    roots.forEach((root, i) => {
      const place = placeOf.get(root.node)
      if (place !== undefined) add(place, seeds[i])
    })
    for (let place = 0; place < order.length; place++) {
      const node = order[place]
      const g = found[place]
      if (!g) continue
      found[place] = undefined
      if (wanted ? wanted.has(node) : node.op === 'storage') results.set(node, g)
      if (node.sources.length === 0) continue
      const whole = placeOf.get(expansionOf(node))
      if (whole !== undefined && whole !== place) {
        add(whole, g)
        continue
      }
      const { vjp } = primitiveOf(node.op)
      if (!vjp) throw new GradientError(node.op, 'has no derivative; detach() its input')
      const sources = node.sources.map(s => new Tensor(s))
      const parts = vjp(g, sources, new Tensor(node), node.attributes)
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i]
        if (!part) continue
        const at = placeOf.get(node.sources[i])
        if (at !== undefined) add(at, part)
      }
    }
    return results
  })
}

/**
 * Nodes with gradient history between the roots and what is wanted, the newest first, and where in that order each is. Leaves come last, in the order
 * in which their gradients are complete: which of two versions was written later says nothing of the graph, and a step after a write from outside is to
 * have the order of the others.
 */
function reachable(
  roots: readonly Node[],
  wanted: ReadonlySet<Node> | null,
): { order: readonly Node[]; placeOf: ReadonlyMap<Node, number> } {
  let order: Node[] = []
  const placeOf = new Map<Node, number>()
  const stack = roots.filter(node => node.requiresGrad)
  while (stack.length) {
    const node = stack.pop()!
    if (placeOf.has(node)) continue
    placeOf.set(node, 0)
    const sources = historyOf(node)
    if (sources.length > 0) order.push(node)
    for (let i = 0; i < sources.length; i++) if (sources[i].requiresGrad) stack.push(sources[i])
  }
  order.sort((a, b) => b.id - a.id)
  order.push(...leavesOf(order, roots))
  if (wanted) {
    const useful = new Set<Node>()
    for (let i = order.length - 1; i >= 0; i--)
      if (wanted.has(order[i]) || historyOf(order[i]).some(s => useful.has(s))) useful.add(order[i])
    order = order.filter(node => useful.has(node))
    placeOf.clear()
  }
  order.forEach((node, place) => void placeOf.set(node, place))
  return { order, placeOf }
}

/** The leaves with gradient history, each where the last of its users among `order` stands. */
function leavesOf(order: readonly Node[], roots: readonly Node[]): Node[] {
  const found = new Set<Node>()
  const meet = (nodes: readonly Node[]): void => {
    for (let i = nodes.length - 1; i >= 0; i--)
      if (nodes[i].requiresGrad && nodes[i].sources.length === 0) found.add(nodes[i])
  }
  for (let i = order.length - 1; i >= 0; i--) meet(historyOf(order[i]))
  meet(roots)
  return [...found].reverse()
}

/** What the gradient of a node goes to: its sources, or the nodes that a call stands for. */
function historyOf(node: Node): readonly Node[] {
  const root = expansionOf(node)
  return root === node ? node.sources : [root]
}

const passes = new WeakMap<Engine, Passes>()

function passesOf(engine: Engine): Passes {
  let found = passes.get(engine)
  if (!found) passes.set(engine, (found = new Passes()))
  return found
}

/** Gradients for every leaf, by the graph of the last history of this form where there was one. */
function leafGradients(root: Tensor, seed: Tensor | undefined): Map<Node, Tensor> {
  const walked = (): Map<Node, Tensor> => gradients([root], [seedOf('backward', root, seed)], null, false)
  const history = new History(root.node, seed?.node ?? null)
  if (history.opaque) return walked()
  const { hash, order } = history
  const known = passesOf(root.engine)
  let found = known.find(history, hash)
  if (!found) {
    const { key } = history
    const since = { nodes: nodeCount(), storages: storageCount() }
    const built = walked()
    found = { key, pass: passOf(built, root.node, seed?.node ?? null, history, since) }
    known.add(hash, found)
    if (!found.pass) return built
    // the walk left nodes to stand for calls, which the next pass of this form will not: what else reads their values is to be the same graph
    for (let i = 0; i < order.length; i++) if (order[i].op === 'result') order[i].stand = null
  }
  if (!found.pass) return walked()
  const { subgraph, sources, leaves } = found.pass
  const nodes: Node[] = []
  for (let i = 0; i < sources.length; i++) {
    const place = sources[i]
    nodes.push(typeof place !== 'number' ? place : place < order.length ? order[place] : seed!.node)
  }
  const values = within('backward', { grad: false, internal: true }, () => subgraph.call(nodes))
  const results = new Map<Node, Tensor>()
  for (let i = 0; i < leaves.length; i++) results.set(order[leaves[i]], values[i])
  // the forward pass is part of the call: who asks for the root is given the call's
  if (values.length > leaves.length) root.node.stand = values[leaves.length].node
  return results
}

/**
 * What is remembered of gradients. While nothing of the forward pass was computed, it is part of the call, and the root the last of its results.
 * @param since numbers of nodes and storages before the pass
 */
function passOf(
  gradients: ReadonlyMap<Node, Tensor>,
  root: Node,
  seed: Node | null,
  { order, settled }: History,
  since: { readonly nodes: number; readonly storages: number },
): Remembered['pass'] {
  const results = [...gradients.values()].map(g => g.node)
  // rows of a table are kept as rows, which one value cannot say
  if (results.length === 0 || results.some(node => rowParts(node))) return null
  const forward = new Set(settled ? [] : order.filter(isInside))
  const whole = settled ? results : [...results, root]
  for (const node of order) if (expansionOf(node) !== node) addExpanded(node, forward)
  const inside = (node: Node): boolean => node.id >= since.nodes || forward.has(node)
  const graph = subgraphOf('backward', whole, inside, expansionOf)
  if (!graph || graph.subgraph.draws) return null
  const given = seed ? [...order, seed] : order
  const places = new Map(given.map((node, place) => [node, place]))
  const sources: Place[] = []
  for (const node of graph.open) {
    const place = places.get(node)
    // tables that a derivative made hold what they hold; anything else from outside of the history may be another one next time
    if (place === undefined && !(node.storage && node.storage.id >= since.storages)) return null
    sources.push(place ?? node)
  }
  return { subgraph: graph.subgraph, sources, leaves: [...gradients.keys()].map(leaf => places.get(leaf)!) }
}

/** Adds the nodes that stand for a call: those that have the numbers behind it. */
function addExpanded(result: Node, into: Set<Node>): void {
  const call = result.sources[0]
  const stack = [expansionOf(result)]
  while (stack.length) {
    const node = stack.pop()!
    if (node.id <= call.id || into.has(node)) continue
    into.add(node)
    stack.push(...node.sources)
  }
}

export interface BackwardOptions {
  /** the gradient of the root; 1 for a root with one element */
  readonly gradient?: Tensor
  /** only these leaves receive a gradient */
  readonly inputs?: readonly Tensor[]
  /** keep the graph for another backward */
  readonly retainGraph?: boolean
}

export function seedOf(op: string, root: Tensor, gradient?: Tensor): Tensor {
  if (gradient) {
    checkGradient(op, gradient, root)
    return gradient
  }
  if (root.size !== 1)
    throw new GradientError(op, 'needs one element, or a gradient of the same shape; call sum() or mean() first', {
      shape: [...root.shape],
    })
  const one = constantOf(1, root.dtype, root.engine)
  return root.ndim === 0 ? one : one.expand(root.shape)
}

function checkHistory(op: string, root: Tensor): void {
  if (root.node.released)
    throw new GradientError(
      op,
      'the graph was already executed and released; pass { retainGraph: true } to the first backward',
    )
  if (!root.requiresGrad)
    throw new GradientError(
      op,
      'nothing it was computed from requires a gradient; set requiresGrad on what shall have one',
    )
}

/**
 * Adds the gradient of this tensor to the `grad` of every leaf that requires one. Nothing runs yet: the next read, step or
 * `realize()` does. The root is kept, and becomes a leaf when it has run (unless `retainGraph`).
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  checkEffect('backward')
  checkHistory('backward', root)
  const { inputs, gradient } = options
  const results =
    inputs || root.storage
      ? gradients([root], [seedOf('backward', root, gradient)], inputs ? new Set(inputs.map(t => t.node)) : null, false)
      : leafGradients(root, gradient)
  if (root.storage === null) root.engine.queue.keep(root.node, null, !options.retainGraph)
  for (const [leaf, g] of results) {
    if (!leaf.storage)
      throw new GradientError('backward', 'inputs must be leaves; use grad() for the gradient of a computed tensor')
    within('backward', { grad: false, internal: true }, () => gradientOf(leaf.storage!).accumulate(g))
  }
}

export interface GradOptions {
  readonly gradient?: Tensor
  /** record history, so that the gradients can be differentiated again */
  readonly createGraph?: boolean
}

/** The gradients of one root with respect to tensors, as tensors, without touching `.grad`. */
export function gradientsOf(root: Tensor, inputs: readonly Tensor[], options: GradOptions = {}): Tensor[] {
  checkHistory('grad', root)
  const results = gradients(
    [root],
    [seedOf('grad', root, options.gradient)],
    new Set(inputs.map(t => t.node)),
    options.createGraph ?? false,
  )
  return inputs.map(t => {
    const g = results.get(t.node)
    if (!g)
      throw new GradientError('grad', 'an input was not used to compute the root; leave it out', {
        shape: [...t.shape],
      })
    return new Tensor(g.node)
  })
}

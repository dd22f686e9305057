// Reverse-mode differentiation as a function from graph to graph: one walk over the history in reverse order of creation,
// each primitive's vjp from the table, gradients of shared values summed.

import { GradientError } from '../errors.ts'
import type { Node } from '../graph/node.ts'
import { within } from '../graph/scope.ts'
import { constantOf } from '../ops/build.ts'
import { primitiveOf } from '../primitives/table.ts'
import { apply, checkGradient, gradientOf, Tensor } from '../tensor.ts'

/** Gradients of `roots` (weighted by `seeds`) for every node in `wanted`, or for every leaf when `wanted` is null. */
export function gradients(
  roots: readonly Tensor[],
  seeds: readonly Tensor[],
  wanted: ReadonlySet<Node> | null,
  history: boolean,
): Map<Node, Tensor> {
  return within('backward', { grad: history, internal: true }, () => {
    const useful = reachable(
      roots.map(r => r.node),
      wanted,
    )
    const found = new Map<Node, Tensor>()
    roots.forEach((root, i) => add(found, root.node, seeds[i]))
    const order = [...useful].sort((a, b) => b.id - a.id)
    const results = new Map<Node, Tensor>()
    for (const node of order) {
      const g = found.get(node)
      if (!g) continue
      found.delete(node)
      if (wanted ? wanted.has(node) : node.op === 'storage') results.set(node, g)
      if (node.sources.length === 0) continue
      const { vjp } = primitiveOf(node.op)
      if (!vjp) throw new GradientError(node.op, 'has no derivative; detach() its input')
      const sources = node.sources.map(s => new Tensor(s))
      vjp(g, sources, new Tensor(node), node.attributes).forEach((part, i) => {
        const source = node.sources[i]
        if (part && useful.has(source)) add(found, source, part)
      })
    }
    return results
  })
}

function add(found: Map<Node, Tensor>, node: Node, g: Tensor): void {
  const before = found.get(node)
  found.set(node, before ? apply('add', [before, g]) : g)
}

/** Nodes with gradient history between the roots and what is wanted. */
function reachable(roots: readonly Node[], wanted: ReadonlySet<Node> | null): Set<Node> {
  const all = new Set<Node>()
  const stack = [...roots]
  while (stack.length) {
    const node = stack.pop()!
    if (all.has(node) || !node.requiresGrad) continue
    all.add(node)
    stack.push(...node.sources)
  }
  if (!wanted) return all
  const useful = new Set<Node>()
  for (const node of [...all].sort((a, b) => a.id - b.id))
    if (wanted.has(node) || node.sources.some(s => useful.has(s))) useful.add(node)
  return useful
}

export interface BackwardOptions {
  /** the gradient of the root; 1 for a root with one element */
  readonly gradient?: Tensor
  /** only these leaves receive a gradient */
  readonly inputs?: readonly Tensor[]
  /** keep the graph for another backward */
  readonly retainGraph?: boolean
}

function seedOf(op: string, root: Tensor, gradient?: Tensor): Tensor {
  if (gradient) {
    checkGradient(op, gradient, root)
    return gradient
  }
  if (root.size !== 1)
    throw new GradientError(op, 'needs one element, or a gradient of the same shape', { shape: [...root.shape] })
  const one = constantOf(1, root.dtype, root.engine)
  return root.ndim === 0 ? one : one.expand(root.shape)
}

function checkHistory(op: string, root: Tensor): void {
  if (root.node.released)
    throw new GradientError(
      op,
      'the graph was already executed and released; pass { retainGraph: true } to the first backward',
    )
  if (!root.requiresGrad) throw new GradientError(op, 'nothing it was computed from requires a gradient')
}

/**
 * Adds the gradient of this tensor to the `grad` of every leaf that requires one. Nothing runs yet: the next read, step or
 * `realize()` does. The root is kept, and becomes a leaf when it has run (unless `retainGraph`).
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  checkHistory('backward', root)
  const wanted = options.inputs ? new Set(options.inputs.map(t => t.node)) : null
  const results = gradients([root], [seedOf('backward', root, options.gradient)], wanted, false)
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
    if (!g) throw new GradientError('grad', 'an input was not used to compute the root', { shape: [...t.shape] })
    return new Tensor(g.node)
  })
}

/** A leaf of its own for each argument, so that a function can be differentiated at it. */
function leaves(args: readonly Tensor[]): Tensor[] {
  return args.map(t => {
    const leaf = apply('identity', [t])
    leaf.node.requiresGrad = true
    return leaf
  })
}

/**
 * Results whose only history leads to the leaves that `grad` made are constants to the caller: without this, `w = w.sub(grad(f)(w))`
 * would drag all its steps along.
 */
function forget(results: readonly Tensor[], made: readonly Tensor[]): void {
  const own = new Set(made.map(t => t.node))
  const seen = new Set<Node>()
  const stack = results.map(t => t.node)
  while (stack.length) {
    const node = stack.pop()!
    if (seen.has(node) || !node.requiresGrad) continue
    seen.add(node)
    const history = node.sources.filter(s => s.requiresGrad)
    if (history.length === 0 && !own.has(node)) return
    stack.push(...history)
  }
  for (const t of results) if (!t.storage) t.node.requiresGrad = false
}

type Inputs = readonly [Tensor, ...Tensor[]]

/**
 * The gradient of a scalar function, as a function: `grad(f)(x)` is df/dx (first argument), itself differentiable. Or, called with a
 * tensor and inputs, the gradients of that tensor as torch.autograd.grad gives them.
 */
export function grad(root: Tensor, inputs: readonly Tensor[], options?: GradOptions): Tensor[]
export function grad<A extends Inputs>(f: (...args: A) => Tensor): (...args: A) => Tensor
export function grad<A extends Inputs>(
  of: Tensor | ((...args: A) => Tensor),
  inputs?: readonly Tensor[],
  options?: GradOptions,
): Tensor[] | ((...args: A) => Tensor) {
  if (of instanceof Tensor) return gradientsOf(of, inputs ?? [], options)
  return (...args: A) => valueAndGrad(of)(...args)[1]
}

/** `valueAndGrad(f)(x)` is [f(x), df/dx] for the first argument. */
export function valueAndGrad<A extends Inputs>(f: (...args: A) => Tensor): (...args: A) => [Tensor, Tensor] {
  return (...args: A) => {
    const [x, ...rest] = args
    const [leaf] = leaves([x])
    const out = f(...([leaf, ...rest] as unknown as A))
    if (out.size !== 1)
      throw new GradientError('grad', 'needs a function that returns one element', { shape: [...out.shape] })
    const [g] = gradientsOf(out, [leaf], { createGraph: true })
    forget([out, g], [leaf])
    return [out, g]
  }
}

/** The vector-Jacobian product: [f(x), a function from a cotangent to the gradients of all arguments]. */
export function vjp<A extends Inputs>(f: (...args: A) => Tensor, ...args: A): [Tensor, (g: Tensor) => Tensor[]] {
  const inner = leaves(args)
  const out = f(...(inner as unknown as A))
  const pull = (g: Tensor): Tensor[] => {
    const results = gradientsOf(out, inner, { gradient: g, createGraph: true })
    forget(results, inner)
    return results
  }
  return [out, pull]
}

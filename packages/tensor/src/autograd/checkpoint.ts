// Checkpoints (T. Chen et al., "Training deep nets with sublinear memory cost", 2016) as a rewriting of the graph: the backward pass of the
// function's result gets nodes of its own, equal to those of the forward pass but behind a barrier, so that they are computed again, once the
// gradient is there, and the first ones need not be kept. The function runs once: effects happen once, and random nodes carry their counter, so
// a dropout mask comes out the same.

import { CairnError } from '../errors.ts'
import { Node, nodeCount } from '../graph/node.ts'
import { state } from '../graph/scope.ts'
import { apply, Tensor } from '../tensor.ts'
import { gradients } from './backward.ts'

/** The nodes that a function made, sources first, and the values from outside that they are made of. */
function regionOf(root: Node, since: number): { readonly inside: Node[]; readonly inputs: Node[] } {
  const inside = new Set<Node>()
  const inputs = new Set<Node>()
  const stack = [root]
  while (stack.length) {
    const node = stack.pop()!
    if (inside.has(node) || inputs.has(node)) continue
    if (node.id >= since && node.sources.length > 0) {
      inside.add(node)
      stack.push(...node.sources)
    } else inputs.add(node)
  }
  return { inside: [...inside].sort((a, b) => a.id - b.id), inputs: [...inputs] }
}

/** The gradients of the inputs, through nodes that are made again from `values` after `g` is there. */
function again(root: Node, inside: readonly Node[], values: ReadonlyMap<Node, Tensor>, g: Tensor): Map<Node, Tensor> {
  const made = new Map<Node, Node>()
  const wanted = new Map<Node, Node>()
  for (const [input, value] of values) {
    const behind = input.op === 'constant' ? value.node : apply('barrier', [value, g]).node
    behind.requiresGrad = input.requiresGrad
    made.set(input, behind)
    if (input.requiresGrad) wanted.set(behind, input)
  }
  for (const node of inside) {
    const sources = node.sources.map(s => made.get(s)!)
    const copy = new Node(node.op, sources, node.shape, node.dtype, node.device, node.attributes)
    copy.requiresGrad = node.requiresGrad
    made.set(node, copy)
  }
  const found = gradients([new Tensor(made.get(root)!)], [g], new Set(wanted.keys()), state.grad)
  return new Map([...found].map(([behind, part]) => [wanted.get(behind)!, part]))
}

/**
 * `fn(...args)`, without keeping for the backward pass what it computes: that is computed again when it is needed. The gradients are those
 * without it (sums that a compiler groups otherwise may differ in the last bits); a backward pass takes about a third longer, and of each checkpoint only what goes in stays in memory.
 * @param fn a synchronous function that returns one tensor; effects in it (running statistics) happen once
 * @throws CairnError when it returns something else
 */
export function checkpoint<A extends readonly unknown[]>(fn: (...args: A) => Tensor, ...args: A): Tensor {
  const since = nodeCount()
  const out = fn(...args)
  if (!(out instanceof Tensor))
    throw new CairnError(
      'checkpoint',
      'needs a synchronous function that returns one tensor; stack several or split it',
    )
  if (!out.requiresGrad || out.storage) return out
  const root = out.node
  const { inside, inputs } = regionOf(root, since)
  if (inside.length === 0) return out
  const differentiable = inputs.filter(n => n.requiresGrad)
  return apply('shortcut', [out, ...differentiable.map(n => new Tensor(n))], {
    rule(g, given) {
      const values = new Map(inputs.map(n => [n, new Tensor(n)] as const))
      differentiable.forEach((n, i) => values.set(n, given[i]))
      const found = again(root, inside, values, g)
      return differentiable.map(n => found.get(n) ?? null)
    },
  })
}

// How a transform runs a function: at leaves of its own in place of the arguments, so that derivatives are those with respect to the
// arguments alone, whatever history they have; with history recorded, whatever the caller's scope; and with effects refused.

import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import type { Node } from '../graph/node.ts'
import { state, within } from '../graph/scope.ts'
import { apply, checkGradient, Tensor } from '../tensor.ts'
import { gradients } from './backward.ts'
import { leavesOf, mapTree } from './tree.ts'

export interface Traced<R> {
  readonly out: R
  /** what stands for the tensors of the arguments; null for those that are not differentiated */
  readonly leaves: readonly (Tensor | null)[]
}

/** A value that derivatives are taken with respect to. */
export function leafFor(value: Tensor): Tensor {
  const leaf = within('grad', { grad: false, internal: true }, () => apply('identity', [value]))
  leaf.node.requiresGrad = true
  return leaf
}

/**
 * Runs `f` at leaves for the floating-point tensors of the arguments.
 * @param only the positions of the arguments that count; in those, another dtype is an error
 */
export function trace<A extends readonly unknown[], R>(
  name: string,
  f: (...args: A) => R,
  args: A,
  only?: readonly number[],
): Traced<R> {
  const leaves: (Tensor | null)[] = []
  const inner = args.map((arg, position) =>
    mapTree(arg, (t, path) => {
      const counts = !only || only.includes(position)
      if (only && counts && !isFloat(t.dtype))
        throw new DTypeError(
          name,
          `argument ${position}${path} is ${t.dtype} and has no derivative; convert with .to('f32')`,
        )
      const leaf = counts && isFloat(t.dtype) ? leafFor(t) : null
      leaves.push(leaf)
      return leaf ?? t
    }),
  ) as unknown as A
  return { out: within(name, { grad: true, transform: name }, () => f(...inner)), leaves }
}

/** Gradients for leaves, zeros where none flows; the weight of a root may be missing. */
export function pullBack(
  name: string,
  roots: readonly Tensor[],
  weights: readonly (Tensor | null)[],
  leaves: readonly Tensor[],
  history: boolean,
): Tensor[] {
  const used = roots.flatMap((root, i) => {
    const weight = weights[i]
    if (!weight) return []
    checkGradient(name, weight, root)
    return root.requiresGrad ? [{ root, weight }] : []
  })
  const found = gradients(
    used.map(u => u.root),
    used.map(u => u.weight),
    new Set(leaves.map(l => l.node)),
    history,
  )
  // handles of the caller's own, not those that were made on behalf of the library
  return leaves.map(leaf => {
    const g = found.get(leaf.node)
    return g ? new Tensor(g.node) : leaf.zerosLike()
  })
}

/**
 * Results whose only history leads to the leaves that a transform made are constants to the caller: without this, `w = w.sub(grad(f)(w))`
 * would drag all its steps along.
 */
export function forget(results: readonly Tensor[], made: readonly Tensor[]): void {
  if (!state.grad || !leadsOutside(results, new Set(made.map(t => t.node))))
    for (const t of results) if (!t.storage) t.node.requiresGrad = false
}

/** The same for results whose history is needed later, by a pullback: the caller gets constants beside them. */
export function forgotten<R>(out: R, made: readonly Tensor[]): R {
  const own = new Set(made.map(t => t.node))
  return mapTree(out, t => (t.requiresGrad && !(state.grad && leadsOutside([t], own)) ? t.detach() : t))
}

function leadsOutside(results: readonly Tensor[], own: ReadonlySet<Node>): boolean {
  const seen = new Set<Node>()
  const stack = results.map(t => t.node)
  while (stack.length) {
    const node = stack.pop()!
    if (seen.has(node) || !node.requiresGrad) continue
    seen.add(node)
    const history = node.sources.filter(s => s.requiresGrad)
    if (history.length === 0 && !own.has(node)) return true
    stack.push(...history)
  }
  return false
}

/** The tensors of a result. */
export const tensorsOf = (tree: unknown): Tensor[] => leavesOf(tree).map(leaf => leaf.tensor)

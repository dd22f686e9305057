// vmap: a function of one example becomes a function of many, without a loop. The function is traced once with a placeholder for each
// batched argument; then every node that depends on one is replaced by its primitive's batching rule, in the order of creation. What does
// not depend on an example stays as it is, so it is computed once for all.
//
// Derivatives that are functions (of softmax, of a user's op) may be asked for later and may refer to values of the trace. They keep
// its table of replacements, and are traced and batched the same way when they are called.

import { CairnError, ShapeError, TransformError } from '../errors.ts'
import { Node, nodeCount } from '../graph/node.ts'
import { within } from '../graph/scope.ts'
import { batchOf } from '../primitives/batches.ts'
import type { Batched } from '../primitives/batching.ts'
import { everyExample, moveAxis } from '../primitives/batching.ts'
import { primitiveOf } from '../primitives/table.ts'
import { apply, Tensor } from '../tensor.ts'
import { leavesOf, mapTree, type Prefix, prefixOf } from './tree.ts'

export type Randomness = 'different' | 'same'

export interface VmapOptions {
  /**
   * Where the examples lie in the arguments: an axis, null for what all examples share, or one for each argument, in the structure
   * of the arguments where that is needed. Default: axis 0 of everything.
   */
  readonly inAxes?: Prefix<number | null>
  /** Where the examples go in the results; null for a result that is the same for all. Default: axis 0. */
  readonly outAxes?: Prefix<number | null>
  /** Whether each example draws random numbers of its own (the default), or all the same. */
  readonly randomness?: Randomness
  /** How many examples, where no argument says so. */
  readonly size?: number
}

const isAxis = (value: unknown): value is number | null => value === null || typeof value === 'number'

/** The nodes of one trace and what stands for them when there are many examples. */
class Examples {
  readonly #size: number
  readonly #randomness: Randomness
  /** nodes made before the trace cannot depend on an example */
  readonly #since = nodeCount()
  readonly #batched = new Map<Node, Batched>()

  constructor(size: number, randomness: Randomness) {
    this.#size = size
    this.#randomness = randomness
  }

  /** One example of a value whose examples lie along axis 0. */
  placeholder(value: Tensor): Tensor {
    const node = new Node('placeholder', [], value.shape.slice(1), value.dtype, value.engine)
    node.requiresGrad = value.requiresGrad
    this.#batched.set(node, { value, batched: true })
    return new Tensor(node)
  }

  /** What stands for the nodes when there are many examples. */
  of(roots: readonly Tensor[]): Batched[] {
    for (const node of this.#open(roots)) this.#batched.set(node, this.#replace(node))
    return roots.map(t => this.#lookUp(t.node))
  }

  #lookUp(node: Node): Batched {
    return this.#batched.get(node) ?? { value: new Tensor(node), batched: false }
  }

  /** Nodes below the roots that have no replacement yet, sources first. */
  #open(roots: readonly Tensor[]): Node[] {
    const found = new Set<Node>()
    const stack = roots.map(t => t.node)
    while (stack.length) {
      const node = stack.pop()!
      if (node.id < this.#since || found.has(node) || this.#batched.has(node) || node.sources.length === 0) continue
      found.add(node)
      stack.push(...node.sources)
    }
    return [...found].sort((a, b) => a.id - b.id)
  }

  #replace(node: Node): Batched {
    const size = this.#size
    const draws = primitiveOf(node.op).random === true && this.#randomness === 'different'
    // history as the trace recorded it: what was detached there stays so
    return within('vmap', { grad: node.requiresGrad, internal: true }, () => {
      const sources = node.sources.map(s => this.#lookUp(s))
      if (!draws && !sources.some(s => s.batched)) return { value: new Tensor(node), batched: false }
      const value = batchOf(node.op)({
        size,
        sources,
        attributes: node.attributes,
        shape: node.shape,
        again: (values, attributes = node.attributes, shape = node.shape) =>
          apply(node.op as Parameters<typeof apply>[0], values, attributes, shape, node.device),
        mapped:
          f =>
          (...values) =>
            this.#run(f, values),
      })
      return { value, batched: true }
    })
  }

  #run(f: (...values: Tensor[]) => readonly (Tensor | null)[], values: readonly Batched[]): (Tensor | null)[] {
    const results = f(...values.map(v => (v.batched ? this.placeholder(v.value) : v.value)))
    const found = this.of(results.filter(r => r !== null))
    let at = 0
    return results.map(r => r && everyExample(found[at++], this.#size))
  }
}

/**
 * `vmap(f)` is f for every example of its arguments at once: `vmap((x, w) => x.mul(w).sum(), { inAxes: [0, null] })` gives a sum for
 * each row. Arguments and results may be nested arrays and objects of tensors; what else stands in them is passed on.
 * f is traced once and must be pure; in it, shapes are those of one example.
 * @throws ShapeError when arguments have different numbers of examples; TransformError for effects and reads inside of f
 */
export function vmap<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  options: VmapOptions = {},
): (...args: A) => R {
  const { inAxes = 0, outAxes = 0, randomness = 'different' } = options
  return (...args: A): R => {
    if (Array.isArray(inAxes) && inAxes.length !== args.length)
      throw new CairnError('vmap', `${inAxes.length} axes in inAxes for ${args.length} arguments`)
    const axes = prefixOf('vmap', args, inAxes, isAxis)
    const leaves = leavesOf(args)
    const places = leaves.map(({ tensor, path }, i) => {
      const axis = axes[i]
      if (axis === null) return null
      const d = axis < 0 ? axis + tensor.ndim : axis
      if (!Number.isInteger(d) || d < 0 || d >= tensor.ndim)
        throw new ShapeError('vmap', `argument ${path} has no axis ${axis}`, { shape: [...tensor.shape] })
      return d
    })
    const size = sizeOf(places, leaves, options.size)
    const examples = new Examples(size, randomness)
    let at = 0
    const inner = mapTree(args, t => {
      const axis = places[at++]
      return axis === null ? t : examples.placeholder(moveAxis(t, axis, 0))
    })
    const out = within('vmap', { transform: 'vmap', mapped: true }, () => f(...inner))
    const results = leavesOf(out)
    const targets = prefixOf('vmap', out, outAxes, isAxis)
    const values = examples.of(results.map(r => r.tensor))
    at = 0
    return mapTree(out, (_, path) => {
      const [found, axis] = [values[at], targets[at++]]
      if (axis !== null) return placed(found, axis, size, path)
      if (found.batched)
        throw new TransformError(
          'vmap',
          `result ${path || '0'} differs from example to example, so its axis in outAxes cannot be null`,
        )
      return found.value
    })
  }
}

function placed(found: Batched, axis: number, size: number, path: string): Tensor {
  const all = everyExample(found, size)
  const d = axis < 0 ? axis + all.ndim : axis
  if (!Number.isInteger(d) || d < 0 || d >= all.ndim)
    throw new ShapeError('vmap', `result ${path || '0'} cannot have its examples along axis ${axis}`, {
      shape: [...all.shape],
    })
  const moved = moveAxis(all, 0, d)
  // a handle of the user's own, not one that was made on behalf of the library
  return new Tensor(moved.node)
}

function sizeOf(
  places: readonly (number | null)[],
  leaves: readonly { tensor: Tensor; path: string }[],
  given?: number,
): number {
  let size = given
  let from = 'size'
  for (const [i, axis] of places.entries()) {
    if (axis === null) continue
    const { tensor, path } = leaves[i]
    const own = tensor.shape[axis]
    if (size !== undefined && own !== size)
      throw new ShapeError(
        'vmap',
        `arguments have different numbers of examples: ${size} by ${from}, ${own} by ${path}`,
      )
    size = own
    from = path
  }
  if (size === undefined) throw new CairnError('vmap', 'no argument has examples; name an axis in inAxes, or the size')
  return size
}

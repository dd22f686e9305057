// A function of persistent tensors whose graph is built once: an optimizer's step, which computes the same of other versions at each call. What it reads
// is found again by itself: storages in their newest version, live numbers by reading them.

import type { DType } from '../dtype.ts'
import { CairnError } from '../errors.ts'
import type { Typed } from '../primitives/types.ts'
import { sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import type { Engine } from './engine.ts'
import type { Live } from './live.ts'
import { type Node, nodeCount, scalarNode } from './node.ts'
import { state, within } from './scope.ts'
import { Storage } from './storage.ts'
import { type Subgraph, subgraphOf } from './subgraph.ts'

/** Where the value for an open place comes from: a number is that of a tensor that is given. */
type Source = Storage | { readonly live: Live; readonly dtype: DType } | number

interface Again {
  readonly subgraph: Subgraph
  readonly sources: readonly Source[]
  /** shape and dtype of each tensor that is given */
  readonly given: readonly Typed[]
  readonly device: Engine
}

/**
 * A way to have the values of a function again without calling it.
 * ```ts no-run
 * const { values, template } = Template.of('decay', [], () => [p.mul(live(options, o => o.rate))])
 * p.assign(values[0])
 * // later, when p and the rate have other values
 * p.assign(template.again([])[0])
 * ```
 */
export class Template {
  readonly #again: Again | null

  private constructor(again: Again | null) {
    this.#again = again
  }

  /**
   * Calls `build`, which computes with tensors that persist, with those `given`, and with live numbers; other numbers become part of the graph.
   * @param name what the values are, for errors
   * @param given as long as they are given they are no tensors that persist: another one stands wherever the function took one of them
   * @returns the values, and the template, which holds none of them
   */
  static of(
    name: string,
    given: readonly Tensor[],
    build: () => readonly Tensor[],
  ): { readonly values: readonly Tensor[]; readonly template: Template } {
    const first = nodeCount()
    const values = build()
    const graph = subgraphOf(
      name,
      values.map(v => v.node),
      node => node.id >= first,
    )
    // a call has no derivative
    if (!graph || values.some(v => v.requiresGrad)) return { values, template: new Template(null) }
    const { subgraph, open } = graph
    return {
      values: within(name, { internal: true }, () => subgraph.call(open)),
      template: new Template(repeatable(subgraph, open, given)),
    }
  }

  /**
   * Whether `again` may stand for the function now. Not if it drew random numbers or took values that were computed outside, if its values have gradient
   * history or two of the given tensors were one; and not while a jitted function runs, which has to see what is read.
   */
  get repeats(): boolean {
    return this.#again !== null && state.trace === null
  }

  /**
   * The values of the same graph for the versions that tensors have now.
   * @param given others in the places of those that `of` got, of the same shapes and dtypes
   * @throws CairnError where `repeats` is false, or `given` has other shapes or dtypes
   */
  again(given: readonly Tensor[]): readonly Tensor[] {
    if (!this.#again || !this.repeats)
      throw new CairnError('Template', 'what it computes cannot be had again now; call the function')
    const { subgraph, sources, device } = this.#again
    const as = this.#again.given
    if (
      as.length !== given.length ||
      as.some((t, i) => t.dtype !== given[i].dtype || !sameShape(t.shape, given[i].shape))
    )
      throw new CairnError(
        'Template',
        `${subgraph.name} was given tensors of other shapes or dtypes; call the function`,
      )
    return within(subgraph.name, { internal: true }, () => {
      const nodes: Node[] = []
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i]
        if (source instanceof Storage) nodes.push(source.head)
        else if (typeof source === 'number') nodes.push(given[source].node)
        else nodes.push(scalarNode(source.live.read(), source.dtype, device))
      }
      return subgraph.call(nodes)
    })
  }
}

function repeatable(subgraph: Subgraph, open: readonly Node[], given: readonly Tensor[]): Again | null {
  if (subgraph.draws || new Set(given.map(t => t.node)).size < given.length) return null
  const sources: Source[] = []
  for (const node of open) {
    const place = given.findIndex(t => t.node === node)
    const live = node.leaf?.live
    if (place >= 0) sources.push(place)
    else if (node.storage?.head === node) sources.push(node.storage)
    else if (live) sources.push({ live, dtype: node.dtype })
    else return null
  }
  return { subgraph, sources, given: given.map(({ shape, dtype }) => ({ shape, dtype })), device: open[0].device }
}

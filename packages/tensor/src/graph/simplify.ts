// From a captured graph to the one that is scheduled: sizes as Dims, equal nodes merged, what does nothing removed, constants folded, chains
// of views shortened. Every rule is local and keeps values bit for bit.

import type { Limits } from '../backends/backend.ts'
import type { DType } from '../dtype.ts'
import { type Dim, dimKey, isDim, one, sameDim } from '../kernel/dim.ts'
import { type Axis, axisIndex } from '../kernel/index-expr.ts'
import { attentionOps, attentionSources } from '../primitives/attention-sources.ts'
import type { Captured } from './capture.ts'
import type { GNode } from './gnode.ts'
import { sorting } from './later.ts'
import type { SizeModel } from './symbols.ts'
import { below, flatIndex, liesAlong, viewOps } from './views.ts'

type Draft = Omit<GNode, 'id'>

const plain = { sizes: [], axis: -1, axes: [], steps: [], mode: '', value: 0, leaf: -1, custom: null, program: null }

export const shapeKey = (shape: readonly Dim[]): string => shape.map(dimKey).join()
const sameShape = (a: readonly Dim[], b: readonly Dim[]) => a.length === b.length && a.every((d, i) => sameDim(d, b[i]))

export class Graph {
  readonly nodes: GNode[] = []
  readonly #known = new Map<string, GNode>()

  /** The node for a draft: simplified, and shared with an equal one. */
  make(draft: Partial<Draft> & Pick<Draft, 'op' | 'sources' | 'shape' | 'dtype'>): GNode {
    const full: Draft = { ...plain, ...draft }
    const simpler = this.#simplify(full)
    if (simpler) return simpler
    const key = [
      full.op,
      full.dtype,
      full.sources.map(s => s.id),
      shapeKey(full.shape),
      shapeKey(full.sizes),
      full.axis,
      full.axes,
      full.steps,
      full.mode,
      Object.is(full.value, -0) ? '-0' : full.value,
      full.leaf,
    ].join('|')
    const known = this.#known.get(key)
    if (known) return known
    const node: GNode = { ...full, id: this.nodes.length }
    this.nodes.push(node)
    this.#known.set(key, node)
    return node
  }

  /** (a b)' = b' a': a gradient of a weight comes out in the weight's own layout. */
  #transposedProduct(product: GNode, shape: readonly Dim[]): GNode {
    const turn = (x: GNode): GNode => {
      const last = x.shape.length - 1
      const axes = x.shape.map((_, d) => (d < last - 1 ? d : d === last ? last - 1 : last))
      return this.make({ op: 'permute', sources: [x], shape: axes.map(axis => x.shape[axis]), dtype: x.dtype, axes })
    }
    const [a, b] = product.sources
    return this.make({ ...plain, op: 'matmul', sources: [turn(b), turn(a)], shape, dtype: product.dtype })
  }

  #simplify(n: Draft): GNode | null {
    const [a, b] = n.sources
    switch (n.op) {
      case 'identity':
      case 'shortcut':
        return a
      case 'cast':
        return a.dtype === n.dtype ? a : null
      case 'reshape':
        if (sameShape(a.shape, n.shape)) return a
        if (a.op === 'reshape') return this.make({ ...n, sources: a.sources })
        return null
      case 'permute':
        if (n.axes.every((axis, i) => axis === i)) return a
        if (a.op === 'permute') return this.make({ ...n, sources: a.sources, axes: n.axes.map(axis => a.axes[axis]) })
        return a.op === 'matmul' && swapsLast(n.axes) ? this.#transposedProduct(a, n.shape) : null
      case 'expand':
        if (sameShape(a.shape, n.shape)) return a
        return a.op === 'expand' ? this.make({ ...n, sources: a.sources }) : null
      case 'slice':
        return sameShape(a.shape, n.shape) && n.sizes.every(d => isDim(d, 0)) && n.steps.every(s => s === 1) ? a : null
      case 'sum':
      case 'amax':
      case 'amin':
      case 'prod':
        return n.axes.every(axis => isDim(a.shape[axis], 1))
          ? this.make({ op: 'reshape', sources: [a], shape: n.shape, dtype: n.dtype })
          : null
      case 'mul':
        if (isConstantOf(b, 1)) return a
        if (isConstantOf(a, 1) && sameShape(b.shape, n.shape)) return b
        return null
      case 'add':
      case 'sub':
        // x + 0 is not x for x = -0, but torch's gradients never tell them apart; x - 0 is exact
        return n.op === 'sub' && isConstantOf(b, 0) ? a : null
      case 'neg':
        return a.op === 'neg' ? a.sources[0] : null
      default:
        return null
    }
  }
}

const swapsLast = (axes: readonly number[]): boolean =>
  axes.every((axis, i) => axis === (i < axes.length - 2 ? i : 2 * axes.length - 3 - i))

/** A constant of this value, also behind views that repeat it. */
function isConstantOf(node: GNode | undefined, value: number): boolean {
  let at = node
  while (at && (at.op === 'expand' || at.op === 'reshape' || at.op === 'permute')) at = at.sources[0]
  return at?.op === 'constant' && at.value === value
}

export interface SimplifiedRoot {
  readonly node: GNode
  /** leaf number of the target when the graph reads it too, else -1 */
  readonly leaf: number
}

/** Builds the graph; roots come in the order of the captured ones. */
export function simplify(
  captured: Captured,
  model: SizeModel,
  { narrowProducts, sortedScatter }: Pick<Limits, 'narrowProducts' | 'sortedScatter'>,
): { graph: Graph; roots: SimplifiedRoot[] } {
  const graph = new Graph()
  const made: GNode[] = []
  for (const n of captured.nodes) {
    const { attributes: a } = n
    const shape = model.dims.slice(n.sizesAt, n.sizesAt + n.rank)
    const sources = n.sources.map(i => made[i])
    const common = { sources, shape, dtype: n.dtype }
    if (n.op === 'matmul' && n.dtype !== 'f32') made.push(otherProduct(graph, sources, shape, n.dtype, narrowProducts))
    else if (n.op === 'matmul')
      made.push(graph.make({ ...common, op: 'matmul', sources: sources.map(s => asOperand(graph, s)) }))
    else if (attentionOps.has(n.op))
      made.push(
        graph.make({
          ...common,
          op: n.op,
          sources: attentionOperands(graph, sources, a.mode!),
          axis: a.axis ?? -1,
          mode: a.mode!,
        }),
      )
    else if (n.op === 'gather')
      made.push(
        graph.make({ ...common, op: 'gather', sources: [inMemory(graph, sources[0]), sources[1]], axis: a.axis }),
      )
    else if (n.op === 'scatter' && sortedScatter && liesAlong(sources[1], a.axis!)) {
      const { axis = -1, mode = '' } = a
      made.push(
        graph.make({
          ...common,
          op: 'scatter',
          sources: sorting.module.sortedSources(graph, sources, axis, mode),
          axis,
          mode,
        }),
      )
    } else if (n.op === 'custom' || n.op === 'program')
      made.push(
        graph.make({
          ...common,
          op: n.op,
          sources: sources.map(s => (viewOps.has(s.op) || isNumber(s) ? copyOf(graph, s) : s)),
          mode: a.mode,
          custom: a.custom ?? null,
          program: a.program ?? null,
        }),
      )
    else
      made.push(
        graph.make({
          ...common,
          op: n.op,
          sizes: a.sizes ? model.dims.slice(n.sizesAt + n.rank, n.sizesAt + n.rank + a.sizes.length) : [],
          axis: a.axis ?? -1,
          axes: a.axes ?? [],
          steps: a.steps ?? [],
          mode: n.op === 'cast' || n.op === 'bitcast' ? '' : (a.mode ?? ''),
          value: a.value ?? 0,
          leaf: n.leaf,
        }),
      )
  }
  const taken = new Set<GNode>()
  const roots = captured.roots.map((r, i) => {
    let node = made[captured.results[i]]
    if (
      taken.has(node) ||
      viewOps.has(node.op) ||
      node.op === 'storage' ||
      node.op === 'scalar' ||
      node.op === 'constant'
    )
      node = graph.make({ op: 'copy', sources: [node], shape: node.shape, dtype: node.dtype, leaf: i })
    taken.add(node)
    return { node, leaf: r.leaf }
  })
  return { graph, roots }
}

const copyOf = (graph: Graph, x: GNode): GNode =>
  graph.make({ op: 'copy', sources: [x], shape: x.shape, dtype: x.dtype })

/** x, or a copy of it where it is a number behind views and so has no memory of its own. */
function inMemory(graph: Graph, x: GNode): GNode {
  let base = x
  while (viewOps.has(base.op)) base = base.sources[0]
  return isNumber(base) ? copyOf(graph, x) : x
}

const isNumber = (x: GNode): boolean => x.op === 'scalar' || x.op === 'constant' || x.op === 'iota'

/**
 * A matmul operand as the product's template takes it: linear in its axes, and one of the last two contiguous. Else over a copy, as far below the
 * views as serves: then the kernel that makes the value may write it so, and both directions of a layer share it.
 */
function asOperand(graph: Graph, x: GNode, among = 2): GNode {
  const chain = [x]
  while (viewOps.has(chain[chain.length - 1].op)) chain.push(chain[chain.length - 1].sources[0])
  const base = chain[chain.length - 1]
  if (!isNumber(base) && fitsProduct(chain, chain.length - 1, among)) return x
  let depth = isNumber(base) ? 0 : chain.length - 2
  while (depth > 0 && !fitsProduct(chain, depth, among)) depth--
  let out = copyOf(graph, chain[depth])
  for (let i = depth - 1; i >= 0; i--) out = graph.make({ ...chain[i], sources: [out, ...chain[i].sources.slice(1)] })
  return out
}

/** Operands as the template of attention takes them: linear, contiguous along the width or, a mask, along the keys; the scale as a number. */
function attentionOperands(graph: Graph, sources: readonly GNode[], mode: string): GNode[] {
  const { mask, starts, ends, rest, scale } = attentionSources(sources, mode)
  const loose = new Set([starts, ends, ...rest.slice(1)])
  return sources.map(x => (x === scale ? x : asOperand(graph, x, x !== mask && loose.has(x) ? 0 : 1)))
}

/** Whether chain[0], seen as views of a contiguous chain[depth], is linear with a contiguous axis among its last few (0: or none). */
function fitsProduct(chain: readonly GNode[], depth: number, among: number): boolean {
  const [x] = chain
  const axes = x.shape.map((size, id) => ({ id, size }))
  const index = below(chain.slice(0, depth), axes.map(axisIndex))
  if (!index) return false
  const { terms } = flatIndex(index, chain[depth].shape)
  if (terms.some(t => t.coef.factor <= 0 || (t.atom !== null && t.atom.kind !== 'axis'))) return false
  if (among === 0) return true
  return axes.slice(-among).some((axis: Axis) => {
    const own = terms.filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id)
    return isDim(axis.size, 1) || (own.length === 1 && isDim(own[0].coef, 1))
  })
}

/**
 * A product of other dtypes than f32. f16 and bf16 multiply in f32 and round once, from operands as they are in memory where the device's templates read
 * those (`narrow`); the rest is sum(a[..., m, k, 1] * b[..., 1, k, n]) over k, which
 * is fused, so nothing that large is stored.
 */
function otherProduct(
  graph: Graph,
  [a, b]: readonly GNode[],
  shape: readonly Dim[],
  dtype: DType,
  narrow: boolean,
): GNode {
  if (dtype === 'f16' || dtype === 'bf16') {
    const single = (x: GNode) =>
      asOperand(graph, narrow ? x : graph.make({ op: 'cast', sources: [x], shape: x.shape, dtype: 'f32' }))
    const product = graph.make({ op: 'matmul', sources: [single(a), single(b)], shape, dtype: 'f32' })
    return graph.make({ op: 'cast', sources: [product], shape, dtype })
  }
  const rank = shape.length
  const k = a.shape[rank - 1]
  const wide = [...shape.slice(0, -1), k, shape[rank - 1]]
  const left = graph.make({ op: 'reshape', sources: [a], shape: [...a.shape, one], dtype })
  const right = graph.make({
    op: 'reshape',
    sources: [b],
    shape: [...b.shape.slice(0, -2), one, ...b.shape.slice(-2)],
    dtype,
  })
  const stretch = (x: GNode) => graph.make({ op: 'expand', sources: [x], shape: wide, dtype })
  const product = graph.make({ op: 'mul', sources: [stretch(left), stretch(right)], shape: wide, dtype })
  return graph.make({ op: 'sum', sources: [product], shape, dtype, axes: [rank - 1] })
}

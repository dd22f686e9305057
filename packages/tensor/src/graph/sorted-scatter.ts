// Scatters for a device with many threads. Rows that go to one place must be combined in one order, or results would differ from run to run, and WGSL has no
// atomic sums of floats. So each update counts those that go before it: where it stands when they are sorted by their index, how many share its index,
// how many of these come before. That is n^2 comparisons in a kernel without any order, for n rows of any width, and then all rows of the result are made
// side by side, each by the first update that goes there, over the others in their order.

import { computeType, startOf } from '../dtype.ts'
import { acc, binary, declare, i32, loop, update, where } from '../kernel/build.ts'
import { type Dim, one, zero } from '../kernel/dim.ts'
import { type Axis, addIndex, axisIndex, type Index, valueIndex } from '../kernel/index-expr.ts'
import type { Expr, ReduceOp, Stmt } from '../kernel/ir.ts'
import type { Emitter } from './emit.ts'
import type { GNode } from './gnode.ts'
import type { Graph } from './simplify.ts'

/** Updates from which on it pays: fewer are written one after the other before the counts are made. */
const fewest = 32
/** Elements of an update from which on there are threads enough without. */
const manyThreads = 1 << 16

/**
 * The sources of a scatter: base, indices and updates; where rows are to be sorted, also what is known of each update. For 'set', the number of later ones of
 * its index; else its place in the order of indices, how many have its index, how many of these come before it, and the order itself.
 */
export function sortedSources(graph: Graph, sources: readonly GNode[], axis: number, mode: string): readonly GNode[] {
  const [, picks, updates] = sources
  const size = picks.shape[axis]
  const width = updates.shape.reduce((n, d, at) => (at === axis ? n : n * d.sample), 1)
  if (size.sample < fewest || width >= manyThreads || !['f32', 'i32', 'u32'].includes(updates.dtype)) return sources
  const list = rowIndices(graph, picks, axis)
  const square = [size, size]
  const across = (x: GNode): GNode => stretch(graph, x, [one, size], square)
  const down = (x: GNode): GNode => stretch(graph, x, [size, one], square)
  const compare = (op: string, a: GNode, b: GNode): GNode =>
    graph.make({ op, sources: [a, b], shape: square, dtype: 'bool' })
  const count = (x: GNode): GNode => {
    const whole = graph.make({ op: 'cast', sources: [x], shape: square, dtype: 'i32' })
    return graph.make({ op: 'sum', sources: [whole], shape: [size], dtype: 'i32', axes: [1] })
  }
  const numbers = graph.make({ op: 'iota', sources: [], shape: [size], dtype: 'i32', axis: 0 })
  const same = compare('eq', down(list), across(list))
  if (mode === 'set') return [...sources, count(compare('and', same, compare('lt', down(numbers), across(numbers))))]
  const before = compare('and', same, compare('lt', across(numbers), down(numbers)))
  const place = count(compare('or', compare('lt', across(list), down(list)), before))
  // the update at each place: the only one whose place it is
  const here = compare('eq', across(place), down(numbers))
  const number = graph.make({
    op: 'mul',
    sources: [graph.make({ op: 'cast', sources: [here], shape: square, dtype: 'i32' }), across(numbers)],
    shape: square,
    dtype: 'i32',
  })
  const order = graph.make({ op: 'sum', sources: [number], shape: [size], dtype: 'i32', axes: [1] })
  return [...sources, place, count(same), count(before), order]
}

function stretch(graph: Graph, x: GNode, thin: readonly Dim[], shape: readonly Dim[]): GNode {
  const narrow = graph.make({ op: 'reshape', sources: [x], shape: thin, dtype: x.dtype })
  return graph.make({ op: 'expand', sources: [narrow], shape, dtype: x.dtype })
}

/** The indices of the rows, one each. */
function rowIndices(graph: Graph, picks: GNode, axis: number): GNode {
  const shape = picks.shape.map((d, at) => (at === axis ? d : one))
  const sizes = shape.map(() => zero)
  const first = graph.make({
    op: 'slice',
    sources: [picks],
    shape,
    dtype: picks.dtype,
    sizes,
    steps: shape.map(() => 1),
  })
  const list = graph.make({ op: 'reshape', sources: [first], shape: [picks.shape[axis]], dtype: picks.dtype })
  return graph.make({ op: 'cast', sources: [list], shape: list.shape, dtype: 'i32' })
}

interface Sorted {
  readonly emitter: Emitter
  /** of an update; `along` is the axis of its number, `step` another one of that size */
  readonly index: readonly Index[]
  readonly along: Axis
  readonly step: Axis
  readonly mode: 'set' | ReduceOp
  readonly valid: Expr
  readonly store: (value: Expr, when: Expr) => Stmt
}

/** Every update is an item. Of those with one index the last is written, or the first combines them all. */
export function sortedBody(node: GNode, { emitter, index, along, step, mode, valid, store }: Sorted): Stmt[] {
  const [, , updates, ...known] = node.sources
  const own = axisIndex(along)
  const of = (x: GNode, at: Index): Expr => emitter.value(x, [at])
  const zero = i32(0)
  const isNone = (x: GNode): Expr => binary('eq', of(x, own), zero)
  const first = (which: GNode): Expr => binary('and', valid, isNone(which))
  if (mode === 'set') return [store(emitter.value(updates, index), first(known[0]))]
  const [rank, same, before, order] = known
  const end = where(isNone(before), of(same, own), zero)
  const next = of(order, addIndex(valueIndex(of(rank, own)), axisIndex(step)))
  const from = index.with(node.axis, valueIndex(next))
  const dtype = computeType(node.dtype)
  return [
    declare(0, startOf(mode, node.dtype), dtype),
    loop(step, [update(0, mode, emitter.value(updates, from))], { end: valueIndex(end), reduces: [0], ordered: true }),
    store(acc(0, dtype), first(before)),
  ]
}

// Graphs and plans as readable lines, for CAIRN_DEBUG=graph and CAIRN_DEBUG=schedule.

import { type Dim, isConstant } from '../kernel/dim.ts'
import type { Axis } from '../kernel/index-expr.ts'
import type { Kernel } from '../kernel/ir.ts'
import type { GNode } from './gnode.ts'
import type { Plan } from './plan.ts'

const sizes = (axes: readonly Axis[]): string =>
  axes
    .map(a => (a.size.symbols.length ? `s${a.size.symbols.join('*s')}~${a.size.sample}` : a.size.factor))
    .join(' x ') || '1'

const spaceOf = (kernel: Kernel): string =>
  kernel.kind === 'custom'
    ? kernel.items.map(d => d.sample).join(' x ') || '1'
    : kernel.kind === 'matmul'
      ? `${sizes(kernel.batch)} of ${sizes([kernel.m, kernel.n])} over ${sizes([kernel.k])}`
      : kernel.kind === 'loop'
        ? sizes(kernel.parallel)
        : sizes(Object.values(kernel.axes))

/** One line a kernel: number, ops, items, then each buffer's slot with r, w or rw. */
export function describePlan(plan: Plan): string {
  const access = { read: 'r', write: 'w', readwrite: 'rw' } as const
  const lines = plan.program.launches.map(({ kernel, buffers, more }, i) => {
    const bound = kernel.buffers.map((b, at) => {
      const slot = plan.slots[buffers[at]]
      const name =
        slot.kind === 'leaf' ? `leaf ${slot.leaf}` : slot.kind === 'root' ? `root ${slot.root}` : `temp ${slot.temp}`
      return `${name} ${access[b.access]}`
    })
    return `${String(i).padStart(4)}  ${kernel.name}  (${spaceOf(kernel)}${more ? ` and ${more.length} more parts` : ''})  ${bound.join(', ')}`
  })
  const written = plan.inPlace.filter(Boolean).length
  return [
    `plan: ${lines.length} kernels, ${plan.temps.length} intermediate values, ${written} of ${plan.inPlace.length} results in place`,
    ...lines,
  ].join('\n')
}

const shapeText = (shape: readonly Dim[]): string =>
  `[${shape.map(d => (isConstant(d) ? d.factor : `s${d.symbols.join('*s')}~${d.sample}`)).join(', ')}]`

/** The simplified graph, a node a line in an order in which it can be computed; results are marked. */
export function describeGraph(nodes: readonly GNode[], roots: readonly { readonly node: GNode }[]): string {
  const results = new Map(roots.map((r, i) => [r.node, i]))
  const lines = nodes.map(n => {
    const details = [
      n.leaf >= 0 && `${n.op === 'scalar' ? 'number' : 'leaf'} ${n.leaf}`,
      n.op === 'constant' && String(n.value),
      n.axis >= 0 && `axis ${n.axis}`,
      n.axes.length > 0 && `axes ${n.axes.join(' ')}`,
      n.sizes.length > 0 && `sizes ${shapeText(n.sizes)}`,
      n.steps.length > 0 && `steps ${n.steps.join(' ')}`,
      n.mode,
    ].filter(Boolean)
    const sources = n.sources.map(s => `n${s.id}`).join(', ')
    const root = results.get(n)
    const end = root === undefined ? '' : `  -> root ${root}`
    return `${`n${n.id}`.padStart(6)} = ${n.op}(${[sources, ...details].filter(Boolean).join('; ')})  ${n.dtype} ${shapeText(n.shape)}${end}`
  })
  return [`graph: ${nodes.length} nodes, ${roots.length} results`, ...lines].join('\n')
}

// A plan as readable lines, for CAIRN_DEBUG=schedule.

import type { Axis } from '../kernel/index-expr.ts'
import type { Kernel } from '../kernel/ir.ts'
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

// Kernels that are one text over different memory become one launch with parts: an optimizer's update of every parameter, the sums of squares
// of every gradient. Kernels of one form (kernel/map-sizes.ts) that do not depend on each other are brought together; sizes in which they
// differ become symbols of the kernel's own.

import { type Dim, symbol } from '../kernel/dim.ts'
import type { Kernel } from '../kernel/ir.ts'
import { mapSizes } from '../kernel/map-sizes.ts'
import type { Lowered } from './frame.ts'

/** One launch to be. */
export interface Joined {
  readonly kernel: Kernel
  readonly parts: readonly { readonly lowered: Lowered; readonly sizes?: readonly number[] }[]
}

/** What a kernel has in common with those it may be joined with; null: nothing, it stays alone. */
export function formOf({ kernel }: Lowered): string | null {
  return kernel.kind === 'loop' ? mapSizes(kernel, size => size).form : null
}

/** Neighbours of one form become one launch. `symbols`: how many Dim symbols the plan has; a kernel's own are numbered after them. */
export function joinParts(kernels: readonly Lowered[], symbols: number): Joined[] {
  const launches: Joined[] = []
  let run: Lowered[] = []
  let form: string | null = null
  const close = (): void => {
    if (run.length) launches.push(join(run, symbols))
    run = []
  }
  for (const next of kernels) {
    const own = formOf(next)
    if (own === null || own !== form || run.some(other => dependent(other, next))) close()
    form = own
    run.push(next)
  }
  close()
  return launches
}

/** Whether one writes what the other touches. */
function dependent(a: Lowered, b: Lowered): boolean {
  const touched = (l: Lowered) => new Set(l.refs.map(r => r.key))
  const written = (l: Lowered) => l.refs.filter((_, i) => l.kernel.buffers[i].access !== 'read').map(r => r.key)
  const [ofA, ofB] = [touched(a), touched(b)]
  return written(a).some(key => ofB.has(key)) || written(b).some(key => ofA.has(key))
}

function join(run: readonly Lowered[], symbols: number): Joined {
  const [first] = run
  if (run.length === 1 || first.kernel.kind !== 'loop')
    return { kernel: first.kernel, parts: run.map(lowered => ({ lowered })) }
  const columns = run.map(({ kernel }) => {
    const sizes: number[] = []
    if (kernel.kind === 'loop')
      mapSizes(kernel, size => {
        sizes.push(size.factor)
        return size
      })
    return sizes
  })
  // sizes that differ in the same way are one symbol
  const own = new Map<string, { readonly dim: Dim; readonly values: readonly number[] }>()
  let at = 0
  const { kernel } = mapSizes(first.kernel, size => {
    const values = columns.map(c => c[at])
    at++
    if (values.every(n => n === values[0])) return size
    const key = values.join()
    let found = own.get(key)
    if (!found) own.set(key, (found = { dim: symbol(symbols + own.size, values[0]), values }))
    return found.dim
  })
  const named = { ...kernel, name: `${kernel.name} and ${run.length - 1} more` }
  const list = [...own.values()]
  return {
    kernel: named,
    parts: run.map((lowered, i) => (list.length ? { lowered, sizes: list.map(s => s.values[i]) } : { lowered })),
  }
}

// Neighbouring parallel axes that every access walks as one become one: longer vectors, no division to find the row. An axis pair (a, b) is
// replaced by a single axis m with a = m / size(b), b = m mod size(b); where the quotients and remainders all join up again, nothing
// depended on the pair being two.

import { mulDim } from './dim.ts'
import { type Axis, axisIndex, divIndex, type Index, modIndex } from './index-expr.ts'
import type { LoopKernel, Stmt } from './ir.ts'
import { replacer } from './rewrite.ts'

/** The kernel with as few parallel axes as its accesses allow. `fresh` gives ids for new axes. */
export function mergeParallelAxes(kernel: LoopKernel, fresh: () => number): LoopKernel {
  let merged = kernel
  for (let i = merged.parallel.length - 2; i >= 0; i--) {
    const [a, b] = [merged.parallel[i], merged.parallel[i + 1]]
    const m: Axis = { id: fresh(), size: mulDim(a.size, b.size) }
    const mapping = pairMapping(a, b, m)
    const body = rewriteBody(merged.body, mapping)
    if (body)
      merged = { ...merged, parallel: [...merged.parallel.slice(0, i), m, ...merged.parallel.slice(i + 2)], body }
  }
  return { ...merged, body: mergeLoops(merged.body, fresh) }
}

/** The same for a loop directly inside of a loop. */
function mergeLoops(body: readonly Stmt[], fresh: () => number): readonly Stmt[] {
  return body.map(s => {
    if (s.kind !== 'loop') return s
    const inner = mergeLoops(s.body, fresh)
    const [only] = inner
    if (inner.length === 1 && only.kind === 'loop' && !s.end && !only.end && s.ordered === only.ordered) {
      const m: Axis = { id: fresh(), size: mulDim(s.axis.size, only.axis.size) }
      const joined = rewriteBody(only.body, pairMapping(s.axis, only.axis, m))
      if (joined) return { ...only, axis: m, body: joined }
    }
    return { ...s, body: inner }
  })
}

const pairMapping = (a: Axis, b: Axis, m: Axis): Map<number, Index> =>
  new Map([
    [a.id, divIndex(axisIndex(m), b.size)],
    [b.id, modIndex(axisIndex(m), b.size)],
  ])

/** null when a quotient or remainder of the new axis is left over. */
function rewriteBody(body: readonly Stmt[], mapping: ReadonlyMap<number, Index>): readonly Stmt[] | null {
  const quotients = ({ terms }: Index): number =>
    terms.filter(t => t.atom?.kind === 'div' || t.atom?.kind === 'mod').length
  let clean = true
  const out = replacer(mapping, (before, after) => {
    if (quotients(after) > quotients(before)) clean = false
  }).body(body)
  return clean ? out : null
}

// What happens to a kernel that runs in lanes before the layout of its parameters is known. Its lanes run along an axis that fills them, and short loops
// (the taps of a window) are written out: each tap is then an address and a weight that stay where they are while the loop in lanes runs, and the
// masks of the borders are known before it begins (print-borders.ts). The order within an element stays, and so do its bits.

import { eachExpr, statementsOf } from '../../kernel/depends.ts'
import { dim, isConstant } from '../../kernel/dim.ts'
import { type Axis, dimIndex, type Index, indexDepends, strideOf } from '../../kernel/index-expr.ts'
import type { LoopKernel, Stmt } from '../../kernel/ir.ts'
import { replacer } from '../../kernel/rewrite.ts'
import type { LoopStmt } from './print-lanes.ts'

export function forLanes(kernel: LoopKernel): LoopKernel {
  if (!kernel.vector) return kernel
  return { ...kernel, parallel: lanesLast(kernel), body: writtenOut(kernel.body) }
}

/** Lanes are hardly filled by fewer elements. */
const fewElements = 8

/** The parallel axes, in an order that ends with one that is long enough, if there is one along which few accesses jump. */
function lanesLast({ parallel, body }: LoopKernel): readonly Axis[] {
  const last = parallel.at(-1)
  if (!last || last.size.sample >= fewElements) return parallel
  const accesses: Index[] = []
  eachExpr(body, e => {
    if (e.op === 'load') accesses.push(e.index)
  })
  for (const s of statementsOf(body)) if (s.kind === 'store') accesses.push(s.index)
  /** accesses whose elements are neither neighbours nor a few apart */
  const jumps = (axis: Axis): number =>
    accesses.filter(index => {
      if (!indexDepends(index, axis, () => true)) return false
      const steps = strideOf(index, axis, () => true)
      return steps?.length !== 1 || !isConstant(steps[0]) || Math.abs(steps[0].factor) > 3
    }).length
  let best: Axis | null = null
  for (const axis of parallel.toReversed())
    if (axis.size.sample >= fewElements && (best === null || jumps(axis) < jumps(best))) best = axis
  // a group of four can be had along the last axis, too
  if (!best || (last.size.sample >= 4 && jumps(best) > jumps(last))) return parallel
  return [...parallel.filter(axis => axis !== best), best]
}

/** Updates that one loop may become. */
const mostUpdates = 64

/** Short loops over updates written out, from the innermost on as far as they stay few. */
const writtenOut = (body: readonly Stmt[]): readonly Stmt[] =>
  body.flatMap(s => (s.kind === 'loop' ? iterations({ ...s, body: writtenOut(s.body) }) : [s]))

function iterations(s: LoopStmt): readonly Stmt[] {
  const { axis, end, body } = s
  const count = isConstant(axis.size) ? axis.size.factor : Number.POSITIVE_INFINITY
  if (end || count * body.length > mostUpdates || body.some(inner => inner.kind !== 'update')) return [s]
  return Array.from({ length: count }, (_, i) => replacer(new Map([[axis.id, dimIndex(dim(i))]])).body(body)).flat()
}

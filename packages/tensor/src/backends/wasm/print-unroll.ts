// How many groups of four lanes a loop computes side by side.

import { statementsOf } from '../../kernel/depends.ts'
import type { Expr, Stmt } from '../../kernel/ir.ts'
import type { Variance } from './print-lanes.ts'
import { guardOf } from './print-prepare.ts'

interface Work {
  readonly operations: number
  /** there is a loop inside */
  readonly nested: boolean
}

function workOf(body: readonly Stmt[], varies: Variance): Work {
  const seen = new Set<Expr>()
  let operations = 0
  let nested = false
  const visit = (e: Expr): void => {
    if (seen.has(e) || !varies.of(e)) return
    seen.add(e)
    operations += guardOf(e) ? 20 : 1
    if ('args' in e) e.args.forEach(visit)
  }
  for (const s of statementsOf(body))
    if (s.kind === 'loop') nested = true
    else if (s.kind !== 'declare') visit(s.value)
  return { operations, nested }
}

/** About how many vector operations an iteration is. */
export const operationsOf = (body: readonly Stmt[], varies: Variance): number => workOf(body, varies).operations

/**
 * Groups of lanes side by side. Light bodies are bound by latency (reductions) or loop overhead: four groups. Longer ones
 * are bound by throughput: two groups, or one where registers run out anyway.
 */
export function chooseUnroll(body: readonly Stmt[], varies: Variance, reduces: boolean): number {
  const { operations, nested } = workOf(body, varies)
  // a loop inside lanes (column sums) jumps from row to row: two cache lines a jump, 0.21 ns an element instead of 0.33
  if (nested && operations <= 6) return 8
  if (operations <= (reduces || nested ? 16 : 12)) return 4
  return operations <= 120 ? 2 : 1
}

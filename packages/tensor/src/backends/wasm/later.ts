// Printers of what only some kernels have, each loaded with the first plan that has such a kernel.

import { eachExpr, statementsOf } from '../../kernel/depends.ts'
import type { Expr, Kernel, Stmt } from '../../kernel/ir.ts'
import { isRareMath, rareMath } from '../../kernel/math.ts'
import { Later, needAll } from '../../load-later.ts'
import { rareHelpers } from './print-helpers.ts'
import type { LoadExpr } from './print-loads.ts'
import { helperOf, isHalf } from './print-prepare.ts'

export const matmul = new Later(() => import('./print-matmul.ts'))
export const attention = new Later(() => import('./print-attention.ts'))
export const borders = new Later(() => import('./print-borders.ts'))

/** Loads under a mask: where there are some, rows may have borders. */
export function maskedLoads(body: readonly Stmt[]): readonly LoadExpr[] {
  const found: LoadExpr[] = []
  eachExpr(body, e => {
    if (e.op === 'load' && e.valid) found.push(e)
  })
  return found
}

/** What prints an expression; null: it is there. */
function printerOf(e: Expr): Later<unknown> | null {
  if (e.op === 'load' && e.valid) return borders
  if (isRareMath(e)) return rareMath
  const helper = helperOf(e)
  return helper && helper !== 'tell outside' ? rareHelpers : null
}

/** What of all this prints a kernel. */
export function printersOf(kernel: Kernel): ReadonlySet<Later<unknown>> {
  if (kernel.kind === 'attention') return new Set([attention])
  const found = new Set<Later<unknown>>(kernel.kind === 'matmul' ? [matmul] : [])
  if (kernel.kind === 'custom') return found
  eachExpr(kernel.body, e => {
    const printer = printerOf(e)
    if (printer) found.add(printer)
  })
  // elements of two bytes are loaded to be added to, under the mask of the store (print-prepare.ts)
  for (const s of statementsOf(kernel.body))
    if (s.kind === 'store' && s.mode !== 'set' && s.valid && isHalf(kernel.buffers[s.buffer].dtype)) found.add(borders)
  return found
}

/** Loads the printers of these kernels; null where they are there. */
export const loadPrinters = (kernels: readonly Kernel[]): Promise<unknown> | null =>
  needAll(new Set(kernels.flatMap(kernel => [...printersOf(kernel)])))

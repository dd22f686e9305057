// Printers of what only some kernels have, each loaded with the first plan that has such a kernel.

import { eachExpr } from '../../kernel/depends.ts'
import type { Kernel, Stmt } from '../../kernel/ir.ts'
import { Later, needAll } from '../../load-later.ts'
import type { LoadExpr } from './print-loads.ts'

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

function* printersOf(kernel: Kernel): Generator<Later<unknown>> {
  if (kernel.kind === 'matmul') yield matmul
  if (kernel.kind === 'attention') yield attention
  if ('body' in kernel && maskedLoads(kernel.body).length > 0) yield borders
}

/** Loads the printers of these kernels; null where they are there. */
export const loadPrinters = (kernels: readonly Kernel[]): Promise<unknown> | null =>
  needAll(new Set(kernels.flatMap(kernel => [...printersOf(kernel)])))

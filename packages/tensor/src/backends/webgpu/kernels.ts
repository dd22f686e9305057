// Chooses the template of a kernel and prints it.

import { eachExpr } from '../../kernel/depends.ts'
import type { Kernel, Stmt } from '../../kernel/ir.ts'
import { Later, needAll } from '../../load-later.ts'
import type { Choice } from './choose.ts'
import { isRare, rare } from './functions.ts'
import { functionsOf } from './operations.ts'
import { alone, type Printed, printLoops } from './print.ts'
import { chooseStrategy, type ThreadLimits } from './strategy.ts'
import type { How } from './writer.ts'

/** What only some programs compute, so that only they load its text. */
const attention = new Later(() => import('./attention.ts'))
const products = new Later(() => import('./print-product.ts'))
const custom = new Later(() => import('./custom.ts'))

function* partsOf(kernel: Kernel): Generator<Later<unknown>> {
  if (kernel.kind === 'attention') yield attention
  if (kernel.kind === 'matmul') yield products
  if (kernel.kind === 'custom') yield custom
  if ('body' in kernel && callsRare(kernel.body)) yield rare
}

function callsRare(body: readonly Stmt[]): boolean {
  let found = false
  eachExpr(body, e => {
    if ([...functionsOf(e)].some(isRare)) found = true
  })
  return found
}

/** Loads the printers of these kernels; null where they are there. */
export const loadTemplates = (kernels: readonly Kernel[]): Promise<unknown> | null =>
  needAll(new Set(kernels.flatMap(kernel => [...partsOf(kernel)])))

/** Loads the printer for matrix units, which is asked for only where it was measured to be the fastest. */
export async function loadMatrixUnits(): Promise<void> {
  while (products.need()) await products.need()
  await products.module.loadMatrixUnits()
}

/** `alias[i]` is the binding of buffer i (writer.ts). @param choice what was measured to be the fastest; by default a guess */
export function printKernel(
  kernel: Kernel,
  limits: ThreadLimits,
  alias: readonly number[],
  how: How = {},
  choice: Choice | null = null,
): Printed {
  switch (kernel.kind) {
    case 'custom':
      return alone(custom.module.printCustom(kernel, limits, alias, how))
    case 'attention':
      return alone(attention.module.printAttention(kernel, alias, how))
    case 'loop': {
      const strategy = choice?.kind === 'strategy' ? choice.strategy : chooseStrategy(kernel, limits)
      return alone(printLoops(kernel, strategy, alias, how))
    }
    case 'matmul':
      return products.module.printProduct(kernel, limits, alias, how, choice)
    default:
      return kernel satisfies never
  }
}

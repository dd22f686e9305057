// Chooses the template of a kernel and prints it.

import type { Kernel } from '../../kernel/ir.ts'
import { Later } from '../../load-later.ts'
import { printCustom } from './custom.ts'
import { asLoops, chooseTile, printMatmul } from './matmul.ts'
import { printLoops, type Shader } from './print.ts'
import { chooseStrategy, type ThreadLimits } from './strategy.ts'

/** What only some programs compute, so that only they load its text. */
const attention = new Later(() => import('./attention.ts'))

/** Loads the printers of these kernels; null where they are there. */
export const loadTemplates = (kernels: readonly Kernel[]): Promise<unknown> | null =>
  kernels.some(k => k.kind === 'attention') ? attention.need() : null

/** `alias[i]` is the binding of buffer i (writer.ts). `checked`: indices outside of their axis are told. */
export function printKernel(kernel: Kernel, limits: ThreadLimits, alias: readonly number[], checked = false): Shader {
  if (kernel.kind === 'custom') return printCustom(kernel, limits, alias)
  if (kernel.kind === 'matmul') {
    const tile = chooseTile(kernel, limits)
    if (tile) return printMatmul(kernel, tile, alias, checked)
  }
  if (kernel.kind === 'attention') return attention.module.printAttention(kernel, alias)
  const loops = kernel.kind === 'matmul' ? asLoops(kernel) : kernel
  return printLoops(loops, chooseStrategy(loops, limits), alias, checked)
}

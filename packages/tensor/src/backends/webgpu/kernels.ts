// Chooses the template of a kernel and prints it.

import type { Kernel } from '../../kernel/ir.ts'
import { printAttention } from './attention.ts'
import { printCustom } from './custom.ts'
import { asLoops, chooseTile, printMatmul } from './matmul.ts'
import { printLoops, type Shader } from './print.ts'
import { chooseStrategy, type ThreadLimits } from './strategy.ts'

/** `alias[i]` is the binding of buffer i (writer.ts). `checked`: indices outside of their axis are told. */
export function printKernel(kernel: Kernel, limits: ThreadLimits, alias: readonly number[], checked = false): Shader {
  if (kernel.kind === 'custom') return printCustom(kernel, limits, alias)
  if (kernel.kind === 'matmul') {
    const tile = chooseTile(kernel, limits)
    if (tile) return printMatmul(kernel, tile, alias, checked)
  }
  if (kernel.kind === 'attention') return printAttention(kernel, alias)
  const loops = kernel.kind === 'matmul' ? asLoops(kernel) : kernel
  return printLoops(loops, chooseStrategy(loops, limits), alias, checked)
}

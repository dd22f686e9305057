// Chooses the template of a kernel.

import type { Kernel } from '../../kernel/ir.ts'
import { printLoops, type Shader } from './print.ts'
import { chooseStrategy, type ThreadLimits } from './strategy.ts'

export function printKernel(kernel: Kernel, limits: ThreadLimits, alias: readonly number[]): Shader {
  if (kernel.kind === 'loop') return printLoops(kernel, chooseStrategy(kernel, limits), alias)
  throw new Error('todo')
}

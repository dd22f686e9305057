// Chooses the template of a kernel and prints it.

import type { Dim } from '../../kernel/dim.ts'
import type { Kernel } from '../../kernel/ir.ts'
import { Later } from '../../load-later.ts'
import { type Choice, chooseProduct } from './choose.ts'
import { printCustom } from './custom.ts'
import { asLoops, printMatmul } from './matmul.ts'
import { printNarrow } from './narrow.ts'
import { printLoops, type Shader } from './print.ts'
import { splitProduct } from './split.ts'
import { chooseStrategy, type ThreadLimits } from './strategy.ts'
import type { How } from './writer.ts'

/** What only some programs compute, so that only they load its text. */
const attention = new Later(() => import('./attention.ts'))
const matrixUnits = new Later(() => import('./subgroup-matrix.ts'))

/** Loads the printers of these kernels; null where they are there. */
export const loadTemplates = (kernels: readonly Kernel[]): Promise<unknown> | null =>
  kernels.some(k => k.kind === 'attention') ? attention.need() : null

/** What a kernel becomes: shaders that run one after the other over the same memory. */
export interface Printed {
  readonly stages: readonly Shader[]
  /** floats of scratch memory, bound after the kernel's own; null: none */
  readonly scratch: Dim | null
}

export const alone = (shader: Shader): Printed => ({ stages: [shader], scratch: null })

/** Loads the printer for matrix units, which is asked for only where it was measured to be the fastest. */
export const loadMatrixUnits = (): Promise<unknown> | null => matrixUnits.need()

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
      return alone(printCustom(kernel, limits, alias, how))
    case 'attention':
      return alone(attention.module.printAttention(kernel, alias, how))
    case 'loop': {
      const strategy = choice?.kind === 'strategy' ? choice.strategy : chooseStrategy(kernel, limits)
      return alone(printLoops(kernel, strategy, alias, how))
    }
    case 'matmul':
      break
    default:
      return kernel satisfies never
  }
  const chosen = choice && choice.kind !== 'strategy' ? choice : chooseProduct(kernel, alias, limits)
  if (chosen.kind === 'loops') {
    const loops = asLoops(kernel)
    return alone(printLoops(loops, chosen.strategy ?? chooseStrategy(loops, limits), alias, how))
  }
  const print = (of: typeof kernel, bindings: readonly number[], part?: ReturnType<typeof splitProduct>['part']) => {
    switch (chosen.kind) {
      case 'tile':
        return printMatmul(of, chosen.tile, bindings, how, part)
      case 'narrow':
        return printNarrow(of, chosen.narrow, bindings, how, part)
      case 'matrix':
        return matrixUnits.module.printSubgroupMatrix(of, chosen.matrix, bindings, how, part)
      default:
        return chosen satisfies never
    }
  }
  if (chosen.parts === 1) return alone(print(kernel, alias))
  const { part, partial, join, scratch } = splitProduct(kernel, chosen.parts)
  const bindings = [...alias, new Set(alias).size]
  const joined = printLoops(join, chooseStrategy(join, limits), bindings, how)
  return { stages: [print(partial, bindings, part), joined], scratch }
}

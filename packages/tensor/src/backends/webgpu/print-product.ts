// Prints a product by the template that was chosen for it, its sum in parts where that was chosen, too. Loaded with the first plan that has one.

import type { MatmulKernel } from '../../kernel/ir.ts'
import { Later } from '../../load-later.ts'
import { type Choice, chooseProduct } from './choose.ts'
import { asLoops, printMatmul } from './matmul.ts'
import { printNarrow } from './narrow.ts'
import { alone, type Printed, printLoops } from './print.ts'
import { splitProduct } from './split.ts'
import { chooseStrategy, type ThreadLimits } from './strategy.ts'
import type { How } from './writer.ts'

const matrixUnits = new Later(() => import('./subgroup-matrix.ts'))

/** Loads the printer for matrix units, which is asked for only where it was measured to be the fastest. */
export const loadMatrixUnits = (): Promise<unknown> | null => matrixUnits.need()

export function printProduct(
  kernel: MatmulKernel,
  limits: ThreadLimits,
  alias: readonly number[],
  how: How,
  choice: Choice | null,
): Printed {
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

// Printers of what only some kernels have. What is missing while a kernel is printed is loaded, and then it is printed again (load-later.ts).

import type { Kernel } from '../../kernel/ir.ts'
import { Later, needAll } from '../../load-later.ts'

export const matmul = new Later(() => import('./print-matmul.ts'))
export const attention = new Later(() => import('./print-attention.ts'))
export const borders = new Later(() => import('./print-borders.ts'))

const templates: Partial<Record<Kernel['kind'], Later<unknown>>> = { matmul, attention }

/** Loads the templates of these kernels side by side; null where they are there. */
export const loadTemplates = (kernels: readonly Kernel[]): Promise<unknown> | null =>
  needAll(new Set(kernels.flatMap(({ kind }) => templates[kind] ?? [])))

// Parts of the compiler that only some plans need, each loaded with the first of them.

import type { Limits } from '../backends/backend.ts'
import { Later } from '../load-later.ts'
import type { Captured } from './capture.ts'

/** Scatters for a device with many threads. */
export const sorting = new Later(() => import('./sorted-scatter.ts'))

/** Loads what compiling this takes; null where it is there. */
export const loadParts = ({ nodes }: Captured, { sortedScatter }: Limits): Promise<unknown> | null =>
  sortedScatter && nodes.some(n => n.op === 'scatter') ? sorting.need() : null

// Parts of the compiler that only some plans need. What is missing while a plan is made is loaded, and then it is made again (load-later.ts).

import { Later } from '../load-later.ts'

/** Scatters for a device with many threads. */
export const sorting = new Later(() => import('./sorted-scatter.ts'))

// Garbage collection on demand, without a flag for the process: for tests that measure what stays.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | null = null

/** Collects garbage and lets finalizers run, until nothing more goes. Returns the bytes of the heap that are in use. */
export async function settle(): Promise<number> {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  let before = Number.POSITIVE_INFINITY
  for (let i = 0; i < 8; i++) {
    collect()
    await new Promise(resolve => setTimeout(resolve, 2))
    const { heapUsed } = process.memoryUsage()
    if (i > 2 && heapUsed > before - 1024) return heapUsed
    before = heapUsed
  }
  return before
}

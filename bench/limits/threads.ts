// The micro-kernel limit on all threads at once: what gemm-limit.ts says of one thread, summed over those that work together.

import type { Work } from '../measure.ts'
import { gemmLimitFlops, gemmLimitModule, gemmLimitScratchBytes } from './gemm-limit.ts'
import { type PlacedKernel, placeKernel } from './kernel.ts'

export interface GemmLimit extends Work, Pick<PlacedKernel, 'dispose'> {}

/** Runs of about `milliseconds` each; their amount is in floating-point operations. */
export async function gemmLimitOn(threads: number, milliseconds = 8): Promise<GemmLimit> {
  const grain = 200
  const kernel = await placeKernel(gemmLimitModule, threads, {
    buffers: [],
    scratchBytes: gemmLimitScratchBytes,
    grain,
  })
  let items = grain * 10 * threads
  for (let i = 0; i < 6; i++) {
    const start = performance.now()
    await kernel.run(items)
    items = Math.max(grain * threads, Math.round((items * milliseconds) / Math.max(0.1, performance.now() - start)))
  }
  return { amount: items * gemmLimitFlops, run: () => kernel.run(items), dispose: () => kernel.dispose() }
}

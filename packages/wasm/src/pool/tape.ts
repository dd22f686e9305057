// The tape: a compute plan in shared memory, eight 32-bit words a step.

/** Bytes of one step. */
export const stepBytes = 32

/** Byte offsets inside a step. The words after `grain` are reserved and should be 0. */
export const step = {
  /** Index from `KernelPool.addKernel`. */
  kernel: 0,
  /** Passed to the kernel as it is. */
  params: 4,
  /** The step covers items [0, items); 0 or less does nothing. */
  items: 8,
  /**
   * Items that are not worth sharing: a step with items <= grain runs on one thread, and chunks begin at multiples of
   * grain. Less than 1 means 1.
   */
  grain: 12,
} as const

export interface TapeStep {
  readonly kernel: number
  readonly params: number
  readonly items: number
  readonly grain: number
}

/** The most items of a step that one call of its kernel is given: what a kernel has to have scratch for. */
export function longestChunk(items: number, grain: number, threads: number): number {
  const unit = Math.max(1, grain)
  if (threads === 1 || items <= unit) return items
  return Math.min(items, Math.ceil(Math.ceil(items / (2 * threads)) / unit) * unit)
}

/** Writes steps at byte address `pointer` of the memory. */
export function writeTape(memory: WebAssembly.Memory, pointer: number, steps: readonly TapeStep[]): void {
  const words = new Int32Array(memory.buffer, pointer, (steps.length * stepBytes) / 4)
  steps.forEach(({ kernel, params, items, grain }, i) => {
    words.set([kernel, params, items, grain, 0, 0, 0, 0], (i * stepBytes) / 4)
  })
}

// The control block: the words in shared memory through which the main thread and the workers meet.
// Each group of words that different threads write has 128 bytes of its own (two cache lines: they are fetched in pairs).

/** Byte offsets inside the block. */
export const control = {
  // Written by the main thread, read by idle workers.
  /** Changes whenever anything below has changed; idle workers sleep on it. */
  bell: 0,
  /** Runs submitted so far. */
  submitted: 4,
  /** Messages posted to each worker so far; a worker that has handled fewer returns to its event loop. */
  mail: 8,
  /** 1: leave. */
  stop: 12,
  // Written by whoever arrives last at a barrier.
  /** Changes at every barrier; those who arrived earlier wait for it. Its lowest bit: the run ends here, it has failed. */
  phase: 128,
  /** Threads that have arrived at the present barrier. */
  arrived: 256,
  /** First unclaimed item of the present step; in the next word, how many at its end are claimed. Both 0 between steps. */
  cursor: 384,
  /** Threads that sleep on `phase` or are about to. */
  sleepers: 512,
  /** Runs finished so far; the main thread waits on it. */
  completed: 640,
  /** 1: an idle worker looks at `bell` and will wake the others, so nobody else has to. */
  looking: 768,
  /** A ring of runs; run number n lies in slot n mod `slotCount`. */
  slots: 896,
} as const

/** Byte offsets inside a slot. */
export const slot = {
  tape: 0,
  steps: 4,
  /** Scratch memory of thread 0, and the distance to that of the next thread. */
  scratch: 8,
  scratchStride: 12,
  /** 0, or 1 + the thread whose kernel trapped. */
  trapped: 16,
  /** Address of the step that trapped, and the engine's message (UTF-8). */
  trapStep: 20,
  messageBytes: 24,
  message: 32,
} as const

export const slotBytes = 256
export const slotCount = 16
export const maxMessageBytes = slotBytes - slot.message

/**
 * Runs that may be in the ring at once. One less than it has slots: a thread that is late to leave the last barrier of a
 * run still reads that run's slot, and is known to be gone only when the run after it has finished.
 */
export const ringCapacity = slotCount - 1

/** Bytes of memory that a pool needs for itself. */
export const controlBytes = control.slots + slotCount * slotBytes

/** The control block needs this alignment. */
export const controlAlignment = 128

// Who executes runs. The pool queues them and names kernels; a crew carries them out, in order, and says how each ended.

import type { Run, Trap } from './control-block.ts'
import type { Kernels } from './worker-source.ts'

export type Failure = { readonly trap: Trap } | { readonly error: Error }

export interface Job extends Run {
  /** Called once, in the order of submission. */
  ended(failure: Failure | undefined): void
}

export interface Crew {
  readonly threads: number
  /** Holds for what is submitted later. */
  update(kernels: Kernels): void
  submit(job: Job): void
  /** Frees the threads. Only when no job is under way. */
  stop(): Promise<void>
}

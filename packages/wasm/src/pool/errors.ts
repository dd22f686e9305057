// What can go wrong in a pool, as classes with their data; each sentence is made here.

/** A kernel trapped (unreachable, an address out of bounds, ...) or is not there. What the run wrote is undefined. */
export class KernelTrapError extends Error {
  override readonly name = 'KernelTrapError'
  /** Position of the step in the tape. */
  readonly step: number
  /** Index from `addKernel`. */
  readonly kernel: number
  /** Name given to `addKernel`. */
  readonly kernelName: string | undefined
  constructor(step: number, kernel: number, kernelName: string | undefined, reason: string) {
    super(
      `run: kernel ${kernel}${kernelName === undefined ? '' : ` (${kernelName})`} failed in step ${step}: ${reason}`,
    )
    this.step = step
    this.kernel = kernel
    this.kernelName = kernelName
  }
}

/** A worker ended by itself. What the run in flight wrote is undefined; the next run starts new workers. */
export class WorkerDiedError extends Error {
  override readonly name = 'WorkerDiedError'
  readonly thread: number
  constructor(thread: number, reason: string, cause?: unknown) {
    super(`run: worker ${thread} died: ${reason} (the next run starts new workers)`, { cause })
    this.thread = thread
  }
}

/** The pool was disposed. */
export class PoolClosedError extends Error {
  override readonly name = 'PoolClosedError'
  constructor(op: string) {
    super(`${op}: the pool is disposed (start another with KernelPool.start)`)
  }
}

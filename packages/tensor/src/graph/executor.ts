// What runs a piece of the queue: the plain evaluator (reference.ts) or compiled plans over a backend (compiled.ts). The
// queue decides what runs and in which order; an executor decides how.

import type { Tuned } from '../backends/webgpu/tuning/tune.ts'
import type { TypedArray } from '../dtype.ts'
import type { Captured } from './capture.ts'
import type { Cost, costOf } from './cost.ts'
import type { Storage } from './storage.ts'

/** What a compiling executor has done since its device started. */
export interface Statistics {
  /** plans compiled */
  plansCompiled: number
  /** kernels in them */
  kernelsCompiled: number
  /** pieces of the queue run */
  runs: number
  /** kernels launched */
  launches: number
  /** pieces of the queue whose graph was walked and hashed to find their plan; a jitted function spares this */
  captures: number
  /** command buffers handed to a GPU: kernels of a run share one, unless they take long or host data comes between; 0 on other devices */
  submits: number
  /** nodes of graphs that were built, on all devices */
  nodesBuilt: number
}

/** A captured piece for which an executor knows how to run it, as often as wanted. It holds no storage. */
export interface Prepared {
  /** how many storages, numbers and results a run of it takes */
  readonly storages: number
  readonly scalars: number
  readonly roots: number
}

/** What a run binds, in the order of the capture. */
export interface Bound {
  /** storages that the graph reads */
  readonly storages: readonly Storage[]
  readonly scalars: readonly number[]
  /** for each root the storage that receives it */
  readonly targets: readonly Storage[]
}

/** One launch of a kernel, as a profile sees it. */
export interface KernelRun {
  readonly name: string
  /** milliseconds on the clock of `performance.now()` */
  readonly begin: number
  readonly end: number
  readonly cost: Cost
}

/** What a profile gathers of a device. */
export interface Profiled {
  /** of graph/cost.ts, which comes with the profile */
  readonly cost: typeof costOf
  /** launches in the order in which they ended */
  readonly runs: KernelRun[]
  /** ends of all plans that were run meanwhile */
  readonly pending: Promise<void>[]
}

export interface Executor {
  readonly bytesInUse: number
  /** undefined for the plain evaluator, which compiles nothing */
  readonly statistics?: Readonly<Omit<Statistics, 'nodesBuilt'>>
  /** Finds or compiles the plan. @throws Loading where something that it needs must be loaded first: nothing has happened, and it can be asked again */
  prepare(captured: Captured): Prepared
  /** Computes all roots and gives them to their targets. Throws before anything is changed, or queues the work and returns its completion. */
  run(prepared: Prepared, bound: Bound): Promise<void>
  /** The values, after everything queued before. */
  read(storage: Storage): Promise<TypedArray>
  /** Measures the kernels that were run (backends/backend.ts); left out where there are none. */
  tune?(): Promise<Tuned[]>
  /** Frees device memory now; later work may reuse it. */
  free(memory: unknown): void
  dispose(): Promise<void>
}

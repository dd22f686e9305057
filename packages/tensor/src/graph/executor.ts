// What runs a piece of the queue: the plain evaluator (reference.ts) or compiled plans over a backend (compiled.ts). The
// queue decides what runs and in which order; an executor decides how.

import type { TypedArray } from '../dtype.ts'
import type { Node } from './node.ts'
import type { Storage } from './storage.ts'

/** A value to compute and the storage that receives it. */
export interface Root {
  readonly value: Node
  readonly target: Storage
}

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
}

export interface Executor {
  readonly bytesInUse: number
  /** undefined for the plain evaluator, which compiles nothing */
  readonly statistics?: Readonly<Statistics>
  /**
   * Computes all roots and gives them to their targets. `resolve` maps a node to the one to use instead (a storage's value made in this piece, an
   * alias) and throws for what is stale. Throws before anything is changed, or queues the work and returns its completion.
   * `visited` is called for each computed node that is not a root.
   */
  execute(roots: readonly Root[], resolve: (node: Node) => Node, visited: (node: Node) => void): Promise<void>
  /** The values, after everything queued before. */
  read(storage: Storage): Promise<TypedArray>
  /** Frees device memory now; later work may reuse it. */
  free(memory: unknown): void
  dispose(): Promise<void>
}

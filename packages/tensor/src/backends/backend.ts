// What a device must do for the engine: own memory, move bytes, and run programs of kernels in order.
// A backend knows nothing of tensors, graphs or gradients. Everything that takes effect (`write`, `run`, `read`, `copy`) joins one ordered
// queue when it is called; promises tell the host when it has happened. Memory freed may be reused at once by
// what is queued later, because the queue is ordered.

import type { ComputeType, DType, TypedArray } from '../dtype.ts'
import type { Launch } from '../kernel/launch.ts'
import type { Tuned } from './webgpu/tuning/tune.ts'

/** Device memory; opaque to the engine. */
export interface DeviceBuffer {
  readonly bytes: number
}

/** A part of a buffer. Offsets are multiples of `limits.alignment`. */
export interface Binding {
  readonly buffer: DeviceBuffer
  readonly offset: number
  readonly bytes: number
}

/** Kernels in order; each sees the effects of those before it. */
export interface Program {
  readonly launches: readonly Launch[]
  readonly slots: number
  readonly scalars: readonly ComputeType[]
}

/** A program compiled for a device; its kernels are shared with other programs through the backend's cache. */
export interface Executable {
  readonly program: Program
  [Symbol.dispose](): void
}

/** @param launch number of the launch in its program */
export type WatchLaunch = (launch: number, begin: number, end: number) => void

export interface Limits {
  /** bytes to which offsets inside a buffer are aligned */
  readonly alignment: number
  /** buffers one kernel may bind */
  readonly buffersPerKernel: number
  /** bytes of one buffer or binding */
  readonly bufferBytes: number
  /** whether kernels may use scratch rows (LoopKernel.scratch) */
  readonly scratch: boolean
  /** whether one launch may run its kernel over several memories (`Launch.more`) */
  readonly parts: boolean
  /** the gradients of attention come from two kernels, one an item a query, one an item a key */
  readonly splitAttention: boolean
  /** rows of a piece into which long columns are cut, so that there are items enough for a GPU; 0: they are not */
  readonly columnPiece: number
  /** rows of a scatter are sorted by where they go, so that all of them are written side by side: one row a thread is too few for a GPU */
  readonly sortedScatter: boolean
  /** products read f16 and bf16 operands as they are in memory; else as f32 copies */
  readonly narrowProducts: boolean
  /** dtypes that can be stored and computed */
  readonly dtypes: ReadonlySet<DType>
}

export interface Backend {
  readonly name: string
  readonly limits: Limits
  /** bytes allocated now, by the backend's own count: buffers, scratch, parameters */
  readonly bytesInUse: number
  /** command buffers handed to a GPU so far; 0 where there is none */
  readonly submits: number
  /** bytes that `elements` of a dtype take in this device's memory (a bool is 4 bytes on WebGPU) */
  storedBytes(dtype: DType, elements: number): number
  /** @throws OutOfMemoryError, changing nothing */
  allocate(bytes: number): DeviceBuffer
  free(buffer: DeviceBuffer): void
  /** Copies `data` (a CPU typed array of the dtype; f16, bf16 as Uint16Array bits; bool as Uint8Array) when called. */
  write(target: Binding, dtype: DType, data: TypedArray): void
  /** The bytes as a fresh typed array owned by the caller, after everything queued before. */
  read(source: Binding, dtype: DType, elements: number): Promise<TypedArray>
  copy(source: Binding, target: Binding): void
  /** Loads what prints the program's kernels, where only some programs need it and it can be foretold. Null: it is there. @throws where it cannot be loaded */
  prepare?(program: Program): Promise<unknown> | null
  /** Prints and compiles what is not cached. Synchronous errors (a kernel that cannot be printed) throw; device errors reject in `run`. @throws Loading where a printer is missing: to be asked again */
  load(program: Program): Executable
  /**
   * Queues one run. `bindings[i]` serves program slot i, `scalars[i]` scalar slot i, `symbols[id]` the Dim symbols.
   * The list of bindings is not changed later: the same list again is a run over the same memory. The numbers are the caller's again.
   * Resolves when the device has finished it; rejects with an error that names the kernel. An empty kernel (a size 0) does nothing.
   */
  run(
    executable: Executable,
    bindings: readonly Binding[],
    scalars: ArrayLike<number>,
    symbols: ArrayLike<number>,
    /** told when each launch began and ended (`performance.now()`): then launches are handed over one by one */
    watch?: WatchLaunch,
  ): Promise<void>
  /** Measures the kernels that were run and uses the fastest templates from then on; left out where there is nothing to choose. */
  tune?(): Promise<Tuned[]>
  /** Frees everything; later calls throw. */
  dispose(): Promise<void>
}

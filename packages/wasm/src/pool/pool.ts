// KernelPool: runs tapes of kernels on all threads. A tape is walked by the threads themselves, step after step with a
// barrier between, so the caller pays one wake-up a tape and never blocks.

import { platform } from '#platform'
import { controlAlignment, controlBytes } from './control.ts'
import { ControlBlock } from './control-block.ts'
import type { Crew, Failure } from './crew.ts'
import { KernelTrapError, PoolClosedError } from './errors.ts'
import { InlineCrew } from './inline-crew.ts'
import { KernelTable } from './kernel-table.ts'
import { stepBytes } from './tape.ts'
import { sayInline, threadsBlocked } from './threads.ts'
import { WorkerCrew } from './worker-crew.ts'

export interface KernelPoolOptions {
  /** Shared for more than one thread. It may grow while the pool lives. */
  readonly memory: WebAssembly.Memory
  /** Address of `KernelPool.controlBytes` bytes, a multiple of 128, that are the pool's until it is disposed. */
  readonly control: number
  /** 'auto': one for each processor. With 1, or where workers cannot be had, `run` works on the calling thread. */
  readonly threads: number | 'auto'
  /** Where the worker's program is served from, for pages whose Content-Security-Policy forbids `worker-src blob:`. */
  readonly workerUrl?: string | URL
}

export class KernelPool {
  /** Bytes of memory that a pool needs for itself. */
  static readonly controlBytes: number = controlBytes

  readonly memory: WebAssembly.Memory
  readonly #kernels: KernelTable
  readonly #crew: Crew
  #scratch = 0
  #scratchBytes = 0
  #queued = 0
  #ended = 0
  #last: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  /**
   * Resolves when all threads are ready.
   * @throws RangeError for a bad address or number of threads; WorkerDiedError when a worker from `workerUrl` does not start
   */
  static async start({ memory, control, threads, workerUrl }: KernelPoolOptions): Promise<KernelPool> {
    if (control % controlAlignment !== 0 || control < 0 || control + controlBytes > memory.buffer.byteLength)
      throw new RangeError(
        `KernelPool.start: control ${control} is not a multiple of ${controlAlignment} with ${controlBytes} bytes behind it in a memory of ${memory.buffer.byteLength}`,
      )
    if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1))
      throw new RangeError(`KernelPool.start: threads is ${threads} (a positive integer or 'auto')`)
    const wanted = threads === 'auto' ? platform.cores() : threads
    const kernels = new KernelTable()
    const block = new ControlBlock(memory, control)
    const inline = (reason?: string) => {
      if (reason) sayInline(reason)
      return new KernelPool(memory, kernels, new InlineCrew(block))
    }
    if (wanted === 1) return inline()
    const blocked = threadsBlocked()
    if (blocked) return inline(blocked)
    if (!(memory.buffer instanceof SharedArrayBuffer))
      return inline('the memory is not shared (new WebAssembly.Memory({ initial, maximum, shared: true }))')
    try {
      const crew = await WorkerCrew.start({ block, threads: wanted, workerUrl, kernels: () => kernels.all() })
      return new KernelPool(memory, kernels, crew)
    } catch (error) {
      if (workerUrl) throw error
      block.reset()
      return inline(`${error} (a Content-Security-Policy needs worker-src blob: or the option workerUrl)`)
    }
  }

  private constructor(memory: WebAssembly.Memory, kernels: KernelTable, crew: Crew) {
    this.memory = memory
    this.#kernels = kernels
    this.#crew = crew
  }

  get threads(): number {
    return this.#crew.threads
  }

  /** Whether `run` works on the calling thread, and has done its work when it returns. */
  get inline(): boolean {
    return this.#crew instanceof InlineCrew
  }

  /** Runs that have not ended. */
  get pending(): number {
    return this.#queued - this.#ended
  }

  /** Scratch bytes that each thread has. */
  get scratchBytes(): number {
    return this.#scratchBytes
  }

  /**
   * Takes a kernel up; runs queued from now on may use it. Its module imports `env.memory`, may import functions of
   * `Math`, and exports `kernel(params, begin, end, scratch)`, all i32: the parameter block's address, items [begin, end),
   * and the address of the thread's scratch memory. Two calls of one step may run at the same time and must not depend on each other.
   * @param name shown when it fails
   * @returns its index for tapes
   */
  addKernel(module: WebAssembly.Module, name?: string): number {
    this.#open('addKernel')
    return this.#kernels.add(module, name)
  }

  /** Lets go of a kernel. Runs queued before may use it; when they have ended its index may be given to another. */
  removeKernel(index: number): void {
    this.#open('removeKernel')
    this.#kernels.remove(index, this.#queued)
    this.#kernels.ended(this.#ended)
  }

  /**
   * Memory private to each thread, for runs queued from now on: thread t gets bytesPerThread bytes at
   * `address + t * bytesPerThread`. What was given before must stay until the runs queued before have ended.
   * @param bytesPerThread a multiple of 128, so that threads do not write to each other's cache lines
   */
  setScratch(address: number, bytesPerThread: number): void {
    this.#open('setScratch')
    const bytes = bytesPerThread * this.threads
    if (bytesPerThread % 128 !== 0 || address % 16 !== 0 || !this.#holds(address, bytes))
      throw new RangeError(
        `setScratch: ${this.threads} times ${bytesPerThread} bytes at ${address} in a memory of ${this.memory.buffer.byteLength} (bytes per thread are a multiple of 128, the address of 16)`,
      )
    this.#scratch = address
    this.#scratchBytes = bytesPerThread
  }

  /**
   * Queues one run of the tape (see `step` for its layout) at address `tape`. Runs are executed in the order of the calls, one
   * after the other; the tape and all it names are read when its turn comes, and must stay unchanged until then.
   * Resolves, in the same order, when all steps are done and their writes can be seen by the caller.
   * Rejects with KernelTrapError or WorkerDiedError; runs queued behind are executed all the same.
   */
  run(tape: number, steps: number): Promise<void> {
    this.#open('run')
    if (tape % 4 !== 0 || !Number.isInteger(steps) || steps < 0 || !this.#holds(tape, steps * stepBytes))
      throw new RangeError(`run: no tape of ${steps} steps at ${tape} in a memory of ${this.memory.buffer.byteLength}`)
    const changes = this.#kernels.changes()
    if (changes) this.#crew.update(changes)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queued++
    this.#crew.submit({
      tape,
      steps,
      scratch: this.#scratch,
      scratchStride: this.#scratchBytes,
      ended: failure => {
        if (failure) reject(this.#error(failure))
        else resolve()
        this.#kernels.ended(++this.#ended)
      },
    })
    this.#last = promise.catch(() => {})
    return promise
  }

  /** Waits for the queued runs, then frees the threads and the control block. */
  dispose(): Promise<void> {
    this.#closed ??= this.#last.then(() => this.#crew.stop())
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #open(op: string): void {
    if (this.#closed) throw new PoolClosedError(op)
  }

  #holds(address: number, bytes: number): boolean {
    return address >= 0 && address + bytes <= this.memory.buffer.byteLength
  }

  #error(failure: Failure): Error {
    if ('error' in failure) return failure.error
    const { step, kernel, reason } = failure.trap
    return new KernelTrapError(step, kernel, this.#kernels.name(kernel), reason)
  }
}

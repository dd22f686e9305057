// One engine a device: its name, its queue, and the executor once the device has been started. Values may be described before
// that (graphs are lazy); the first run starts it.

import type { DType, TypedArray } from '../dtype.ts'
import { decode } from '../numeric.ts'
import type { Executor } from './executor.ts'
import { Queue } from './queue.ts'

export class Engine {
  readonly name: string
  readonly queue: Queue
  executor: Executor | null = null
  #starting: Promise<Executor> | null = null
  readonly #start: () => Promise<Executor>

  constructor(name: string, start: () => Promise<Executor>) {
    this.name = name
    this.queue = new Queue(this)
    this.#start = start
  }

  /** Starts the device if need be. @throws DeviceError when it is not there */
  ready(): Promise<Executor> {
    if (this.executor) return Promise.resolve(this.executor)
    this.#starting ??= this.#start().then(
      executor => (this.executor = executor),
      error => {
        this.#starting = null
        throw error
      },
    )
    return this.#starting
  }

  /** bytes of device memory in use, by the allocator's own count */
  get bytesInUse(): number {
    return this.executor?.bytesInUse ?? 0
  }

  decode(dtype: DType, data: TypedArray): number[] {
    return Array.from(decode(dtype, data))
  }
}

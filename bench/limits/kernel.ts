// Runs the kernels of this folder: a memory and a pool of threads of their own, so that what they are compared with keeps its.
// Kernels have the ABI of the WASM backend: they import `env.memory` and export `kernel(params, begin, end, scratch)`.

import { KernelPool, type MemoryType, tapeStepBytes, writeTape } from '@cairn/wasm'

const pageBytes = 65536
const line = 128

/** A kernel with its arguments in place, ready to be run as often as wanted. */
export interface PlacedKernel {
  /** Runs items [0, items) on all threads; resolves when they are done. */
  run(items: number): Promise<void>
  /** The f32 values of buffer i, as they are now. */
  values(buffer: number): Float32Array
  dispose(): Promise<void>
}

/** What a kernel is given: buffers, whose addresses are its first parameter words, then whole numbers. */
export interface KernelArguments {
  readonly buffers: readonly Float32Array[]
  readonly words?: readonly number[]
  /** private to each thread */
  readonly scratchBytes?: number
  /** items that one thread takes at a time */
  readonly grain?: number
}

const align = (bytes: number): number => Math.ceil(bytes / line) * line

/** Prints, compiles and places a kernel. @param print gives the module's bytes for the memory it will import */
export async function placeKernel(
  print: (memory: MemoryType) => Uint8Array<ArrayBuffer>,
  threads: number,
  { buffers, words = [], scratchBytes = 0, grain = 1 }: KernelArguments,
): Promise<PlacedKernel> {
  const control = pageBytes
  const tape = control + align(KernelPool.controlBytes)
  const params = tape + align(tapeStepBytes)
  const scratch = params + align(4 * (buffers.length + words.length))
  let end = scratch + threads * align(scratchBytes)
  const addresses = buffers.map(values => {
    const address = end
    end += align(values.byteLength)
    return address
  })
  const pages = Math.ceil(end / pageBytes)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  buffers.forEach((values, i) => {
    new Float32Array(memory.buffer, addresses[i], values.length).set(values)
  })
  new Int32Array(memory.buffer, params, addresses.length + words.length).set([...addresses, ...words])
  const pool = await KernelPool.start({ memory, control, threads })
  const module = new WebAssembly.Module(print({ min: pages, max: pages, shared: true }))
  const kernel = pool.addKernel(module, 'limit')
  pool.setScratch(scratch, align(scratchBytes))
  return {
    run(items) {
      writeTape(memory, tape, [{ kernel, params, items, grain }])
      return pool.run(tape, 1)
    },
    values: buffer => new Float32Array(memory.buffer, addresses[buffer], buffers[buffer]!.length).slice(),
    dispose: () => pool.dispose(),
  }
}

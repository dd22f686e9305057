// A backend that interprets kernels with plain loops. It is slow and exists for tests: what differs from the reference device on it is
// a mistake of the scheduler or the lowering, not of a printer.

import { bytesOf, type DType, type TypedArray } from '../../dtype.ts'
import { OutOfMemoryError } from '../../errors.ts'
import { interpret } from '../../kernel/interpret.ts'
import { partsOf, symbolsOfPart } from '../../kernel/launch.ts'
import { arrayOf } from '../../numeric.ts'
import type { Backend, Binding, DeviceBuffer, Executable, Limits, Program, WatchLaunch } from '../backend.ts'

class Bytes implements DeviceBuffer {
  readonly bytes: number
  readonly memory: ArrayBuffer
  constructor(bytes: number) {
    this.bytes = bytes
    this.memory = new ArrayBuffer(Math.ceil(bytes / 8) * 8)
  }
}

const view = (binding: Binding, dtype: DType, elements: number): TypedArray => {
  const make = arrayOf(dtype, 0).constructor as new (memory: ArrayBuffer, offset: number, length: number) => TypedArray
  return new make((binding.buffer as Bytes).memory, binding.offset, elements)
}

export class InterpretBackend implements Backend {
  readonly submits = 0
  readonly name = 'interpret'
  readonly limits: Limits
  bytesInUse = 0
  readonly #maxBytes: number

  constructor(
    options: {
      scratch?: boolean
      parts?: boolean
      splitAttention?: boolean
      columnPiece?: number
      sortedScatter?: boolean
      maxBytes?: number
      buffersPerKernel?: number
    } = {},
  ) {
    this.#maxBytes = options.maxBytes ?? Infinity
    this.limits = {
      alignment: 64,
      buffersPerKernel: options.buffersPerKernel ?? 64,
      bufferBytes: 2 ** 31,
      scratch: options.scratch ?? true,
      parts: options.parts ?? true,
      splitAttention: options.splitAttention ?? false,
      columnPiece: options.columnPiece ?? 0,
      sortedScatter: options.sortedScatter ?? false,
      narrowProducts: true,
      dtypes: new Set<DType>(['f32', 'f16', 'bf16', 'f64', 'i32', 'u32', 'i8', 'u8', 'i64', 'bool']),
    }
  }
  storedBytes(dtype: DType, elements: number): number {
    return bytesOf(dtype) * elements
  }
  allocate(bytes: number): DeviceBuffer {
    if (this.bytesInUse + bytes > this.#maxBytes)
      throw new OutOfMemoryError('allocate', `${bytes} bytes do not fit`, {
        inUse: this.bytesInUse,
        most: this.#maxBytes,
      })
    this.bytesInUse += bytes
    return new Bytes(bytes)
  }
  free(buffer: DeviceBuffer): void {
    this.bytesInUse -= buffer.bytes
  }
  write(target: Binding, dtype: DType, data: TypedArray): void {
    const to = view(target, dtype, data.length)
    if (to instanceof BigInt64Array) to.set(data as BigInt64Array)
    else to.set(data as Float32Array)
  }
  read(source: Binding, dtype: DType, elements: number): Promise<TypedArray> {
    return Promise.resolve(view(source, dtype, elements).slice() as TypedArray)
  }
  copy(source: Binding, target: Binding): void {
    new Uint8Array((target.buffer as Bytes).memory, target.offset, source.bytes).set(
      new Uint8Array((source.buffer as Bytes).memory, source.offset, source.bytes),
    )
  }
  load(program: Program): Executable {
    return { program, [Symbol.dispose]() {} }
  }
  run(
    executable: Executable,
    bindings: readonly Binding[],
    scalars: ArrayLike<number>,
    symbols: ArrayLike<number>,
    watch?: WatchLaunch,
  ): Promise<void> {
    for (const [i, launch] of executable.program.launches.entries()) {
      const begin = performance.now()
      const { kernel } = launch
      for (const part of partsOf(launch)) {
        const arrays = kernel.buffers.map((param, i) => {
          const binding = bindings[part.buffers[i]]
          return view(binding, param.dtype, Math.floor(binding.bytes / bytesOf(param.dtype)))
        })
        const own = { scalars: part.scalars.map(slot => scalars[slot]), symbols: symbolsOfPart(part, symbols) }
        interpret(kernel, arrays, own)
      }
      watch?.(i, begin, performance.now())
    }
    return Promise.resolve()
  }
  dispose(): Promise<void> {
    return Promise.resolve()
  }
}

// Runs one printed kernel on typed arrays, without a backend: for tests and measurements.

import { features } from '@cairn/wasm'
import type { TypedArray } from '../../../dtype.ts'
import { dimKey, evaluateDim } from '../../../kernel/dim.ts'
import type { LoopKernel } from '../../../kernel/ir.ts'
import { rareMath } from '../../../kernel/math.ts'
import { paramLayout } from '../../../kernel/params.ts'
import { forLanes } from '../for-lanes.ts'
import { borders } from '../later.ts'
import { guardBytes } from '../memory.ts'
import { type PrintOptions, printLoopKernel, scratchBytes } from '../print.ts'
import { rareHelpers } from '../print-helpers.ts'

// there is nobody here who would wait for them
await Promise.all([borders, rareHelpers, rareMath].map(part => part.need()))

export type KernelFunction = (params: number, begin: number, end: number, scratch: number) => void

export interface RunOptions {
  readonly scalars?: ArrayLike<number>
  readonly symbols?: ArrayLike<number>
  /** cuts of the items: [0, a), [a, b) ...; the whole range by default */
  readonly cuts?: readonly number[]
  readonly print?: Partial<PrintOptions>
  /** the first buffer ends where the last block of a heap may */
  readonly atEnd?: boolean
}

const pageBytes = 65536
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64

/** A kernel placed in a memory of its own, ready to be called again and again. */
export class PlacedKernel {
  readonly call: KernelFunction
  readonly params = 1024
  readonly scratch: number
  readonly items: number
  readonly memory: WebAssembly.Memory
  private readonly places: readonly number[]
  private readonly buffers: readonly TypedArray[]

  constructor(given: LoopKernel, buffers: readonly TypedArray[], options: RunOptions = {}) {
    const kernel = forLanes(given)
    const symbols = options.symbols ?? []
    const layout = paramLayout(kernel)
    let at = align(this.params + layout.words * 4)
    this.scratch = at
    at = align(at + scratchBytes(kernel, symbols))
    const needed = buffers.reduce((sum, b) => sum + align(b.byteLength), at + guardBytes)
    const pages = Math.ceil(needed / pageBytes)
    if (options.atEnd) at += pages * pageBytes - needed
    const places = buffers.toReversed().map(b => {
      const place = at
      at += align(b.byteLength)
      return place
    })
    this.places = places.reverse()
    this.buffers = buffers
    this.memory = new WebAssembly.Memory({ initial: pages })
    const view = new DataView(this.memory.buffer, this.params)
    this.places.forEach((place, i) => {
      view.setUint32(4 * i, place, true)
    })
    for (const d of layout.dims) view.setInt32(4 * layout.dimWord.get(dimKey(d))!, evaluateDim(d, symbols), true)
    kernel.scalars.forEach((dtype, i) => {
      const value = options.scalars![i]
      const byte = 4 * layout.scalarWord[i]
      if (dtype === 'f32') view.setFloat32(byte, value, true)
      else if (dtype === 'f64') view.setFloat64(byte, value, true)
      else if (dtype === 'i64') view.setBigInt64(byte, BigInt(value), true)
      else view.setInt32(byte, value, true)
    })
    this.items = kernel.parallel.reduce((product, axis) => product * evaluateDim(axis.size, symbols), 1)
    const code = printLoopKernel(kernel, { relaxed: features().relaxedSimd, shared: false, ...options.print })
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), {
      env: { memory: this.memory },
      Math,
    } as never)
    this.call = instance.exports.kernel as unknown as KernelFunction
    this.write()
  }

  write(): void {
    const bytes = new Uint8Array(this.memory.buffer)
    this.buffers.forEach((b, i) => {
      bytes.set(new Uint8Array(b.buffer, b.byteOffset, b.byteLength), this.places[i])
    })
  }

  read(): void {
    const bytes = new Uint8Array(this.memory.buffer)
    this.buffers.forEach((b, i) => {
      new Uint8Array(b.buffer, b.byteOffset, b.byteLength).set(
        bytes.subarray(this.places[i], this.places[i] + b.byteLength),
      )
    })
  }
}

/** Prints, compiles and runs a kernel on `buffers`, in place. */
export function runKernel(kernel: LoopKernel, buffers: readonly TypedArray[], options: RunOptions = {}): void {
  const placed = new PlacedKernel(kernel, buffers, options)
  const cuts = [0, ...(options.cuts ?? []), placed.items]
  for (let i = 0; i + 1 < cuts.length; i++) placed.call(placed.params, cuts[i], cuts[i + 1], placed.scratch)
  placed.read()
}

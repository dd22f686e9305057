// Rows of one format in one linear memory, with the query, a list of row numbers and the distances in front of them. The memory
// grows at its end, so rows never move.

import { features } from '@cairn/wasm'
import { RagArgumentError } from '../errors.ts'
import {
  type Kernel,
  kernelModule,
  type Measure,
  QUERY_CODE_MAX,
  queryBytes,
  type RowFormat,
  rowStride,
} from './kernel.ts'
import { plainKernel } from './plain-kernel.ts'

/** How many rows `scan` and `gather` take at once. */
export const BATCH = 4096

const PAGE = 65536
const MAX_PAGES = 65536
const modules = new Map<string, WebAssembly.Module>()

export interface RowsOptions {
  /** Plain loops in place of generated code; the default where WebAssembly cannot be compiled. */
  readonly plain?: boolean
}

export class Rows {
  readonly format: RowFormat
  readonly dimensions: number
  readonly stride: number
  /** Row numbers for `gather`: BATCH of them. Read it anew after `reserve`. */
  ids!: Int32Array
  /** What `scan` and `gather` computed: BATCH of them. Read it anew after `reserve`. */
  distances!: Float32Array
  /** Of the vector last written as i8 codes (`set`, `setQuery`): its distance from its codes, their length, its own. */
  readonly lastCode: { error: number; length: number; full: number } = { error: 0, length: 0, full: 0 }
  private readonly kernel: Kernel
  private readonly memory: WebAssembly.Memory | undefined
  private buffer!: ArrayBuffer
  private bytes!: Uint8Array<ArrayBuffer>
  private floats!: Float32Array
  private readonly idsAt: number
  private readonly distancesAt: number
  private readonly base: number

  constructor(format: RowFormat, measure: Measure, dimensions: number, options: RowsOptions = {}) {
    this.format = format
    this.dimensions = dimensions
    this.stride = rowStride(format, dimensions)
    this.idsAt = Math.ceil(queryBytes(format, dimensions) / 64) * 64
    this.distancesAt = this.idsAt + 4 * BATCH
    this.base = this.distancesAt + 4 * BATCH
    const { compile, simd, bulkMemory } = features()
    if (options.plain ?? !(compile && simd && bulkMemory)) {
      this.attach(new ArrayBuffer(this.base))
      this.kernel = plainKernel(format, measure, dimensions, this.base, () => this.buffer)
    } else {
      this.memory = new WebAssembly.Memory({ initial: Math.ceil(this.base / PAGE) })
      this.attach(this.memory.buffer)
      const key = `${format} ${measure} ${dimensions}`
      let module = modules.get(key)
      if (!module) {
        if (modules.size >= 64) modules.clear()
        modules.set(key, (module = new WebAssembly.Module(kernelModule(format, measure, dimensions, this.base))))
      }
      const { exports } = new WebAssembly.Instance(module, { env: { memory: this.memory } })
      this.kernel = exports as unknown as Kernel
    }
  }

  private attach(buffer: ArrayBuffer): void {
    this.buffer = buffer
    this.bytes = new Uint8Array(buffer)
    this.floats = new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 4))
    this.ids = new Int32Array(buffer, this.idsAt, BATCH)
    this.distances = new Float32Array(buffer, this.distancesAt, BATCH)
  }

  /** Room for `rows` rows. Grows by half at least, so that adding one at a time costs little. */
  reserve(rows: number): void {
    const wanted = this.base + rows * this.stride
    const have = this.buffer.byteLength
    if (wanted <= have) return
    if (wanted > MAX_PAGES * PAGE)
      throw new RagArgumentError(
        'reserve',
        `${rows} rows of ${this.stride} bytes exceed the 4 GiB of one index`,
        'split the collection over several indexes',
      )
    const target = Math.min(MAX_PAGES * PAGE, Math.max(wanted, Math.floor(have * 1.5)))
    if (this.memory) {
      this.memory.grow(Math.ceil((target - have) / PAGE))
      this.attach(this.memory.buffer)
    } else {
      const larger = new ArrayBuffer(target)
      new Uint8Array(larger).set(this.bytes)
      this.attach(larger)
    }
  }

  /** Writes a row. The vector has `dimensions` finite numbers. */
  set(row: number, vector: Float32Array): void {
    const at = this.base + row * this.stride
    if (this.format === 'f32') {
      this.floats.set(vector, at / 4)
      this.bytes.fill(0, at + 4 * this.dimensions, at + this.stride)
      return
    }
    this.bytes.fill(0, at, at + this.stride)
    if (this.format === 'bits') this.writeSigns(at, vector)
    else this.writeCodes(at, vector, new Int8Array(this.buffer, at, this.stride - 16), 127)
  }

  setQuery(vector: Float32Array): void {
    this.bytes.fill(0, 0, queryBytes(this.format, this.dimensions))
    if (this.format === 'f32') this.floats.set(vector, 0)
    else if (this.format === 'bits') this.writeSigns(0, vector)
    else this.writeCodes(0, vector, new Int16Array(this.buffer, 0, this.stride - 16), QUERY_CODE_MAX)
  }

  private writeCodes(at: number, vector: Float32Array, out: Int8Array | Int16Array, max: number): void {
    let largest = 0
    let squares = 0
    for (let i = 0; i < vector.length; i++) {
      largest = Math.max(largest, Math.abs(vector[i]))
      squares += vector[i] * vector[i]
    }
    // A vector so small that its factor would underflow has codes of 0.
    const factor = Math.fround(largest / max)
    let error = factor > 0 ? 0 : squares
    let length = 0
    if (factor > 0)
      for (let i = 0; i < vector.length; i++) {
        out[i] = Math.round(vector[i] / factor)
        const coded = out[i] * factor
        length += coded * coded
        error += (vector[i] - coded) ** 2
      }
    const { lastCode } = this
    lastCode.error = Math.sqrt(error)
    lastCode.length = Math.sqrt(length)
    lastCode.full = Math.sqrt(squares)
    const tail = (at + out.byteLength) / 4
    this.floats[tail] = factor
    this.floats[tail + 1] = squares
  }

  private writeSigns(at: number, vector: Float32Array): void {
    for (let i = 0; i < vector.length; i++) if (vector[i] > 0) this.bytes[at + (i >> 3)] |= 1 << (i & 7)
  }

  /** A row becomes the query. */
  load(row: number): void {
    this.kernel.load(row)
  }

  /** Distances of the query to `count` (at most BATCH) rows from `first` on, into `distances`. */
  scan(first: number, count: number): void {
    this.kernel.scan(first, count, this.distancesAt)
  }

  /** Distances of the query to the first `count` rows listed in `ids`, into `distances`. */
  gather(count: number): void {
    this.kernel.gather(this.idsAt, count, this.distancesAt)
  }

  /** A row's numbers, as a view that `reserve` invalidates; rows of format f32 only. */
  floatsOf(row: number): Float32Array {
    const at = (this.base + row * this.stride) / 4
    return this.floats.subarray(at, at + this.dimensions)
  }

  /** The bytes of the first `rows` rows, as a view that `reserve` invalidates. */
  bytesOf(rows: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(this.base, this.base + rows * this.stride)
  }

  /** Bytes held. */
  get byteLength(): number {
    return this.buffer.byteLength
  }
}

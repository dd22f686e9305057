// The WebAssembly backend: buffers in one shared memory, kernels on a pool of threads, everything in one ordered queue.
//
// The pool's queue is the order. A run becomes a tape and parameter blocks in memory; what the host writes or reads while
// runs are under way goes through staging blocks and a copy kernel. Only what the pool cannot do yet (a kernel still compiling,
// no room for staging) closes a gate behind which later effects wait.

import { features, KernelPool, KernelTrapError, tapeStepBytes, writeTape } from '@cairn/wasm'
import { bytesOf, type ComputeType, type DType, dtypes, type TypedArray } from '../../dtype.ts'
import { CairnError, DeviceLostError, type IndexError, outsideAxis, ShapeError } from '../../errors.ts'
import { dimKey, evaluateDim } from '../../kernel/dim.ts'
import type { Bounded } from '../../kernel/ir.ts'
import { type Launch, type Part, partsOf, symbolsOfPart } from '../../kernel/launch.ts'
import type { Backend, Binding, DeviceBuffer, Executable, Limits, Program, WatchLaunch } from '../backend.ts'
import { copyUnit, printCopyKernel } from './copy-kernel.ts'
import { KernelCache, type LaunchPlan, type LoadedKernel } from './kernels.ts'
import { loadTemplates } from './later.ts'
import { type Block, blockAlignment, Heap, pageBytes } from './memory.ts'
import { partsHeader, partWords, placeParts } from './print-parts.ts'

export interface WasmBackendOptions {
  /** Threads that run kernels; 1 runs them on the calling thread. 'auto': one for each processor. */
  readonly threads?: number | 'auto'
  /** Most bytes that the backend may hold; by default what a 32-bit memory can. */
  readonly maxBytes?: number
  /** Where the worker's program is served from, for pages that forbid `worker-src blob:`. */
  readonly workerUrl?: string | URL
}

export interface WasmBackend extends Backend {
  readonly threads: number
  /** Compiled kernels, in use or kept for later programs. */
  readonly kernels: number
  readonly memory: WebAssembly.Memory
}

/** 4 GiB less a page: sizes and addresses stay below 2^32. */
const mostPages = 65535
/** The first page is nobody's, so that small negative distances from a buffer stay addresses. */
const reservedBytes = pageBytes

/** Starts the threads. @throws DeviceLostError where WebAssembly with SIMD is not available */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<WasmBackend> {
  const has = features()
  if (!has.compile || !has.simd)
    throw new DeviceLostError('wasm', "WebAssembly with SIMD is not available here; use the device 'reference'")
  const single = options.threads === 1 || !has.sharedMemory
  const control = reservedBytes
  const begin = control + KernelPool.controlBytes
  const memory = makeMemory(Math.ceil(begin / pageBytes) + 15, !single)
  const pool = await KernelPool.start({
    memory,
    control,
    threads: single ? 1 : (options.threads ?? 'auto'),
    workerUrl: options.workerUrl,
  })
  const copy = pool.addKernel(await WebAssembly.compile(printCopyKernel(!single)), 'copy')
  const heap = new Heap(memory, begin, options.maxBytes ?? Number.POSITIVE_INFINITY, mostPages)
  return new Implementation(pool, heap, copy, !single)
}

/** Reserves as much address space as the engine gives. */
function makeMemory(initial: number, shared: boolean): WebAssembly.Memory {
  if (!shared) return new WebAssembly.Memory({ initial })
  for (let maximum = mostPages; ; maximum >>= 1) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true })
    } catch (error) {
      if (maximum <= 4096) throw error
    }
  }
}

class WasmBuffer implements DeviceBuffer {
  readonly bytes: number
  readonly block: Block
  constructor(bytes: number, block: Block) {
    this.bytes = bytes
    this.block = block
  }
}

class WasmExecutable implements Executable {
  readonly program: Program
  readonly kernels: readonly LoadedKernel[]
  readonly ready: Promise<unknown> | null
  /** byte offset of each launch's parameters in a block, the table of parts before theirs; the tape comes first */
  readonly offsets: readonly number[]
  readonly blockBytes: number
  /** blocks that no run uses now */
  readonly spare: RunBlock[] = []
  /** where a block mentions the address of each slot of the program, and each of its numbers */
  readonly addressAt: readonly number[][]
  readonly scalarAt: readonly { readonly at: number; readonly dtype: ComputeType }[][]
  /** where a kernel tells of an index outside of its axis */
  readonly checks: readonly { readonly at: number; readonly check: Bounded; readonly part: Part }[]
  /** for the sizes that came last */
  private shape: RunShape | null = null
  settled = false
  disposed = false
  private readonly owner: Implementation

  constructor(owner: Implementation, program: Program, kernels: readonly LoadedKernel[]) {
    this.owner = owner
    this.program = program
    this.kernels = kernels
    let at = align(kernels.length * tapeStepBytes, 16)
    this.offsets = kernels.map((k, i) => {
      const offset = at
      at += paramBytes(k, partsOf(program.launches[i]).length)
      return offset
    })
    this.blockBytes = at
    this.addressAt = Array.from({ length: program.slots }, () => [])
    this.scalarAt = program.scalars.map(() => [])
    kernels.forEach(({ layout, kernel }, i) => {
      partsOf(program.launches[i]).forEach(({ buffers, scalars }, p) => {
        const begin = this.paramsAt(i, p)
        buffers.forEach((slot, b) => this.addressAt[slot].push(begin + 4 * b))
        scalars.forEach((slot, s) =>
          this.scalarAt[slot].push({ at: begin + 4 * layout.scalarWord[s], dtype: kernel.scalars[s] }),
        )
      })
    })
    this.checks = kernels.flatMap(({ layout }, i) =>
      partsOf(program.launches[i]).flatMap((part, p) =>
        layout.checks.map(({ check, word }) => ({ at: this.paramsAt(i, p) + 4 * word, check, part })),
      ),
    )
    this.ready = Promise.all(kernels.map(k => k.code.ready))
    this.ready.then(
      () => {
        this.settled = true
      },
      () => {},
    )
  }

  /** Offset of the parameters of a launch's part in a block. */
  paramsAt(launch: number, part: number): number {
    const parts = partsOf(this.program.launches[launch]).length
    if (parts === 1) return this.offsets[launch]
    return this.offsets[launch] + tableBytes(parts) + part * align(4 * this.kernels[launch].words, 16)
  }

  shapeFor(symbols: ArrayLike<number>): RunShape {
    const { shape } = this
    if (shape && sameNumbers(shape.symbols, symbols)) return shape
    const plans = this.kernels.map((k, i) => planOf(k, this.program.launches[i], symbols))
    const scratch = plans.reduce((most, p) => Math.max(most, p.scratch), 0)
    this.shape = { symbols: Array.from(symbols), plans, scratch }
    return this.shape
  }

  [Symbol.dispose](): void {
    this.owner.unload(this)
  }
}

/** What depends on sizes only. */
interface RunShape {
  readonly symbols: readonly number[]
  readonly plans: readonly PartsPlan[]
  readonly scratch: number
}

/** A tape with its parameters, and what it holds: another run writes only what differs. */
interface RunBlock {
  readonly block: Block
  shape: RunShape | null
  addresses: readonly number[]
  scalars: readonly number[]
}

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Bytes of a launch's parameters: of one part, or a table and those of each part. */
const paramBytes = ({ words }: LoadedKernel, parts: number): number =>
  parts === 1 ? align(4 * words, 16) : tableBytes(parts) + parts * align(4 * words, 16)
const tableBytes = (parts: number): number => align(4 * (partsHeader + parts * partWords), 16)

const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to

class Implementation implements WasmBackend {
  readonly name = 'wasm'
  readonly submits = 0
  readonly limits: Limits = {
    alignment: blockAlignment,
    buffersPerKernel: 256,
    bufferBytes: mostPages * pageBytes,
    scratch: true,
    parts: true,
    splitAttention: false,
    columnPiece: 0,
    sortedScatter: false,
    narrowProducts: false,
    dtypes: new Set(Object.keys(dtypes) as DType[]),
  }
  private readonly pool: KernelPool
  private readonly heap: Heap
  private readonly cache: KernelCache
  private readonly copyKernel: number
  private scratch: Block | null = null
  /** of each thread */
  private scratchBytes = 0
  /** freed while something was under way; back in the heap once that has ended */
  private readonly freed = new Set<Block>()
  private freedBytes = 0
  /** effects that wait behind a gate, in order; null: the gate is open */
  private waiting: (() => void)[] | null = null
  private last: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(pool: KernelPool, heap: Heap, copyKernel: number, shared: boolean) {
    this.pool = pool
    this.heap = heap
    this.copyKernel = copyKernel
    this.cache = new KernelCache(pool, shared)
  }

  get threads(): number {
    return this.pool.threads
  }

  get kernels(): number {
    return this.cache.size
  }

  get memory(): WebAssembly.Memory {
    return this.heap.memory
  }

  get bytesInUse(): number {
    return this.heap.used - this.freedBytes
  }

  storedBytes(dtype: DType, elements: number): number {
    return bytesOf(dtype) * elements
  }

  // ---- buffers

  allocate(bytes: number): DeviceBuffer {
    this.check('allocate')
    return new WasmBuffer(bytes, this.reusable(bytes) ?? this.heap.allocate(bytes, 'allocate'))
  }

  /**
   * Buffers may take the memory at once: what fills them is queued later, and the queue is ordered. The host's own blocks (tapes, parameters,
   * bytes in transit) may not: they are written when they are made, while a run queued before may still use what was freed here.
   */
  free(buffer: DeviceBuffer): void {
    const { block } = buffer as WasmBuffer
    if (this.quiet) {
      this.heap.release(block)
      return
    }
    if (!block.live || this.freed.has(block)) return
    this.freed.add(block)
    this.freedBytes += block.bytes
    this.enqueue(() => {
      this.last.then(() => {
        if (this.takeFreed(block)) this.heap.release(block)
      })
    })
  }

  /** A block freed under way, for a buffer of its size. */
  private reusable(bytes: number): Block | null {
    for (const block of this.freed)
      if (block.bytes >= bytes && block.bytes - bytes < blockAlignment) {
        this.takeFreed(block)
        return this.heap.reissue(block)
      }
    return null
  }

  private takeFreed(block: Block): boolean {
    if (!this.freed.delete(block)) return false
    this.freedBytes -= block.bytes
    return true
  }

  private address({ buffer, offset, bytes }: Binding, op: string): number {
    const { block } = buffer as WasmBuffer
    if (!block.live || (this.freed.size > 0 && this.freed.has(block))) throw new ShapeError(op, 'the buffer was freed')
    if (offset < 0 || offset + bytes > block.bytes)
      throw new ShapeError(op, 'the binding reaches beyond its buffer', { offset, bytes, buffer: buffer.bytes })
    return block.address + offset
  }

  // ---- the queue

  /** Whether the host may touch memory now: nothing is under way or waiting. */
  private get quiet(): boolean {
    return this.waiting === null && this.pool.pending === 0
  }

  /** Does `effect` now, or in its turn behind the gate. */
  private enqueue(effect: () => void): void {
    if (this.waiting) this.waiting.push(effect)
    else effect()
  }

  /** Holds later effects back until `event` has happened; `then` is done first. */
  private gate(event: Promise<unknown>, then: () => void): void {
    const held: (() => void)[] = []
    this.waiting = held
    const open = (): void => {
      this.waiting = null
      then()
      // an effect may close the gate again: the rest waits behind that
      while (held.length && this.waiting === null) held.shift()!()
      const behind = this.waiting as (() => void)[] | null
      if (held.length && behind) behind.push(...held)
    }
    event.then(open, open)
  }

  /** Submits steps whose tape lies at `tape`; every effect but the host's own goes through here. */
  private submit(tape: number, steps: number): Promise<void> {
    const run = this.pool.run(tape, steps)
    this.last = run.catch(() => {})
    return run
  }

  /** The steps of a tape one after the other, with the times at which the host saw each begin and end. */
  private async submitOneByOne(tape: number, steps: number, watch: WatchLaunch): Promise<void> {
    await this.last
    for (let i = 0; i < steps; i++) {
      const begin = performance.now()
      await this.submit(tape + i * tapeStepBytes, 1)
      watch(i, begin, performance.now())
    }
  }

  private async settle(): Promise<void> {
    // what waits behind a gate is not in `last` yet
    for (;;) {
      if (this.waiting) await new Promise<void>(resolve => this.enqueue(resolve))
      const { last } = this
      await last
      if (last === this.last && !this.waiting) return
    }
  }

  private get bytes(): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.memory.buffer)
  }

  // ---- host access

  write(target: Binding, dtype: DType, data: TypedArray): void {
    this.check('write')
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (bytes.length > target.bytes)
      throw new ShapeError('write', 'the data is larger than its place', {
        dtype,
        data: bytes.length,
        place: target.bytes,
      })
    const address = this.address(target, 'write')
    if (this.quiet) {
      this.bytes.set(bytes, address)
      return
    }
    const staging = this.stage(bytes.length)
    if (staging) {
      this.bytes.set(bytes, staging.address)
      this.enqueue(() => this.moveBytes(staging.address, address, bytes.length, () => this.heap.release(staging)))
      return
    }
    const kept = bytes.slice()
    this.enqueue(() => this.gate(this.last, () => this.bytes.set(kept, address)))
  }

  read(source: Binding, dtype: DType, elements: number): Promise<TypedArray> {
    this.check('read')
    const length = this.storedBytes(dtype, elements)
    const address = this.address({ ...source, bytes: length }, 'read')
    const take = (at: number): TypedArray => {
      const copy = new Uint8Array(length)
      copy.set(this.bytes.subarray(at, at + length))
      return view(dtype, copy.buffer, elements)
    }
    if (this.quiet) return Promise.resolve(take(address))
    const staging = this.stage(length)
    const { promise, resolve, reject } = Promise.withResolvers<TypedArray>()
    this.enqueue(() => {
      if (staging)
        this.moveBytes(address, staging.address, length, error => {
          if (error) reject(error)
          else resolve(take(staging.address))
          this.heap.release(staging)
        })
      else this.gate(this.last, () => resolve(take(address)))
    })
    return promise
  }

  copy(source: Binding, target: Binding): void {
    this.check('copy')
    const length = Math.min(source.bytes, target.bytes)
    const from = this.address(source, 'copy')
    const to = this.address(target, 'copy')
    if (this.quiet) this.bytes.copyWithin(to, from, from + length)
    else this.enqueue(() => this.moveBytes(from, to, length, () => {}))
  }

  /** A block for bytes in transit, or null when there is no room. */
  private stage(bytes: number): Block | null {
    try {
      return this.heap.allocate(bytes, 'staging')
    } catch {
      return null
    }
  }

  /** Queues a copy of bytes. */
  private moveBytes(from: number, to: number, length: number, done: (error?: unknown) => void): void {
    const block = this.stage(tapeStepBytes + 16)
    if (!block) {
      this.gate(this.last, () => {
        this.bytes.copyWithin(to, from, from + length)
        done()
      })
      return
    }
    const params = block.address + tapeStepBytes
    new Uint32Array(this.memory.buffer, params, 3).set([from, to, length])
    const items = Math.ceil(length / copyUnit)
    const overlap = from < to + length && to < from + length
    const grain = overlap ? items : 4
    writeTape(this.memory, block.address, [{ kernel: this.copyKernel, params, items, grain }])
    const end = (error?: unknown): void => {
      this.heap.release(block)
      done(error)
    }
    this.submit(block.address, 1).then(
      () => end(),
      error => end(this.lost('copy', error)),
    )
  }

  // ---- programs

  prepare({ launches }: Program): Promise<unknown> | null {
    return loadTemplates(launches.map(l => l.kernel))
  }

  load(program: Program): Executable {
    this.check('load')
    const held: LoadedKernel[] = []
    try {
      for (const { kernel, more } of program.launches) held.push(this.cache.hold(kernel, more !== undefined))
    } catch (error) {
      for (const kernel of held) this.cache.release(kernel)
      throw error
    }
    return new WasmExecutable(this, program, held)
  }

  unload(executable: WasmExecutable): void {
    if (executable.disposed) return
    executable.disposed = true
    for (const { block } of executable.spare.splice(0)) this.heap.release(block)
    // runs under way still use the kernels
    this.settle().then(() => {
      for (const kernel of executable.kernels) this.cache.release(kernel)
    })
  }

  run(
    executable: Executable,
    bindings: readonly Binding[],
    scalars: ArrayLike<number>,
    symbols: ArrayLike<number>,
    watch?: WatchLaunch,
  ): Promise<void> {
    try {
      this.check('run')
      const program = executable as WasmExecutable
      if (program.disposed) throw new DeviceLostError('run', 'the program was disposed')
      const addresses = bindings.map(b => this.address(b, 'run'))
      const shape = program.shapeFor(symbols)
      this.reserveScratch(shape.scratch)
      const held = program.spare.pop() ?? this.newBlock(program)
      const { block } = held
      const values = Array.from(scalars)
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const finish = (failure?: unknown): void => {
        const error = failure ?? this.outside(program, held)
        if (program.disposed) this.heap.release(block)
        else program.spare.push(held)
        if (error === undefined) resolve()
        else reject(error)
      }
      const go = (): void => {
        this.fill(program, held, addresses, values, shape)
        if (watch) {
          const watched = this.submitOneByOne(block.address, program.kernels.length, watch)
          this.gate(watched, () => {})
          watched.then(
            () => finish(),
            error => finish(this.lost('profile', error)),
          )
          return
        }
        this.submit(block.address, program.kernels.length).then(
          () => finish(),
          error => finish(this.lost(this.nameOf(program, error), error)),
        )
      }
      this.enqueue(() => {
        if (program.settled) go()
        else {
          // behind the gate the kernels are there, or have failed to compile
          this.gate(program.ready!, () => {
            if (program.settled) go()
            else program.ready!.catch(error => finish(this.lost(program.kernels[0].kernel.name, error)))
          })
        }
      })
      return promise
    } catch (error) {
      return Promise.reject(error)
    }
  }

  private newBlock({ blockBytes, kernels }: WasmExecutable): RunBlock {
    const block = this.heap.allocate(blockBytes, kernels[0]?.kernel.name ?? 'run')
    return { block, shape: null, addresses: [], scalars: [] }
  }

  /** Brings a block up to date: all of it when it is new or sizes differ, else the addresses and numbers that moved. */
  private fill(
    program: WasmExecutable,
    held: RunBlock,
    addresses: readonly number[],
    scalars: readonly number[],
    shape: RunShape,
  ): void {
    const { block } = held
    const view = new DataView(this.memory.buffer, block.address, block.bytes)
    if (held.shape !== shape) this.layOut(program, view, block, shape)
    const { addressAt, scalarAt } = program
    const all = held.shape !== shape
    for (let slot = 0; slot < addresses.length; slot++) {
      if (!all && held.addresses[slot] === addresses[slot]) continue
      for (const at of addressAt[slot]) view.setUint32(at, addresses[slot], true)
    }
    for (let slot = 0; slot < scalarAt.length; slot++) {
      if (!all && Object.is(held.scalars[slot], scalars[slot])) continue
      for (const { at, dtype } of scalarAt[slot]) writeScalar(view, at, dtype, scalars[slot])
    }
    held.shape = shape
    held.addresses = addresses
    held.scalars = scalars
  }

  /** What kernels told of indices outside of their axis; the words are clean again. */
  private outside({ checks }: WasmExecutable, { block, shape }: RunBlock): IndexError | undefined {
    if (checks.length === 0 || shape === null) return undefined
    const view = new DataView(this.memory.buffer, block.address, block.bytes)
    let found: IndexError | undefined
    for (const { at, check, part } of checks) {
      const index = view.getInt32(at, true)
      // 0 is inside of every axis
      if (index === 0) continue
      found ??= outsideAxis(check.by, check.axis, index, evaluateDim(check.size, symbolsOfPart(part, shape.symbols)))
      view.setInt32(at, 0, true)
    }
    return found
  }

  /** Writes the tape, the tables of parts and the sizes. */
  private layOut(program: WasmExecutable, view: DataView, block: Block, { plans, symbols }: RunShape): void {
    const { kernels, offsets } = program
    const steps = kernels.map((loaded, i) => {
      const { items, grain, starts, partition, each } = plans[i]
      const parts = partsOf(program.program.launches[i])
      const { dims, dimWord } = loaded.layout
      parts.forEach((part, p) => {
        const at = program.paramsAt(i, p)
        const own = symbolsOfPart(part, symbols)
        for (const d of dims) view.setInt32(at + 4 * dimWord.get(dimKey(d))!, evaluateDim(d, own), true)
      })
      if (loaded.partitionWord >= 0) view.setInt32(offsets[i] + 4 * loaded.partitionWord, partition, true)
      if (parts.length > 1) {
        view.setInt32(offsets[i], parts.length, true)
        parts.forEach((_, p) => {
          const entry = offsets[i] + 4 * (partsHeader + p * partWords)
          const words = [starts[p], starts[p + 1], each[p], block.address + program.paramsAt(i, p)]
          words.forEach((word, w) => {
            view.setUint32(entry + 4 * w, word, true)
          })
        })
      }
      return { kernel: loaded.code.index, params: block.address + offsets[i], items, grain }
    })
    for (const { at } of program.checks) view.setInt32(at, 0, true)
    writeTape(this.memory, block.address, steps)
  }

  /** Scratch for all threads; what was used before stays until the runs queued before have ended. */
  private reserveScratch(bytes: number): void {
    const each = align(bytes, 128)
    if (each <= this.scratchBytes) return
    const block = this.heap.allocate(each * this.threads, 'scratch')
    const old = this.scratch
    this.scratch = block
    this.scratchBytes = each
    this.enqueue(() => {
      this.pool.setScratch(block.address, each)
      if (old) this.last.then(() => this.heap.release(old))
    })
  }

  private nameOf(program: WasmExecutable, error: unknown): string {
    return error instanceof KernelTrapError ? program.kernels[error.step].kernel.name : 'run'
  }

  private lost(op: string, error: unknown): CairnError {
    if (error instanceof CairnError) return error
    const reason = error instanceof KernelTrapError ? 'the kernel failed' : 'the device was lost'
    return new DeviceLostError(op, `${reason}: ${error instanceof Error ? error.message : error}`)
  }

  private check(op: string): void {
    if (this.closed) throw new DeviceLostError(op, 'the backend was disposed')
  }

  async dispose(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.settle()
    await this.pool.dispose()
  }
}

/** How a launch is cut: the items of its parts in a row. */
interface PartsPlan extends LaunchPlan {
  readonly starts: readonly number[]
  /** items of each part */
  readonly each: readonly number[]
}

function planOf(loaded: LoadedKernel, launch: Launch, symbols: ArrayLike<number>): PartsPlan {
  const plans = partsOf(launch).map(part => loaded.plan(symbolsOfPart(part, symbols)))
  const each = plans.map(p => p.items)
  const starts = placeParts(each, loaded.kernel.kind === 'loop' && loaded.kernel.vector)
  return {
    items: plans.length === 1 ? each[0] : starts[plans.length],
    // pieces of a small part would be too small a chunk: the largest grain fits all
    grain: plans.reduce((most, p) => Math.max(most, p.grain), 1),
    scratch: plans.reduce((most, p) => Math.max(most, p.scratch), 0),
    partition: plans[0].partition,
    starts,
    each,
  }
}

function writeScalar(view: DataView, byte: number, dtype: ComputeType, value: number): void {
  switch (dtype) {
    case 'f32':
      view.setFloat32(byte, value, true)
      break
    case 'f64':
      view.setFloat64(byte, value, true)
      break
    case 'i32':
    case 'u32':
      view.setInt32(byte, value, true)
      break
    case 'bool':
      view.setInt32(byte, Number(value !== 0), true)
      break
    case 'i64':
      view.setBigInt64(byte, BigInt(Math.trunc(value)), true)
      break
    default:
      dtype satisfies never
  }
}

/** The typed array of a dtype over bytes. */
function view(dtype: DType, buffer: ArrayBuffer, elements: number): TypedArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, 0, elements)
    case 'f64':
      return new Float64Array(buffer, 0, elements)
    case 'f16':
    case 'bf16':
      return new Uint16Array(buffer, 0, elements)
    case 'i32':
      return new Int32Array(buffer, 0, elements)
    case 'u32':
      return new Uint32Array(buffer, 0, elements)
    case 'i8':
      return new Int8Array(buffer, 0, elements)
    case 'u8':
    case 'bool':
      return new Uint8Array(buffer, 0, elements)
    case 'i64':
      return new BigInt64Array(buffer, 0, elements)
    default:
      return dtype satisfies never
  }
}

// The WebGPU backend: the contract of backends/backend.ts over the queue, the allocator and the runner.
//
// Numbers, where they differ from a CPU's: subnormal f32 may be flushed to 0, a quotient or square root may be off by 2 or 3 ULP,
// and sums may be fused or reordered by the driver; NaN and infinities come out as on a CPU. Arithmetic on f16 and bf16 is f32's, rounded when stored, on
// every device; what they take in memory depends on it (stored.ts).

import { debuggingAnything } from '../../debug.ts'
import type { DType, TypedArray } from '../../dtype.ts'
import { DeviceError, DeviceLostError } from '../../errors.ts'
import type { Kernel } from '../../kernel/ir.ts'
import type { Backend, Binding, DeviceBuffer, Executable, Limits, Program, WatchLaunch } from '../backend.ts'
import { type Block, Buffers, refused } from './buffers.ts'
import { type OpenDevice, openDevice } from './device.ts'
import { fromDevice, toDevice } from './host.ts'
import { loadMatrixUnits, loadTemplates } from './kernels.ts'
import { Pipelines } from './pipelines.ts'
import type { Printed } from './print.ts'
import { DeviceQueue } from './queue.ts'
import { alignment, type LoadedProgram, lost, Runner, type RunnerLimits } from './runner.ts'
import { storedBytes, storedDTypes } from './stored.ts'
import { subgroupWidth } from './subgroups.ts'
import type { Choices } from './tuning/choices.ts'
import type { TuningLimits } from './tuning/space.ts'
import type { Tuned, TunerTest } from './tuning/tune.ts'

export interface WebGPUOptions {
  /** bytes that the backend may hold; the device's own limit by default */
  readonly maxBytes?: number
  /** whether templates and submits are chosen as for a CPU pretending to be a GPU; default: whether it is one */
  readonly software?: boolean
  /** whether f16 takes two bytes in GPU memory rather than an f32's four; default: whether the device has `shader-f16` */
  readonly half?: boolean
  /** Measures kernels that it has not met before in the background, while programs run; `tune()` does so when called. Default: false. */
  readonly tune?: boolean
  /**
   * Where what was measured is kept: in Node a folder (default: `cairn` in the user's cache folder, which XDG_CACHE_HOME moves), in browsers a name in
   * Cache Storage. false: nowhere, and nothing is looked up. A software device looks up nothing unless this is given.
   */
  readonly tuningCache?: string | false
}

/** Where texts are kept from run to run; `place` is the option `tuningCache`, where it names one. */
export interface Keeper {
  read(name: string, place?: string): Promise<string | undefined>
  write(name: string, text: string, place?: string): Promise<void>
}

export interface WebGPUBackend extends Backend {
  /** A CPU pretending to be a GPU: right for tests, never for 'auto'. */
  readonly software: boolean
  /** neighbouring threads that can exchange values, 1 where none can */
  readonly subgroup: number
  /** f16 takes two bytes */
  readonly half: boolean
  /** vendor, architecture and driver */
  readonly description: string
  /** bytes of all GPU memory held: what is in use, what waits for reuse, transfers under way */
  readonly bytesHeld: number
  /** pipelines compiled and cached */
  readonly pipelines: number
  readonly device: GPUDevice
  /** Measures what has been run and was not measured before, and uses the fastest from the next run on. */
  tune(testing?: TunerTest): Promise<Tuned[]>
  /** Uses `printed` for a kernel: to test or measure a template that would not be chosen. */
  preset(kernel: Kernel, printed: Printed): void
  /** Sets the estimate by which programs are cut into submits: operations a millisecond. */
  assumeSpeed(operations: number): void
}

/** @throws DeviceError where there is no WebGPU or no adapter, saying what to install */
export async function createWebGPUBackend(
  options: WebGPUOptions = {},
  keeper: Keeper | null = null,
): Promise<WebGPUBackend> {
  const opened = await openDevice()
  if (options.half && !opened.device.features.has('shader-f16'))
    throw new DeviceError(
      'webgpu',
      'this GPU has no f16 in memory (no `shader-f16`); leave out `half`: f16 is then emulated',
    )
  const backend = new Implementation(opened, await subgroupWidth(opened.device), options, keeper)
  await backend.recall()
  return backend
}

class Implementation implements WebGPUBackend {
  readonly name = 'webgpu'
  readonly limits: Limits
  readonly software: boolean
  readonly description: string
  readonly subgroup: number
  readonly half: boolean
  readonly device: GPUDevice
  private readonly queue: DeviceQueue
  private readonly buffers: Buffers
  private readonly compiled: Pipelines
  private readonly runner: Runner
  private readonly options: WebGPUOptions
  private readonly keeper: Keeper | null
  private readonly tuningLimits: TuningLimits & RunnerLimits
  private choices: Choices | null = null
  private tuning: Promise<unknown> | null = null

  constructor(
    { device, matrices, software, description }: OpenDevice,
    subgroup: number,
    options: WebGPUOptions,
    keeper: Keeper | null,
  ) {
    this.device = device
    this.software = software
    this.description = description
    this.subgroup = subgroup
    this.half = options.half ?? device.features.has('shader-f16')
    const slow = options.software ?? software
    const { limits } = device
    const checked = debuggingAnything()
    this.limits = {
      alignment,
      buffersPerKernel: limits.maxStorageBuffersPerShaderStage - Number(checked),
      bufferBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
      scratch: false,
      parts: false,
      splitAttention: true,
      columnPiece: slow ? 0 : 256,
      sortedScatter: !slow,
      narrowProducts: true,
      dtypes: new Set(storedDTypes),
    }
    this.queue = new DeviceQueue(device, slow)
    this.buffers = new Buffers(
      device,
      this.queue,
      options.maxBytes ?? Number.POSITIVE_INFINITY,
      this.limits.bufferBytes,
    )
    this.compiled = new Pipelines(device)
    this.options = options
    // tests and counts on a software device must not depend on what lies in a folder of the user's
    this.keeper = options.tuningCache === false || (software && options.tuningCache === undefined) ? null : keeper
    this.tuningLimits = {
      matrices,
      threads: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
      workgroupBytes: limits.maxComputeWorkgroupStorageSize,
      software: slow,
      subgroup,
      half: this.half,
      checked,
      buffersPerKernel: this.limits.buffersPerKernel,
      workgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    }
    this.runner = new Runner(device, this.queue, this.buffers, this.compiled, this.tuningLimits)
  }

  get bytesInUse(): number {
    return this.buffers.inUse
  }

  get bytesHeld(): number {
    return this.buffers.held
  }

  get submits(): number {
    return this.queue.submits
  }

  get pipelines(): number {
    return this.compiled.size
  }

  storedBytes(dtype: DType, elements: number): number {
    return elements * storedBytes(dtype, this.half)
  }

  allocate(bytes: number): DeviceBuffer {
    this.queue.check()
    return this.buffers.allocate(bytes)
  }

  free(buffer: DeviceBuffer): void {
    this.buffers.free(buffer)
  }

  write(target: Binding, dtype: DType, data: TypedArray): void {
    this.queue.check()
    const block = this.buffers.blockOf(target)
    const at = this.buffers.offsetOf(target)
    const now = this.queue.idle && !block.pending
    let words = toDevice(dtype, data, this.half)
    if (!now && words === data) words = words.slice()
    if (words.length === 0) return
    this.queue.enqueue({
      waits: () => block.pending,
      start: () => {
        if (block.failed) return
        this.queue.submit()
        this.device.queue.writeBuffer(block.gpu, at, words as Float32Array<ArrayBuffer>)
      },
      fail: () => {},
    })
  }

  read(source: Binding, dtype: DType, elements: number): Promise<TypedArray> {
    const { promise, resolve, reject } = this.queue.promise<TypedArray>()
    let staging: Block | null = null
    const fail = (error: unknown): void => {
      if (staging) this.buffers.give(staging)
      staging = null
      reject(error)
    }
    try {
      const block = this.buffers.blockOf(source)
      const at = this.buffers.offsetOf(source)
      const bytes = Math.ceil(this.storedBytes(dtype, elements) / 4) * 4
      if (bytes === 0) {
        this.queue.enqueue({
          waits: () => null,
          start: () => resolve(fromDevice(dtype, new ArrayBuffer(0), 0, this.half)),
          fail,
        })
        return promise
      }
      const receive = async (from: Block): Promise<void> => {
        await from.gpu.mapAsync(1, 0, bytes)
        const data = fromDevice(dtype, from.gpu.getMappedRange(0, bytes), elements, this.half)
        from.gpu.unmap()
        this.buffers.give(from)
        staging = null
        if (this.queue.failure) throw this.queue.failure
        resolve(data)
      }
      this.queue.enqueue({
        waits: () => {
          if (block.pending) return block.pending
          if (!block.failed) staging ??= this.buffers.take(bytes, 'staging')
          return staging?.pending ?? null
        },
        start: () => {
          if (block.failed) throw refused(block)
          const into = staging!
          if (into.failed) throw refused(into)
          this.queue.transfer().copyBufferToBuffer(block.gpu, at, into.gpu, 0, bytes)
          this.queue.onSubmit(() => void receive(into).catch(reason => fail(this.queue.failure ?? lost(reason))))
        },
        fail,
      })
    } catch (error) {
      fail(error)
    }
    return promise
  }

  copy(source: Binding, target: Binding): void {
    this.queue.check()
    const [from, to] = [this.buffers.blockOf(source), this.buffers.blockOf(target)]
    const [begin, into] = [this.buffers.offsetOf(source), this.buffers.offsetOf(target)]
    const bytes = Math.ceil(source.bytes / 4) * 4
    if (bytes === 0) return
    // WebGPU copies between two buffers only
    const between = from === to ? this.buffers.take(bytes, 'storage') : null
    const blocks = between ? [from, between, to] : [from, to]
    this.queue.enqueue({
      waits: () => blocks.find(b => b.pending)?.pending ?? null,
      start: () => {
        if (blocks.some(b => b.failed)) {
          // what was not copied must not be read
          to.failed = true
          return
        }
        const encoder = this.queue.transfer()
        if (between) {
          encoder.copyBufferToBuffer(from.gpu, begin, between.gpu, 0, bytes)
          encoder.copyBufferToBuffer(between.gpu, 0, to.gpu, into, bytes)
        } else encoder.copyBufferToBuffer(from.gpu, begin, to.gpu, into, bytes)
      },
      fail: () => {},
    })
    if (between) this.buffers.give(between)
  }

  /** What kernels may use, for names of what is kept. */
  private get identity(): string {
    const { threads, workgroupBytes, subgroup, half, software, matrices, buffersPerKernel } = this.tuningLimits
    const can = { threads, workgroupBytes, subgroup, half, software, matrices, buffersPerKernel }
    return `${this.description} ${JSON.stringify(can)}`
  }

  private get place(): string | undefined {
    return this.options.tuningCache || undefined
  }

  private get keptAs(): string {
    let hash = 0x811c9dc5
    for (const c of this.identity) hash = Math.imul(hash ^ c.codePointAt(0)!, 0x01000193) >>> 0
    return `webgpu-${hash.toString(16)}.json`
  }

  /** Looks up what was measured on this device before. */
  async recall(): Promise<void> {
    const text = await this.keeper?.read(this.keptAs, this.place)
    if (text === undefined) return
    const { Choices } = await import('./tuning/choices.ts')
    const choices = new Choices(this.identity, this.tuningLimits)
    if (!choices.read(text)) return
    if (this.tuningLimits.matrices.length) await loadMatrixUnits()
    this.use(choices)
  }

  private use(choices: Choices): void {
    this.choices = choices
    this.runner.adopt((kernel, alias) => choices.find(kernel, alias))
  }

  /** Tunes once what is queued now has been started; again after that, if other programs came meanwhile. */
  private tuneSoon(): void {
    this.tuning ??= Promise.resolve()
      .then(() => new Promise(resolve => setTimeout(resolve, 0)))
      .then(() => {
        this.tuning = null
        return this.tune()
      })
      // a device that is lost rejects what runs on it
      .catch(() => {})
  }

  private turn: Promise<unknown> = Promise.resolve()

  tune(testing: TunerTest = {}): Promise<Tuned[]> {
    const next = this.turn.then(() => this.tuneNow(testing))
    this.turn = next.catch(() => {})
    return next
  }

  private async tuneNow(testing: TunerTest): Promise<Tuned[]> {
    this.queue.check()
    const [{ tuneAll }, { Choices }] = await Promise.all([import('./tuning/tune.ts'), import('./tuning/choices.ts')])
    if (this.tuningLimits.matrices.length) await loadMatrixUnits()
    const choices = this.choices ?? new Choices(this.identity, this.tuningLimits)
    const on = { device: this.device, pipelines: this.compiled, limits: this.tuningLimits, half: this.half, ...testing }
    const tuned = await tuneAll(on, choices, [...this.runner.met()]).catch(async reason => {
      // what a lost device refuses comes before the news of its loss
      await new Promise(resolve => setTimeout(resolve, 0))
      throw this.queue.failure ?? reason
    })
    if (tuned.length === 0) return tuned
    this.use(choices)
    await this.keep(choices)
    return tuned
  }

  private async keep(choices: Choices): Promise<void> {
    if (!this.keeper) return
    // what another process has measured meanwhile stays
    const text = await this.keeper.read(this.keptAs, this.place)
    if (text !== undefined) choices.read(text)
    await this.keeper
      .write(this.keptAs, String(choices), this.place)
      .catch(error =>
        console.warn(
          `cairn: what was measured on the GPU could not be kept: ${error instanceof Error ? error.message : error}`,
        ),
      )
  }

  preset(kernel: Kernel, printed: Printed): void {
    this.runner.preset(kernel, printed)
  }

  assumeSpeed(operations: number): void {
    this.queue.rate = operations
  }

  prepare({ launches }: Program): Promise<unknown> | null {
    return loadTemplates(launches.map(l => l.kernel))
  }

  load(program: Program): Executable {
    this.queue.check()
    return this.runner.load(program)
  }

  run(
    executable: Executable,
    bindings: readonly Binding[],
    scalars: ArrayLike<number>,
    symbols: ArrayLike<number>,
    watch?: WatchLaunch,
  ): Promise<void> {
    const loaded = executable as LoadedProgram
    if (this.options.tune && loaded.latestSymbols === null) this.tuneSoon()
    if (!watch) return this.runner.run(loaded, bindings, scalars, symbols)
    return this.runOneByOne(loaded.program, launch => this.runner.run(launch, bindings, scalars, symbols), watch)
  }

  /** Each launch as a submit of its own, all queued now: one took the time from the end of the one before to its own. */
  private async runOneByOne(
    program: Program,
    run: (alone: LoadedProgram) => Promise<void>,
    watch: WatchLaunch,
  ): Promise<void> {
    let before = 0
    const runs = program.launches.map(async (launch, i) => {
      const alone = this.runner.load({ ...program, launches: [launch] })
      const called = performance.now()
      const ended = run(alone)
      this.queue.enqueue({ waits: () => null, start: () => this.queue.submit(), fail: () => {} })
      try {
        await ended
        const end = performance.now()
        watch(i, Math.min(end, Math.max(called, before)), end)
        before = end
      } finally {
        alone[Symbol.dispose]()
      }
    })
    await Promise.all(runs)
  }

  async dispose(): Promise<void> {
    if (!this.queue.failure) {
      // what was queued before is finished first
      const { promise, resolve } = this.queue.promise<void>()
      this.queue.afterSubmit(() => void this.queue.done().then(resolve, () => resolve()))
      await promise.catch(() => {})
    }
    this.queue.fail(new DeviceLostError('webgpu', 'the device was disposed'))
    this.device.destroy()
    this.buffers.inUse = this.buffers.held = 0
  }
}

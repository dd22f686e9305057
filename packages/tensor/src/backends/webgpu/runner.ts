// Runs programs: resolves slots to memory, fills the parameter block, keeps bind groups from run to run, and encodes the
// launches. What a run needs from the host is fixed when it is called; encoding happens in its turn of the queue.

import { type CairnError, DeviceError, DeviceLostError, outsideAxis } from '../../errors.ts'
import { type Dim, evaluateDim } from '../../kernel/dim.ts'
import type { Bounded, Kernel } from '../../kernel/ir.ts'
import type { Launch } from '../../kernel/launch.ts'
import type { Binding, Executable, Program } from '../backend.ts'
import { type Block, type Buffers, refused } from './buffers.ts'
import type { Choice } from './choose.ts'
import { printKernel } from './kernels.ts'
import type { Compiled, Pipelines } from './pipelines.ts'
import type { Printed, Shader } from './print.ts'
import type { DeviceQueue } from './queue.ts'
import { storedBytes } from './stored.ts'
import type { ThreadLimits } from './strategy.ts'
import type { Met } from './tuning/tune.ts'
import { type Field, fillUniforms } from './uniforms.ts'
import { evaluateWork, type Work, workOf } from './work.ts'

export interface RunnerLimits extends ThreadLimits {
  /** indices outside of their axis are told: one more buffer a kernel, and a look at it after each run */
  readonly checked: boolean
  /** f16 takes two bytes (stored.ts) */
  readonly half: boolean
  readonly buffersPerKernel: number
  readonly workgroupsPerDimension: number
}

/** Offsets of uniform and storage bindings. */
export const alignment = 256

/** Bind groups kept for one launch: memory alternates between few places. */
const groupsKept = 4

/** A kernel's shaders, which run one after the other: parameters are their own, pipelines may serve others. */
interface Variant {
  readonly stages: readonly Stage[]
  /** floats of scratch memory, or null */
  readonly scratch: Dim | null
}

interface Stage {
  readonly shader: Shader
  readonly compiled: Compiled
}

/** A slot's memory, resolved when a run is called. */
interface Place {
  readonly block: Block
  readonly offset: number
  readonly bytes: number
}

interface Group {
  /** block number, offset and bytes of each buffer */
  readonly key: Float64Array
  /** one a stage */
  readonly groups: readonly GPUBindGroup[]
  readonly variant: Variant
}

/**
 * A program's dispatches as they are encoded, one after the other: what a replay reads for each is one entry of a few arrays. Made when a run is encoded, in
 * its turn; the next run changes the entries of launches whose memory moved.
 */
class Dispatches {
  readonly pipelines: GPUComputePipeline[] = []
  readonly groups: GPUBindGroup[] = []
  /** workgroups along each dimension */
  readonly columns: number[] = []
  readonly rows: number[] = []
  /** estimated operations of the launch that ends here; 0 where it goes on */
  readonly work: number[] = []
  /** of all */
  total = 0
  /** of each launch, the first of its entries; then the number of all */
  readonly first: number[] = []
  /** the bound run that they are of (`BoundRun.number`) */
  shows = -1
}

interface LaunchState {
  readonly launch: Launch
  readonly work: Work
  /** the program's slot of each buffer, then that of scratch memory if there is any */
  readonly slots: readonly number[]
  /** byte offset of each stage's parameters */
  readonly at: readonly number[]
  /** byte offset of what each stage tells of indices */
  readonly outsideAt: readonly number[]
  readonly groups: Group[]
}

/** What the launches of a run bind. */
interface BoundRun {
  /** counts the bound runs of a program */
  readonly number: number
  readonly extent: Extent
  /** as they were when it was called: a program may be compiled again before its turn comes */
  readonly launches: readonly LaunchState[]
  readonly bindings: readonly Binding[]
  readonly places: readonly Place[]
  readonly variants: readonly (Variant | null)[]
  /** launches that bind other memory than in the bound run before; null: any may */
  readonly moved: readonly number[] | null
  readonly dispatches: Dispatches
  /** all pipelines and allocations were there once */
  settled: boolean
}

/** What depends on sizes only. */
interface Extent {
  readonly symbols: Float64Array
  /** launches that have something to do */
  readonly busy: readonly boolean[]
  readonly work: readonly number[]
  /** bytes of scratch memory: the most that a launch needs */
  readonly scratch: number
}

export class Runner {
  private readonly device: GPUDevice
  private readonly queue: DeviceQueue
  private readonly buffers: Buffers
  private readonly pipelines: Pipelines
  private readonly limits: RunnerLimits
  private printed = new WeakMap<Kernel, Map<string, Variant>>()
  private readonly presets = new WeakMap<Kernel, Printed>()
  /** what was measured to be the fastest for a kernel (tuning/) */
  private choose: (kernel: Kernel, alias: readonly number[]) => Choice | null = () => null
  /** choices so far: programs loaded under older ones are compiled again when they run next */
  private generation = 0
  private readonly programs = new Set<LoadedProgram>()
  /** bound where a kernel's buffer has no bytes */
  private nothing: Block | null = null
  /** what stages of one launch leave for each other; launches run one after the other, so they share it */
  private scratch: Block | null = null

  constructor(device: GPUDevice, queue: DeviceQueue, buffers: Buffers, pipelines: Pipelines, limits: RunnerLimits) {
    this.device = device
    this.queue = queue
    this.buffers = buffers
    this.pipelines = pipelines
    this.limits = limits
  }

  load(program: Program): LoadedProgram {
    const loaded = new LoadedProgram(program, this.buffers, this.programs)
    this.compileAll(loaded)
    this.programs.add(loaded)
    return loaded
  }

  private compileAll(loaded: LoadedProgram): void {
    loaded.compile(this.generation, kernel => this.variant(kernel, identity(kernel.buffers.length)))
  }

  /** Takes over other choices of templates. */
  adopt(choose: (kernel: Kernel, alias: readonly number[]) => Choice | null): void {
    this.choose = choose
    this.printed = new WeakMap()
    this.generation++
  }

  /** The kernels that were run, with the sizes of their last run. */
  *met(): Iterable<Met> {
    for (const { latestSymbols: symbols, launches } of this.programs)
      if (symbols) for (const { launch } of launches) yield { kernel: launch.kernel, symbols }
  }

  run(
    loaded: LoadedProgram,
    bindings: readonly Binding[],
    scalars: ArrayLike<number>,
    symbols: ArrayLike<number>,
  ): Promise<void> {
    const { promise, resolve, reject } = this.queue.promise<void>()
    try {
      if (loaded.generation !== this.generation) this.compileAll(loaded)
      const extent = loaded.extentFor(symbols)
      const scratch = extent.scratch > 0 ? this.scratchFor(extent.scratch) : null
      const words = loaded.wordsFor(scalars, symbols, extent)
      const bound = loaded.boundFor(extent, bindings, scratch, (launch, places) => this.bound(launch, places, symbols))
      const { parameters, outside, outsideBytes, checks } = loaded
      const told = outside && this.buffers.take(outsideBytes, 'staging')
      this.queue.enqueue({
        waits: () => pendingOf(bound, parameters) ?? outside?.pending ?? told?.pending ?? null,
        start: () => {
          checkBound(bound)
          for (const block of [parameters, outside, told]) if (block?.failed) throw refused(block)
          if (outside) this.queue.transfer().clearBuffer(outside.gpu, 0, outsideBytes)
          this.encode(loaded, parameters, outside, bound, words)
          if (told) {
            this.queue.transfer().copyBufferToBuffer(outside!.gpu, 0, told.gpu, 0, outsideBytes)
            this.queue.onSubmit(() => void this.look(checks, outsideBytes, told, symbols).then(resolve, reject))
            return
          }
          this.queue.onSubmit(
            () =>
              void this.queue.done().then(
                () => resolve(),
                reason => reject(lost(reason)),
              ),
          )
        },
        fail: reject,
      })
    } catch (error) {
      reject(error)
    }
    return promise
  }

  /** @throws IndexError for the first index outside of its axis that the kernels told of */
  private async look(
    checks: LoadedProgram['checks'],
    bytes: number,
    told: Block,
    symbols: ArrayLike<number>,
  ): Promise<void> {
    try {
      await told.gpu.mapAsync(1, 0, bytes)
    } catch (reason) {
      throw lost(reason)
    }
    const words = new Int32Array(told.gpu.getMappedRange(0, bytes).slice(0))
    told.gpu.unmap()
    this.buffers.give(told)
    for (const { word, check } of checks)
      if (words[word] !== 0) throw outsideAxis(check.by, check.axis, words[word], evaluateDim(check.size, symbols))
  }

  private encode(
    loaded: LoadedProgram,
    parameters: Block | null,
    outside: Block | null,
    bound: BoundRun,
    words: Uint32Array,
  ): void {
    if (parameters && loaded.onDevice !== words) {
      loaded.onDevice = words
      // host writes take effect between submits
      this.queue.submit()
      this.device.queue.writeBuffer(parameters.gpu, 0, words as Uint32Array<ArrayBuffer>)
    }
    const { dispatches } = bound
    if (dispatches.shows !== bound.number) this.show(bound, parameters, outside)
    const { pipelines, groups, columns, rows, work, total } = dispatches
    const counted = !this.queue.takesWork(total)
    let pipeline: GPUComputePipeline | null = null
    let pass: GPUComputePassEncoder | null = null
    for (let i = 0; i < pipelines.length; i++) {
      if (!pass) {
        pass = this.queue.compute()
        pipeline = null
      }
      if (pipelines[i] !== pipeline) pass.setPipeline((pipeline = pipelines[i]))
      pass.setBindGroup(0, groups[i])
      if (rows[i] === 1) pass.dispatchWorkgroups(columns[i])
      else pass.dispatchWorkgroups(columns[i], rows[i])
      if (counted && this.queue.addWork(work[i])) {
        this.queue.submit()
        pass = null
      }
    }
    if (!counted) this.queue.addWork(total)
  }

  /** Brings a program's dispatches to what a run binds. */
  private show(bound: BoundRun, parameters: Block | null, outside: Block | null): void {
    const { dispatches, launches, places, variants, moved } = bound
    if (moved && dispatches.shows === bound.number - 1)
      for (const i of moved) {
        const variant = variants[i]
        if (!variant) continue
        const groups = this.group(launches[i], variant, places, parameters, outside)
        const at = dispatches.first[i]
        // as many as before, unless its buffers have come to share memory, or ceased to
        if (dispatches.first[i + 1] - at !== groups.length) {
          this.showAll(bound, parameters, outside)
          return
        }
        for (let stage = 0; stage < groups.length; stage++) {
          dispatches.groups[at + stage] = groups[stage]
          this.showStage(bound, variant, i, stage)
        }
      }
    else this.showAll(bound, parameters, outside)
    dispatches.shows = bound.number
  }

  private showAll(bound: BoundRun, parameters: Block | null, outside: Block | null): void {
    const { dispatches, extent, launches, places, variants } = bound
    const { pipelines, groups, columns, rows, work, first } = dispatches
    for (const list of [pipelines, groups, columns, rows, work, first]) list.length = 0
    dispatches.total = 0
    launches.forEach((launch, i) => {
      first.push(pipelines.length)
      const variant = variants[i]
      if (!variant) return
      groups.push(...this.group(launch, variant, places, parameters, outside))
      for (let stage = 0; stage < variant.stages.length; stage++) this.showStage(bound, variant, i, stage)
      dispatches.total += extent.work[i]
    })
    first.push(pipelines.length)
    dispatches.shows = bound.number
  }

  private showStage({ dispatches, extent }: BoundRun, { stages }: Variant, launch: number, stage: number): void {
    const { shader, compiled } = stages[stage]
    const at = dispatches.first[launch] + stage
    const count = shader.workgroups(d => evaluateDim(d, extent.symbols))
    const rows = count > this.limits.workgroupsPerDimension ? Math.ceil(Math.sqrt(count)) : 1
    dispatches.pipelines[at] = compiled.pipeline!
    dispatches.columns[at] = Math.ceil(count / rows)
    dispatches.rows[at] = rows
    dispatches.work[at] = stage === stages.length - 1 ? extent.work[launch] : 0
  }

  private group(
    state: LaunchState,
    variant: Variant,
    places: readonly Place[],
    parameters: Block | null,
    outside: Block | null,
  ): readonly GPUBindGroup[] {
    const { groups, slots } = state
    for (let i = 0; i < groups.length; i++) {
      if (groups[i].variant !== variant || !sameKey(groups[i].key, slots, places)) continue
      const [found] = groups.splice(i, 1)
      groups.push(found)
      return found.groups
    }
    const made = this.makeGroup(state, variant, places, parameters, outside)
    groups.push(made)
    if (groups.length > groupsKept) groups.shift()
    return made.groups
  }

  private makeGroup(
    state: LaunchState,
    variant: Variant,
    places: readonly Place[],
    parameters: Block | null,
    outside: Block | null,
  ): Group {
    const { launch, slots } = state
    const used = slots.map(slot => places[slot])
    const alias = aliases(launch.kernel, used)
    // equal places share a binding; of places that begin together it is the longest
    const entries: GPUBindGroupEntry[] = []
    for (let i = 0; i < used.length; i++) {
      const { block, offset } = used[i]
      if (entries[alias[i]]) continue
      let size = used[i].bytes
      for (let j = i + 1; j < used.length; j++) if (alias[j] === alias[i]) size = Math.max(size, used[j].bytes)
      const resource =
        size > 0
          ? { buffer: block.gpu, offset, size: Math.ceil(size / 4) * 4 }
          : { buffer: this.emptyBlock().gpu, offset: i * alignment, size: alignment }
      entries[alias[i]] = { binding: alias[i], resource }
    }
    const groups = variant.stages.map(({ shader, compiled }, stage) => {
      const own = [...entries]
      if (shader.fields.length > 0) {
        const size = Math.ceil(shader.fields.length / 4) * 16
        const resource = { buffer: parameters!.gpu, offset: state.at[stage], size }
        own.push({ binding: shader.bindings, resource })
      }
      const { length: checks } = shader.checks ?? []
      if (checks > 0) {
        const resource = { buffer: outside!.gpu, offset: state.outsideAt[stage], size: 4 * checks }
        own.push({ binding: shader.bindings + 1, resource })
      }
      return this.device.createBindGroup({ layout: compiled.layout, entries: own })
    })
    const key = new Float64Array(used.length * 3)
    used.forEach(({ block, offset, bytes }, i) => void key.set([block.id, offset, bytes], i * 3))
    return { key, variant, groups }
  }

  /** Scratch memory of at least so many bytes; what it held is not kept. */
  private scratchFor(bytes: number): Block {
    if (this.scratch && this.scratch.size >= bytes && !this.scratch.failed) return this.scratch
    const grown = this.buffers.take(bytes, 'storage')
    if (this.scratch) this.buffers.give(this.scratch)
    return (this.scratch = grown)
  }

  /** Bindings of no bytes do not exist in WebGPU; these are never read. */
  private emptyBlock(): Block {
    this.nothing ??= this.buffers.take(alignment * (this.limits.buffersPerKernel + 1), 'storage')
    return this.nothing
  }

  /** The kernel compiled for these places: where two of its buffers are one, they share a binding. */
  private bound(launch: Launch, places: readonly Place[], symbols: ArrayLike<number>): Variant {
    const { kernel } = launch
    const used = launch.buffers.map(slot => places[slot])
    used.forEach((place, i) => {
      const { size, dtype } = kernel.buffers[i]
      const needs = evaluateDim(size, symbols) * storedBytes(dtype, this.limits.half)
      if (place.bytes < needs || place.offset % alignment !== 0)
        throw new DeviceError('webgpu', 'a binding does not fit its buffer', {
          kernel: kernel.name,
          buffer: i,
          dtype,
          needs,
          bytes: place.bytes,
          offset: place.offset,
        })
    })
    return this.variant(kernel, aliases(kernel, used))
  }

  /** Uses `printed` for a kernel: to test or measure a template that would not be chosen. */
  preset(kernel: Kernel, printed: Printed): void {
    this.presets.set(kernel, printed)
    this.printed.delete(kernel)
  }

  private compile({ name }: Kernel, { stages, scratch }: Printed): Variant {
    return { stages: stages.map(shader => ({ shader, compiled: this.pipelines.get(shader, name) })), scratch }
  }

  private variant(kernel: Kernel, alias: readonly number[]): Variant {
    let variants = this.printed.get(kernel)
    if (!variants) this.printed.set(kernel, (variants = new Map()))
    const key = alias.join()
    let variant = variants.get(key)
    if (!variant) {
      if (kernel.buffers.length > this.limits.buffersPerKernel)
        throw new DeviceError('webgpu', 'a kernel binds more buffers than this GPU allows', {
          kernel: kernel.name,
          buffers: kernel.buffers.length,
          limit: this.limits.buffersPerKernel,
        })
      const preset = key === identity(kernel.buffers.length).join() && this.presets.get(kernel)
      const print = (): Printed => printKernel(kernel, this.limits, alias, this.limits, this.choose(kernel, alias))
      variants.set(key, (variant = this.compile(kernel, preset || print())))
    }
    return variant
  }
}

/** A program with its parameter block. */
export class LoadedProgram implements Executable {
  readonly program: Program
  /** of the choices that it was compiled under */
  generation = -1
  launches: readonly LaunchState[] = []
  parameters: Block | null = null
  /** where checked kernels tell of indices outside of their axis */
  outside: Block | null = null
  outsideBytes = 0
  checks: { readonly check: Bounded; readonly word: number }[] = []
  private variants: readonly Variant[] = []
  private readonly buffers: Buffers
  /** the parameters that the block holds, once the queue is where it is now */
  onDevice: Uint32Array | null = null
  private words = new Uint32Array()
  private latest: Uint32Array | null = null
  private extent: Extent | null = null
  private bound: BoundRun | null = null
  private boundRuns = 0
  /** the launches that bind each slot */
  private users: number[][] = []
  /** the sizes in `words` */
  private sized: Extent | null = null
  /** where `words` mentions a number of the program */
  private scalarFields: { readonly at: number; readonly slot: number; readonly field: Field }[] = []
  /** those numbers, one for each mention */
  private mentioned = new Float64Array()
  private disposed = false
  private readonly among: Set<LoadedProgram>

  constructor(program: Program, buffers: Buffers, among: Set<LoadedProgram>) {
    this.program = program
    this.buffers = buffers
    this.among = among
  }

  get latestSymbols(): Float64Array | null {
    return this.extent?.symbols ?? null
  }

  /** Compiles it, or compiles it again for other choices of templates. */
  compile(generation: number, compile: (kernel: Kernel) => Variant): void {
    if (this.disposed) return
    const { program, buffers } = this
    this.generation = generation
    this.release()
    this.checks = []
    this.scalarFields = []
    this.outsideBytes = 0
    this.onDevice = this.latest = this.extent = this.sized = this.bound = null
    this.variants = program.launches.map(({ kernel }) => compile(kernel))
    let end = 0
    this.launches = program.launches.map((launch, i): LaunchState => {
      const { stages, scratch } = this.variants[i]
      const at: number[] = []
      const outsideAt: number[] = []
      for (const { shader } of stages) {
        const { fields, checks = [] } = shader
        at.push(end)
        outsideAt.push(this.outsideBytes)
        checks.forEach((check, c) => {
          this.checks.push({ check, word: this.outsideBytes / 4 + c })
        })
        this.outsideBytes += Math.ceil((checks.length * 4) / alignment) * alignment
        fields.forEach((field, f) => {
          if (field.kind === 'scalar')
            this.scalarFields.push({ at: end / 4 + f, slot: launch.scalars[field.slot], field })
        })
        // what a bind group shows of it is a multiple of 16 bytes
        end += Math.ceil((fields.length * 4) / alignment) * alignment
      }
      const slots = scratch ? [...launch.buffers, program.slots] : launch.buffers
      return { launch, work: workOf(launch.kernel), slots, at, outsideAt, groups: [] }
    })
    this.users = []
    this.launches.forEach(({ slots }, i) => {
      for (const slot of slots) (this.users[slot] ??= []).push(i)
    })
    this.words = new Uint32Array(end / 4)
    if (end > 0) this.parameters = buffers.take(end, 'uniform')
    if (this.outsideBytes > 0) this.outside = buffers.take(this.outsideBytes, 'storage')
  }

  extentFor(symbols: ArrayLike<number>): Extent {
    if (this.disposed) throw new DeviceError('webgpu', 'this executable was disposed')
    if (this.extent && sameNumbers(this.extent.symbols, symbols)) return this.extent
    const size = (d: Dim): number => evaluateDim(d, symbols)
    this.extent = {
      symbols: Float64Array.from(symbols),
      busy: this.variants.map(({ stages }) => stages.some(({ shader }) => shader.workgroups(size) > 0)),
      scratch: Math.max(0, ...this.variants.map(({ scratch }) => (scratch ? size(scratch) * 4 : 0))),
      work: this.launches.map(({ work }) => evaluateWork(work, size)),
    }
    return this.extent
  }

  /**
   * What each launch binds; `find` is asked only for a launch whose memory or sizes are others than in the run before.
   * @throws StaleError for a buffer that was freed
   */
  boundFor(
    extent: Extent,
    bindings: readonly Binding[],
    scratch: Block | null,
    find: (launch: Launch, places: readonly Place[]) => Variant,
  ): BoundRun {
    const before = this.bound?.extent === extent ? this.bound : null
    // a run that binds what the one before did comes with the same list
    if (before?.bindings === bindings && (!scratch || before.places[bindings.length].block === scratch)) return before
    const places = before ? before.places : []
    let now: Place[] | null = null
    const moved = new Set<number>()
    const put = (slot: number, block: Block, offset: number, bytes: number): void => {
      const old: Place | undefined = places[slot]
      if (old?.block === block && old.offset === offset && old.bytes === bytes) return
      now ??= places.slice()
      now[slot] = { block, offset, bytes }
      for (const launch of this.users[slot] ?? []) moved.add(launch)
    }
    for (let slot = 0; slot < bindings.length; slot++) {
      const binding = bindings[slot]
      const block = this.buffers.blockOf(binding)
      // the same binding of the same block: most of them, at each run but the first
      if (before?.bindings[slot] === binding && places[slot].block === block) continue
      put(slot, block, this.buffers.offsetOf(binding), binding.bytes)
    }
    if (scratch) put(bindings.length, scratch, 0, extent.scratch)
    if (before && !now) return before
    now ??= []
    const variants = before ? before.variants.slice() : new Array<Variant | null>(this.launches.length)
    for (const i of before ? moved : variants.keys())
      variants[i] = extent.busy[i] ? find(this.launches[i].launch, now) : null
    this.bound = {
      number: this.boundRuns++,
      extent,
      launches: this.launches,
      bindings,
      places: now,
      variants,
      moved: before && [...moved],
      dispatches: before ? before.dispatches : new Dispatches(),
      settled: false,
    }
    return this.bound
  }

  /** The parameter block of a run: the same array as for the run before when nothing has changed. */
  wordsFor(scalars: ArrayLike<number>, symbols: ArrayLike<number>, extent: Extent): Uint32Array {
    let same = this.latest !== null
    if (this.sized !== extent) {
      same = false
      this.sized = extent
      this.launches.forEach(({ launch, at }, i) =>
        this.variants[i].stages.forEach(({ shader }, stage) =>
          fillUniforms(shader.fields, this.words, at[stage] / 4, slot => scalars[launch.scalars[slot]], symbols),
        ),
      )
      this.mentioned = Float64Array.from(this.scalarFields, f => scalars[f.slot])
    } else
      for (let i = 0; i < this.scalarFields.length; i++) {
        const { at, slot, field } = this.scalarFields[i]
        if (sameNumber(this.mentioned[i], scalars[slot])) continue
        same = false
        this.mentioned[i] = scalars[slot]
        fillUniforms([field], this.words, at, () => scalars[slot], symbols)
      }
    if (!same) this.latest = this.words.slice()
    return this.latest!
  }

  [Symbol.dispose](): void {
    if (this.disposed) return
    this.disposed = true
    this.among.delete(this)
    this.release()
  }

  private release(): void {
    if (this.parameters) this.buffers.give(this.parameters)
    if (this.outside) this.buffers.give(this.outside)
    this.parameters = this.outside = null
    this.bound = null
    for (const { groups } of this.launches) groups.length = 0
  }
}

const identity = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/**
 * The binding of each buffer: places that begin together are one memory and share the first one's.
 * @throws DeviceError for places that overlap otherwise, which WebGPU cannot bind together
 */
function aliases(kernel: Kernel, used: readonly Place[]): number[] {
  const alias: number[] = []
  let bindings = 0
  used.forEach((a, i) => {
    const at = a.bytes === 0 ? -1 : used.findIndex((b, j) => j < i && b.block === a.block && overlaps(a, b))
    if (at >= 0 && used[at].offset !== a.offset)
      throw new DeviceError('webgpu', 'two buffers of a kernel overlap', { kernel: kernel.name, buffers: [at, i] })
    alias.push(at >= 0 ? alias[at] : bindings++)
  })
  return alias
}

const overlaps = (a: Place, b: Place): boolean =>
  b.bytes > 0 && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes

function sameKey(key: Float64Array, slots: readonly number[], places: readonly Place[]): boolean {
  for (let i = 0, at = 0; i < slots.length; i++, at += 3) {
    const { block, offset, bytes } = places[slots[i]]
    if (key[at] !== block.id || key[at + 1] !== offset || key[at + 2] !== bytes) return false
  }
  return true
}

/** `Object.is`, which makes an object of each number that comes out of a list. */
const sameNumber = (a: number, b: number): boolean =>
  a === b ? a !== 0 || 1 / a === 1 / b : Number.isNaN(a) && Number.isNaN(b)

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** What a run must wait for; what has come once stays. */
function pendingOf(bound: BoundRun, parameters: Block | null): Promise<void> | null {
  if (!bound.settled) {
    for (const variant of bound.variants)
      if (variant) for (const { compiled } of variant.stages) if (compiled.pending) return compiled.pending
    for (const { block } of bound.places) if (block.pending) return block.pending
    bound.settled = true
  }
  return parameters?.pending ?? null
}

/** @throws DeviceError, OutOfMemoryError for what was not compiled or allocated */
function checkBound({ variants, places, dispatches, number }: BoundRun): void {
  // pipelines that were encoded before are there
  if (dispatches.shows !== number)
    for (const variant of variants)
      if (variant) for (const { compiled } of variant.stages) if (compiled.error) throw compiled.error
  for (let i = 0; i < places.length; i++) if (places[i].block.failed) throw refused(places[i].block)
}

export const lost = (reason: unknown): CairnError =>
  new DeviceLostError('webgpu', `the device was lost: ${reason instanceof Error ? reason.message : String(reason)}`)

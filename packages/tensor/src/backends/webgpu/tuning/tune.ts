// Measures: every candidate of a class is compiled, held to the result of the untuned one, and timed on the device, by its own clock where it has
// timestamps. Loaded by who tunes. Memory, command buffers and errors are the tuner's own, so programs may run meanwhile.

import { type Dim, evaluateDim } from '../../../kernel/dim.ts'
import { f16ToNumber, numberToF16 } from '../../../kernel/half.ts'
import type { BufferParam, Kernel } from '../../../kernel/ir.ts'
import type { Choice } from '../choose.ts'
import { usage } from '../device.ts'
import { printKernel } from '../kernels.ts'
import type { Compiled, Pipelines } from '../pipelines.ts'
import type { Printed } from '../print.ts'
import { storedBytes, storedType } from '../stored.ts'
import { fillUniforms } from '../uniforms.ts'
import type { Choices } from './choices.ts'
import { classOf } from './classes.ts'
import { candidates, type TuningLimits } from './space.ts'

/** A kernel that was met, with the sizes that it was run for. */
export interface Met {
  readonly kernel: Kernel
  readonly symbols: ArrayLike<number>
}

export interface Tuned {
  /** the operation, layout, dtypes and rough sizes that were measured as one (powers of two) */
  readonly class: string
  /** what was chosen, in JSON */
  readonly choice: string
  /** milliseconds of one launch: as chosen, and untuned */
  readonly milliseconds: number
  readonly untuned: number
  /** candidates that were measured */
  readonly tried: number
}

/** What tests put in the place of the clock and of the printer. */
export interface TunerTest {
  /** milliseconds of a launch; `run` runs so many and says how long they took */
  readonly clock?: (choice: Choice, run: (launches: number) => Promise<number>) => Promise<number>
  readonly print?: typeof printKernel
}

export interface TunerDevice extends TunerTest {
  readonly device: GPUDevice
  readonly pipelines: Pipelines
  readonly limits: TuningLimits & { readonly workgroupsPerDimension: number }
  /** f16 takes two bytes (stored.ts) */
  readonly half: boolean
}

/** Milliseconds of launches that are timed together. */
const wanted = 4
/** Launches that are timed together, at most. */
const mostLaunches = 200
/** Bytes that one kernel's buffers may take while it is measured. */
const mostBytes = 2 ** 31
/** Bytes of each result that are compared. */
const compared = 2 ** 20
/** Candidates that go on to have the sum cut in every way. */
const finalists = 3

/** Measures the classes that have no choice yet, one after the other. */
export async function tuneAll(on: TunerDevice, choices: Choices, met: readonly Met[]): Promise<Tuned[]> {
  const done: Tuned[] = []
  for (const { kernel, symbols } of met) {
    const alias = kernel.buffers.map((_, i) => i)
    const name = classOf(kernel, alias)
    if (name === null || choices.has(name)) continue
    const all = candidates(kernel, alias, on.limits)
    if (all.length < 2) continue
    const found = await tuneOne(on, kernel, symbols, alias, all)
    if (!found) continue
    choices.set(name, found.best)
    done.push({ class: name, choice: JSON.stringify(found.best), ...found.times })
  }
  return done
}

const partsOf = (choice: Choice): number => ('parts' in choice ? choice.parts : 1)
const withoutParts = (choice: Choice): string => JSON.stringify({ ...choice, parts: undefined })

async function tuneOne(
  on: TunerDevice,
  kernel: Kernel,
  symbols: ArrayLike<number>,
  alias: readonly number[],
  all: readonly Choice[],
) {
  const [untuned] = all
  const size = (d: Dim): number => evaluateDim(d, symbols)
  if (kernel.buffers.some(b => size(b.size) === 0)) return null
  const bytes = kernel.buffers.reduce((n, b) => n + size(b.size) * storedBytes(b.dtype, on.half), 0)
  if (bytes > mostBytes) return null
  const { print = printKernel } = on
  const printed = (choice: Choice): Printed => print(kernel, on.limits, alias, { half: on.half }, choice)
  const bench = await Bench.open(on, kernel, symbols)
  if (!bench) return null
  try {
    const first = printed(untuned)
    const wantedResult = await bench.result(first)
    if (!wantedResult) return null
    const times = new Map<Choice, number>()
    const time = async (choice: Choice): Promise<void> => {
      if (times.has(choice)) return
      const shaders = choice === untuned ? first : printed(choice)
      // drivers compile wrongly at times, and matrix units round in ways of their own
      const result = choice === untuned ? wantedResult : await bench.result(shaders)
      if (!result || !alike(kernel.buffers, on.half, wantedResult, result)) return
      const run = (launches: number): Promise<number> => bench.time(shaders, launches)
      times.set(choice, await (on.clock ? on.clock(choice, run) : best(run)))
    }
    const ranked = (): Choice[] => [...times.keys()].sort((a, b) => times.get(a)! - times.get(b)!)
    for (const choice of all) if (choice === untuned || partsOf(choice) === partsOf(untuned)) await time(choice)
    const forms = new Set(ranked().slice(0, finalists).map(withoutParts))
    for (const choice of all) if (forms.has(withoutParts(choice))) await time(choice)
    const [fastest] = ranked()
    // a choice is to be worth having: what differs by less than the clock does is left alone
    const chosen = fastest && times.get(fastest)! < 0.97 * times.get(untuned)! ? fastest : untuned
    return {
      best: chosen,
      times: { milliseconds: times.get(chosen)!, untuned: times.get(untuned)!, tried: times.size },
    }
  } finally {
    bench[Symbol.dispose]()
  }
}

/** Milliseconds of a launch: the best of three groups, each long enough for the clock. */
async function best(run: (launches: number) => Promise<number>): Promise<number> {
  const once = await run(1)
  const launches = Math.max(1, Math.min(mostLaunches, Math.ceil(wanted / Math.max(once, 1e-3))))
  let least = once
  for (let i = 0; i < 3 && once * launches * i < 10 * wanted; i++)
    least = Math.min(least, (await run(launches)) / launches)
  return least
}

const [mapRead, queryResolve] = [1, 512]

/** A kernel's buffers, filled, and whatever candidate runs over them. */
class Bench {
  private readonly on: TunerDevice
  private readonly kernel: Kernel
  private readonly symbols: ArrayLike<number>
  private readonly buffers: GPUBuffer[] = []
  private readonly staging: GPUBuffer
  private scratch: GPUBuffer | null = null
  private readonly made = new WeakMap<Printed, { groups: GPUBindGroup[]; compiled: Compiled[]; owned: GPUBuffer[] }>()
  private readonly owned: { destroy(): void }[] = []
  private readonly stamps: { set: GPUQuerySet; resolved: GPUBuffer; read: GPUBuffer } | null

  private constructor(on: TunerDevice, kernel: Kernel, symbols: ArrayLike<number>) {
    const { device } = on
    this.on = on
    this.kernel = kernel
    this.symbols = symbols
    for (const { dtype, size } of kernel.buffers) {
      const bytes = evaluateDim(size, symbols) * storedBytes(dtype, on.half)
      this.buffers.push(this.own(Math.ceil(bytes / 16) * 16, usage.storage | usage.copySource | usage.copyTarget))
    }
    this.staging = this.own(compared, usage.mapRead | usage.copyTarget)
    this.stamps = device.features.has('timestamp-query')
      ? {
          set: device.createQuerySet({ type: 'timestamp', count: 2 }),
          resolved: this.own(16, queryResolve | usage.copySource),
          read: this.own(16, usage.mapRead | usage.copyTarget),
        }
      : null
    if (this.stamps) this.owned.push(this.stamps.set)
  }

  private own(size: number, flags: number): GPUBuffer {
    const buffer = this.on.device.createBuffer({ size, usage: flags })
    this.owned.push(buffer)
    return buffer
  }

  /** Null where the device has no memory for it. */
  static async open(on: TunerDevice, kernel: Kernel, symbols: ArrayLike<number>): Promise<Bench | null> {
    let bench: Bench | null = null
    const sound = await scoped(on.device, () => {
      bench = new Bench(on, kernel, symbols)
      bench.fill()
    })
    if (sound) return bench
    ;(bench as Bench | null)?.[Symbol.dispose]()
    return null
  }

  /** Writes the inputs, always the same numbers. */
  private fill(): void {
    const { device, half } = this.on
    this.kernel.buffers.forEach(({ dtype }, i) => {
      const { size } = this.buffers[i]
      const pattern = patternOf(dtype, half)
      for (let at = 0; at < size; at += pattern.byteLength)
        device.queue.writeBuffer(this.buffers[i], at, pattern.buffer, 0, Math.min(pattern.byteLength, size - at))
    })
  }

  /** The beginnings of what a candidate writes; null where it does not compile or run. */
  async result(printed: Printed): Promise<Uint8Array[] | null> {
    const { device } = this.on
    if (!(await this.ready(printed))) return null
    const sound = await scoped(device, () => {
      this.fill()
      this.submit(printed, 1)
    })
    if (!sound) return null
    const results: Uint8Array[] = []
    for (const [i, { access }] of this.kernel.buffers.entries()) {
      if (access === 'read') continue
      const bytes = Math.min(compared, this.buffers[i].size)
      const encoder = device.createCommandEncoder()
      encoder.copyBufferToBuffer(this.buffers[i], 0, this.staging, 0, bytes)
      device.queue.submit([encoder.finish()])
      await this.staging.mapAsync(mapRead, 0, bytes)
      results.push(new Uint8Array(this.staging.getMappedRange(0, bytes).slice(0)))
      this.staging.unmap()
    }
    return results
  }

  /** Milliseconds of so many launches. */
  async time(printed: Printed, launches: number): Promise<number> {
    const { device } = this.on
    if (!this.stamps) {
      await device.queue.onSubmittedWorkDone()
      const start = performance.now()
      this.submit(printed, launches)
      await device.queue.onSubmittedWorkDone()
      return performance.now() - start
    }
    const { set, resolved, read } = this.stamps
    this.submit(printed, launches, { querySet: set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }, encoder => {
      encoder.resolveQuerySet(set, 0, 2, resolved, 0)
      encoder.copyBufferToBuffer(resolved, 0, read, 0, 16)
    })
    await read.mapAsync(mapRead)
    const [begin, end] = new BigUint64Array(read.getMappedRange().slice(0))
    read.unmap()
    return Number(end - begin) / 1e6
  }

  private submit(
    printed: Printed,
    launches: number,
    timestampWrites?: GPUComputePassTimestampWrites,
    after?: (encoder: GPUCommandEncoder) => void,
  ): void {
    const { device, limits } = this.on
    const { groups, compiled } = this.made.get(printed)!
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {})
    const counts = printed.stages.map(s => s.workgroups(d => evaluateDim(d, this.symbols)))
    for (let i = 0; i < launches; i++)
      printed.stages.forEach((_, stage) => {
        pass.setPipeline(compiled[stage].pipeline!)
        pass.setBindGroup(0, groups[stage])
        const rows = counts[stage] > limits.workgroupsPerDimension ? Math.ceil(Math.sqrt(counts[stage])) : 1
        pass.dispatchWorkgroups(Math.ceil(counts[stage] / rows), rows)
      })
    pass.end()
    after?.(encoder)
    device.queue.submit([encoder.finish()])
  }

  /** Compiles and binds; false where that fails. */
  private async ready(printed: Printed): Promise<boolean> {
    if (this.made.has(printed)) return true
    const { device, pipelines } = this.on
    const compiled = printed.stages.map(shader => pipelines.get(shader, this.kernel.name))
    for (const c of compiled) await c.pending
    if (compiled.some(c => c.error)) return false
    return scoped(device, () => {
      const owned: GPUBuffer[] = []
      const bound = [...this.buffers]
      if (printed.scratch) {
        const bytes = evaluateDim(printed.scratch, this.symbols) * 4
        if (!this.scratch || this.scratch.size < bytes) this.scratch = this.own(bytes, usage.storage)
        bound.push(this.scratch)
      }
      const groups = printed.stages.map(({ fields, bindings }, stage) => {
        const entries: GPUBindGroupEntry[] = bound
          .slice(0, bindings)
          .map((buffer, binding) => ({ binding, resource: { buffer } }))
        if (fields.length > 0) {
          const words = new Uint32Array(Math.ceil(fields.length / 4) * 4)
          fillUniforms(fields, words, 0, () => 1, this.symbols)
          const buffer = this.own(words.byteLength, usage.uniform | usage.copyTarget)
          device.queue.writeBuffer(buffer, 0, words)
          entries.push({ binding: bindings, resource: { buffer } })
        }
        return device.createBindGroup({ layout: compiled[stage].layout, entries })
      })
      this.made.set(printed, { groups, compiled, owned })
    })
  }

  [Symbol.dispose](): void {
    for (const thing of this.owned) thing.destroy()
  }
}

/** Whether WebGPU found nothing wrong with what was called; nothing of it becomes an error of the device. */
async function scoped(device: GPUDevice, call: () => void): Promise<boolean> {
  device.pushErrorScope('validation')
  device.pushErrorScope('out-of-memory')
  let popped: Promise<GPUError | null>[] = []
  try {
    call()
  } finally {
    // at once: scopes are the device's, and others push theirs
    popped = [device.popErrorScope(), device.popErrorScope()]
  }
  return (await Promise.all(popped)).every(error => error === null)
}

const patternElements = 1 << 18

/** Numbers in [-1, 1) from a fixed sequence; integers and bools are 0: they may be indices. */
function patternOf(
  dtype: BufferParam['dtype'],
  half: boolean,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  const type = storedType(dtype, half)
  if (type !== 'f32' && type !== 'f16') return new Uint32Array(patternElements)
  let state = 0x9e3779b9
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // few bits, so that every stored type has the same numbers
    return (state >>> 24) / 128 - 1
  }
  return type === 'f16'
    ? Uint16Array.from({ length: patternElements }, () => numberToF16(next()))
    : Float32Array.from({ length: patternElements }, next)
}

/** Whether results agree as sums in another order do. */
function alike(
  buffers: readonly BufferParam[],
  half: boolean,
  expected: readonly Uint8Array[],
  results: readonly Uint8Array[],
): boolean {
  return buffers
    .filter(b => b.access !== 'read')
    .every(({ dtype }, i) => {
      const [a, b] = [valuesOf(dtype, half, expected[i]), valuesOf(dtype, half, results[i])]
      let most = 0
      for (const x of a) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x))
      const bound = 4e-3 * most
      for (let j = 0; j < a.length; j++) {
        const [x, y] = [a[j], b[j]]
        if (x !== y && !(Number.isNaN(x) && Number.isNaN(y)) && !(Math.abs(x - y) <= bound)) return false
      }
      return true
    })
}

function valuesOf(dtype: BufferParam['dtype'], half: boolean, { buffer }: Uint8Array): Float32Array | Int32Array {
  const type = storedType(dtype, half)
  if (type === 'f16') return Float32Array.from(new Uint16Array(buffer), f16ToNumber)
  return type === 'f32' ? new Float32Array(buffer) : new Int32Array(buffer)
}

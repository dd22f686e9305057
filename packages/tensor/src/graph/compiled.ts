// Runs pieces of the queue on a backend: finds or compiles the plan for a captured graph, gives its slots memory, and hands it over. The
// cache is bounded, holds no storage, and confirms every hit by comparing structure and sizes.

import type { Backend, Binding, Executable, WatchLaunch } from '../backends/backend.ts'
import type { Tuned } from '../backends/webgpu/tuning/tune.ts'
import { debugging, print } from '../debug.ts'
import type { TypedArray } from '../dtype.ts'
import { evaluateDim } from '../kernel/dim.ts'
import { Loading } from '../load-later.ts'
import { sizeOf } from '../shape.ts'
import type { Captured } from './capture.ts'
import type { Bound, Executor, Prepared, Profiled, Statistics } from './executor.ts'
import { type Layout, layOut } from './memory-plan.ts'
import { compile, type Plan } from './plan.ts'
import { remember } from './remember.ts'
import type { Memory, Storage } from './storage.ts'
import { matches, modelOf, type SizeModel, symbolsOf } from './symbols.ts'

interface Variant {
  readonly model: SizeModel
  /** all sizes, where the model has no symbols */
  readonly fixed: Float64Array | null
  readonly plan: Plan
  executable: Executable | null
  /** for the symbols that came last */
  readonly ready: Map<string, Ready>
}

interface Entry {
  readonly key: Int32Array
  readonly hash: number
  /** size vectors that taught the model of sizes */
  samples: readonly (readonly number[])[]
  /** the plan for the first sizes, and the one with runtime symbols once others came */
  readonly variants: Variant[]
  used: number
  cached: boolean
}

/** A plan for the sizes of a capture. */
interface Ready extends Prepared {
  readonly entry: Entry
  readonly variant: Variant
  readonly symbols: readonly number[]
  /** where the intermediate values lie in the arena */
  readonly layout: Layout
  /** bytes of each of them */
  readonly sizes: readonly number[]
  /** the leaf number of each root's target, or -1 */
  readonly leaves: readonly number[]
  /** the slot of each leaf and of each root; -1: it has none */
  readonly leafSlots: readonly number[]
  readonly rootSlots: readonly number[]
  /** what the plan's slots bound in the run before; not changed once a run has it */
  bindings: Binding[]
  arena: Binding | null
}

/** Plans kept; the least recently used go first. */
const cacheSize = 256
const readyKept = 64

export class CompiledExecutor implements Executor {
  readonly backend: Backend
  /** gathers every launch while a profile is under way (profile.ts) */
  profiled: Profiled | null = null
  readonly #counts = { plansCompiled: 0, kernelsCompiled: 0, runs: 0, launches: 0, captures: 0 }
  readonly #entries = new Map<number, Entry[]>()
  #count = 0
  #clock = 0
  #arena: Binding | null = null

  constructor(backend: Backend) {
    this.backend = backend
  }

  /** The plans in the cache, for tests and tools. */
  *plans(): Iterable<Plan> {
    for (const list of this.#entries.values())
      for (const entry of list) for (const variant of entry.variants) yield variant.plan
  }

  get statistics(): Omit<Statistics, 'nodesBuilt'> {
    return { ...this.#counts, submits: this.backend.submits }
  }

  get bytesInUse(): number {
    return this.backend.bytesInUse
  }

  prepare(captured: Captured): Ready {
    this.#counts.captures++
    const { entry, variant } = this.#find(captured)
    const loading = variant.executable ? null : this.backend.prepare?.(variant.plan.program)
    if (loading) throw new Loading(loading)
    // printed here, where what turns out to be missing can be waited for
    this.#load(entry, variant)
    const { storages, scalars } = captured
    const symbols = variant.fixed ? [] : symbolsOf(variant.model, captured.sizes)
    const key = symbols.join()
    const known = variant.ready.get(key)
    if (known) return known
    const { temps, slots } = variant.plan
    const bytes = temps.map(t => this.backend.storedBytes(t.dtype, evaluateDim(t.size, symbols)))
    const lifetimes = temps.map((t, i) => ({ bytes: bytes[i], first: t.first, last: t.last }))
    const ready: Ready = {
      entry,
      variant,
      symbols,
      layout: layOut(lifetimes, Math.max(64, this.backend.limits.alignment)),
      sizes: bytes.map(n => Math.max(4, n)),
      leaves: captured.roots.map(r => r.leaf),
      storages: storages.length,
      scalars: scalars.length,
      roots: captured.roots.length,
      leafSlots: storages.map((_, i) => slots.findIndex(s => s.kind === 'leaf' && s.leaf === i)),
      rootSlots: captured.roots.map((_, i) => slots.findIndex(s => s.kind === 'root' && s.root === i)),
      bindings: new Array<Binding>(slots.length),
      arena: null,
    }
    remember(variant.ready, key, ready, readyKept)
    return ready
  }

  run(prepared: Prepared, { storages, scalars, targets }: Bound): Promise<void> {
    const ready = prepared as Ready
    const { entry, variant, symbols, leaves, leafSlots, rootSlots } = ready
    const { plan } = variant
    entry.used = ++this.#clock
    const executable = this.#load(entry, variant)

    /** roots that get new memory */
    const roots: number[] = []
    const fresh: Binding[] = []
    try {
      this.#bindTemps(ready)
      const before = ready.bindings
      let bindings = before
      const bind = (slot: number, binding: Binding): void => {
        if (slot < 0 || bindings[slot] === binding) return
        if (bindings === before) bindings = before.slice()
        bindings[slot] = binding
      }
      for (let i = 0; i < storages.length; i++)
        bind(leafSlots[i], storages[i].memory?.binding ?? this.#upload(storages[i]))
      for (let i = 0; i < targets.length; i++) {
        if (plan.inPlace[i]) continue
        const target = targets[i]
        let binding = leaves[i] < 0 ? target.memory?.binding : null
        if (!binding) {
          binding = this.#allocate(target)
          roots.push(i)
          fresh.push(binding)
        }
        bind(rootSlots[i], binding)
      }
      const finished = this.backend.run(executable, bindings, scalars, symbols, this.#watchOf(plan, symbols))
      ready.bindings = bindings
      this.profiled?.pending.push(finished)
      for (let i = 0; i < roots.length; i++) this.#give(targets[roots[i]], fresh[i])
      this.#counts.runs++
      this.#counts.launches += plan.program.launches.length
      return finished
    } catch (error) {
      for (const binding of fresh) this.backend.free(binding.buffer)
      throw error
    }
  }

  #allocate({ dtype, shape }: Storage): Binding {
    const bytes = Math.max(4, this.backend.storedBytes(dtype, sizeOf(shape)))
    return { buffer: this.backend.allocate(bytes), offset: 0, bytes }
  }

  #watchOf({ program }: Plan, symbols: readonly number[]): WatchLaunch | undefined {
    const { profiled } = this
    if (!profiled) return undefined
    return (at, begin, end) => {
      const launch = program.launches[at]
      profiled.runs.push({ name: launch.kernel.name, begin, end, cost: profiled.cost(launch, symbols) })
    }
  }

  read(storage: Storage): Promise<TypedArray> {
    const binding = storage.memory?.binding
    if (!binding) return Promise.resolve(storage.host!.slice() as TypedArray)
    return this.backend.read(binding, storage.dtype, sizeOf(storage.shape))
  }

  free(memory: unknown): void {
    const owned = memory as Memory
    if (!owned.binding) return
    this.backend.free(owned.binding.buffer)
    owned.binding = null
  }

  tune(): Promise<Tuned[]> {
    return this.backend.tune?.() ?? Promise.resolve([])
  }

  async dispose(): Promise<void> {
    this.#entries.clear()
    await this.backend.dispose()
  }

  #give(target: Storage, binding: Binding): void {
    if (!target.memory) target.adopt({ binding: null })
    const memory = target.memory!
    if (memory.binding && memory.binding.buffer !== binding.buffer) this.backend.free(memory.binding.buffer)
    memory.binding = binding
    target.host = null
  }

  #upload(storage: Storage): Binding {
    const binding = this.#allocate(storage)
    storage.adopt({ binding })
    this.backend.write(binding, storage.dtype, storage.host!)
    storage.host = null
    return binding
  }

  /** One region serves the intermediate values of all plans, since they run one after the other. */
  #arenaFor(bytes: number): Binding | null {
    if (bytes === 0 || (this.#arena && this.#arena.bytes >= bytes)) return this.#arena
    const old = this.#arena
    if (old) {
      this.backend.free(old.buffer)
      this.#arena = null
    }
    this.#arena = { buffer: this.backend.allocate(bytes), offset: 0, bytes }
    return this.#arena
  }

  #bindTemps(ready: Ready): void {
    const { layout, sizes, bindings, variant } = ready
    const arena = this.#arenaFor(layout.bytes)
    if (ready.arena === arena) return
    ready.arena = arena
    ready.bindings = bindings.slice()
    variant.plan.slots.forEach((slot, i) => {
      if (slot.kind !== 'temp') return
      const offset = arena!.offset + layout.offsets[slot.temp]
      ready.bindings[i] = { buffer: arena!.buffer, offset, bytes: sizes[slot.temp] }
    })
  }

  /** The plan for this structure and these sizes: the first sizes as constants; when others come, with runtime symbols. */
  #find(captured: Captured): { entry: Entry; variant: Variant } {
    const list = this.#entries.get(captured.hash)
    let entry = list?.find(e => captured.hasKey(e.key))
    if (!entry) {
      entry = { key: captured.key, hash: captured.hash, samples: [], variants: [], used: ++this.#clock, cached: false }
      this.#insert(entry)
    }
    for (const variant of entry.variants) {
      const { model, fixed } = variant
      if (fixed ? captured.hasSizes(fixed) : matches(model, captured.sizes, symbolsOf(model, captured.sizes)))
        return { entry, variant }
    }
    const samples = [...entry.samples, captured.sizes]
    const model = modelOf(samples)
    const plan = compile(captured, model, this.backend.limits)
    entry.samples = samples
    // what only debugging prints is loaded by those who debug
    if (debugging('schedule')) print(async () => (await import('./describe.ts')).describePlan(plan))
    if (debugging('kernel'))
      print(async () => {
        const { describeKernel } = await import('../kernel/describe.ts')
        return plan.program.launches.map(({ kernel }) => describeKernel(kernel)).join('\n')
      })
    this.#counts.plansCompiled++
    this.#counts.kernelsCompiled += plan.program.launches.length
    const fixed = model.positions.length ? null : Float64Array.from(captured.sizes)
    const variant: Variant = { model, fixed, plan, executable: null, ready: new Map() }
    // the plan for the very first sizes stays: most programs never leave them; an outgrown symbolic one goes
    for (const old of entry.variants.splice(1)) unload(old)
    entry.variants.push(variant)
    return { entry, variant }
  }

  #insert(entry: Entry): void {
    const list = this.#entries.get(entry.hash)
    if (list) list.push(entry)
    else this.#entries.set(entry.hash, [entry])
    entry.cached = true
    this.#count++
    this.#evict(entry)
  }

  /** The kernels of a plan; one that left the cache and is run again comes back to it. */
  #load(entry: Entry, variant: Variant): Executable {
    if (variant.executable) return variant.executable
    variant.executable = this.backend.load(variant.plan.program)
    if (!entry.cached) this.#insert(entry)
    if (!entry.variants.includes(variant)) entry.variants.push(variant)
    return variant.executable
  }

  #evict(fresh: Entry): void {
    if (this.#count <= cacheSize) return
    let oldest: Entry | null = null
    for (const list of this.#entries.values())
      for (const e of list) if (e !== fresh && (!oldest || e.used < oldest.used)) oldest = e
    if (!oldest) return
    const list = this.#entries.get(oldest.hash)!.filter(e => e !== oldest)
    if (list.length) this.#entries.set(oldest.hash, list)
    else this.#entries.delete(oldest.hash)
    oldest.cached = false
    for (const variant of oldest.variants) unload(variant)
    this.#count--
  }
}

function unload(variant: Variant): void {
  variant.executable?.[Symbol.dispose]()
  variant.executable = null
}

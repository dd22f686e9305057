// The device's ordered queue of effects. `assign` and `keep` join it when they are called; reads, steps and `realize` run it. It is
// cut into pieces, each compiled as one plan: at every run, where the same storage is assigned the same way again (so that one iteration or
// micro-batch is one piece), and after storages were made (so that the first iteration looks like the others).

import type { TypedArray } from '../dtype.ts'
import { JitError, OutOfMemoryError, StaleError } from '../errors.ts'
import { Loading } from '../load-later.ts'
import { Capture, type Captured, Root } from './capture.ts'
import { collectGarbage } from './collect.ts'
import type { Engine } from './engine.ts'
import type { Bound, Executor, Prepared } from './executor.ts'
import { type Node, nodeCount, noSources, type PlannedWrite } from './node.ts'
import { checkEffect, state } from './scope.ts'
import { type Memory, Run, Storage } from './storage.ts'

/** How a storage is assigned: made, a gradient collected, or written by an optimizer, a layer or the user. */
export type Way = 'init' | 'grad' | 'assign'

const effectNames: Record<Way, string> = { init: 'own', grad: 'backward', assign: 'assign' }
/** Ways as bits. */
const wayBits: Record<Way, number> = { init: 1, grad: 2, assign: 4 }

/** A write of a storage that is under way. */
interface Write {
  readonly storage: Storage
  /** the version it makes */
  readonly leaf: Node
  /** the version before, to return to when the piece fails */
  readonly base: Node
}

/**
 * A class and not a literal. What V8 sees survive at a literal it later allocates old, where a dead entry keeps the whole graph of its step alive
 * until the next full collection: a third of a step's garbage got through every minor one.
 */
class Assign implements Write, PlannedWrite {
  readonly kind = 'assign'
  readonly storage: Storage
  readonly value: Node
  readonly leaf: Node
  readonly base: Node
  optional = false
  needed = false
  constructor(storage: Storage, value: Node, leaf: Node, base: Node) {
    this.storage = storage
    this.value = value
    this.leaf = leaf
    this.base = base
  }
}

interface Keep {
  readonly kind: 'keep'
  readonly node: Node
  /** null: kept for the library, whether or not a handle is left */
  readonly handle: WeakRef<object> | null
  /** the root of a backward that is not to be repeated: becomes a leaf */
  readonly release: boolean
}

type Entry = Assign | Keep

interface Piece {
  readonly entries: Entry[]
  /** the ways in which each storage is assigned, as bits */
  readonly ways: Map<Storage, number>
  inits: boolean
}

/** A piece handed over: `planned` rejects when the device refuses it, having changed nothing; null when it was taken at once. */
interface Started {
  readonly planned: Promise<unknown> | null
  readonly finished: Promise<void>
}

const both = (promise: Promise<void>): Started => ({ planned: promise, finished: promise })

/** What a jitted call keeps of a piece that it ran. */
export interface PieceRecord {
  readonly prepared: Prepared
  readonly captured: Captured
  readonly targets: readonly TargetRecord[]
}
export class TargetRecord {
  readonly storage: Storage
  /** versions that the piece makes of it; 0: it is new and holds the value of `node` */
  readonly writes: number
  readonly node: Node | null
  constructor(storage: Storage, writes: number, node: Node | null) {
    this.storage = storage
    this.writes = writes
    this.node = node
  }
}

/** A recorded piece with what it binds this time. */
export interface Replay {
  readonly prepared: Prepared
  readonly bound: Bound
  /** versions that each target moves on by; 0: new */
  readonly writes: readonly number[]
}

/** What stays when its lists are used for the next call. */
const copyOf = ({ prepared, bound: { storages, scalars, targets }, writes }: Replay): Replay => ({
  prepared,
  bound: { storages: storages.slice(), scalars: scalars.slice(), targets: targets.slice() },
  writes,
})

const newPiece = (): Piece => ({ entries: [], ways: new Map(), inits: false })

/** Nodes made since the last run after which the next iteration starts the queue without waiting. */
const longGraph = 20_000
/** Bytes in use from which a step collects garbage; after that, whenever they have doubled. */
const firstWatermark = 2 ** 29
/** The longest that awaited steps may keep the event loop from timers, input and finalizers. */
const breathEvery = 16

export class Queue {
  readonly #engine: Engine
  #open = newPiece()
  #closed: Piece[] = []
  #order: Promise<unknown> = Promise.resolve()
  #inFlight: Promise<unknown>[] = []
  #nodesAtRun = nodeCount()
  #lastBreath = now()
  readonly #finalizer = new FinalizationRegistry<Memory>(memory => this.#engine.executor?.free(memory))

  constructor(engine: Engine) {
    this.#engine = engine
  }

  assign(storage: Storage, value: Node, way: Way): void {
    checkEffect(effectNames[way])
    if (storage.disposed) throw new StaleError('assign', `${storage.label} was disposed`)
    state.trace?.enter(this)
    const bit = wayBits[way]
    let before = this.#open.ways.get(storage) ?? 0
    const again = (before & bit) !== 0
    if ((way !== 'init' && this.#open.inits) || again) {
      this.#cut()
      // Not amid the writes of an iteration: the values of those to come may read what those before have overwritten.
      if (again) this.#relieve()
      before = this.#open.ways.get(storage) ?? 0
    }
    if (way === 'init') this.#relieve()
    const base = storage.head
    const leaf = storage.leaf()
    this.#open.entries.push(new Assign(storage, value, leaf, base))
    this.#open.ways.set(storage, before | bit)
    if (way === 'init') this.#open.inits = true
    storage.head = leaf
  }

  /** Starts what a long program without any read or step has queued. */
  #relieve(): void {
    if (!state.trace && nodeCount() - this.#nodesAtRun > longGraph) quietly(this.run())
  }

  /** Keeps a value at the next run: while `handle` lives, or in any case when it is null. */
  keep(node: Node, handle: object | null, release = false): void {
    if (node.op === 'storage' || state.mapped) return
    state.trace?.enter(this)
    this.#open.entries.push({ kind: 'keep', node, handle: handle && new WeakRef(handle), release })
  }

  /** A gradient that nobody wants any more: its pending writes run only if something else reads them. */
  drop(storage: Storage): void {
    for (const piece of this.#closed) dropFrom(piece, storage)
    dropFrom(this.#open, storage)
  }

  /** Runs everything queued; resolves when the device has finished it. */
  run(reads: readonly Node[] = []): Promise<void> {
    const { planned, finished } = this.#start(reads)
    if (planned) quietly(planned)
    return finished
  }

  /** Runs what is queued, if anything is. */
  flush(): void {
    if (this.#open.entries.length || this.#closed.length) quietly(this.run())
  }

  /** Ends the piece: what `step()` does inside of a jitted function, which queues only. */
  cut(): void {
    this.#cut()
  }

  #start(reads: readonly Node[]): Started {
    state.trace?.refuse('run')
    this.#cut()
    this.#nodesAtRun = nodeCount()
    const pieces = this.#closed
    this.#closed = []
    if (reads.length && pieces.length === 0) pieces.push(newPiece())
    keepCrossing(pieces, reads)
    return together(pieces.map((piece, i) => this.#submit(piece, i === pieces.length - 1 ? reads : [])))
  }

  /**
   * Ends a jitted call: keeps its outputs and nothing else that it made, and runs what it queued.
   * @param outside values from before the call that it read, to be computed first
   * @param record takes each piece as it is planned; not called when the device is not ready to plan at once
   */
  finish(outputs: readonly Node[], outside: readonly Node[], record: (piece: PieceRecord) => void): Started {
    this.#cut()
    this.#nodesAtRun = nodeCount()
    const pieces = this.#closed
    this.#closed = []
    for (const piece of pieces) {
      const effects = piece.entries.filter(e => e.kind === 'assign')
      piece.entries.splice(0, piece.entries.length, ...effects)
    }
    if (outputs.length) {
      if (pieces.length === 0) pieces.push(newPiece())
      const kept = pieces[pieces.length - 1].entries
      for (const node of outputs) kept.push({ kind: 'keep', node, handle: null, release: true })
    }
    const started: Started[] = []
    if (outside.length) {
      const before = newPiece()
      for (const node of outside) before.entries.push({ kind: 'keep', node, handle: null, release: false })
      started.push(this.#submit(before, []))
    }
    keepCrossing(pieces, [])
    for (const piece of pieces) started.push(this.#submit(piece, [], record))
    return together(started)
  }

  /**
   * Runs recorded pieces again, as `finish` ran them.
   * @param queued is called when the handles mean the new versions, before anything runs
   */
  replay(pieces: readonly Replay[], queued: () => void): Promise<void> {
    const started: Started[] = []
    const { executor } = this.#engine
    for (let i = 0; i < pieces.length && executor && !this.#waiting; i++) {
      const finished = this.#again(executor, pieces[i])
      if (!finished) break
      this.#follow(finished)
      started.push({ planned: null, finished })
    }
    // the device is not ready, or did not take it: in order with what waits, with a version for each write that can be taken back
    const left = pieces.slice(started.length).map(copyOf)
    const writes = left.map(({ bound, writes }) => {
      const made: Write[] = []
      for (let i = 0; i < writes.length; i++) {
        const storage = bound.targets[i]
        if (writes[i] === 0) {
          if (storage.settled) storage.renew()
          continue
        }
        const base = storage.head
        storage.head = storage.leaf(writes[i])
        made.push({ storage, base, leaf: storage.head })
      }
      return made
    })
    queued()
    left.forEach(({ prepared, bound }, i) => {
      started.push(
        this.#hand((executor, mayRetry) => this.#launch(executor, prepared, bound, writes[i], writes[i], mayRetry)),
      )
    })
    const { planned, finished } = together(started)
    if (planned) quietly(planned)
    this.#replayed = finished
    return finished
  }

  /** Runs a recorded piece at once, without a leaf for what it writes; null where that cannot be, and nothing has happened. */
  #again(executor: Executor, { prepared, bound, writes }: Replay): Promise<void> | null {
    const { storages, targets } = bound
    const sources: (Node | Run)[] = []
    let last: Node | Run | null = null
    for (let i = 0; i < storages.length; i++) {
      const { source, disposed } = storages[i]
      if (disposed || source?.error) return null
      // most were written by the replay before
      if (source !== null && source !== last) sources.push((last = source))
    }
    let finished: Promise<void>
    try {
      finished = executor.run(prepared, bound)
    } catch {
      return null
    }
    const run = new Run()
    for (let i = 0; i < targets.length; i++) targets[i].advance(writes[i] || 1, run)
    return ended(
      finished,
      sources,
      error => run.fail(error),
      () => run.end(),
    )
  }

  /** Values from before a jitted call (before node number `first`) that what it queued or returns is computed from, and that are not there. */
  outside(outputs: readonly Node[], first: number): Node[] {
    const found = new Set<Node>()
    const seen = new Set<Node>()
    const stack = [...outputs]
    for (const piece of [...this.#closed, this.#open]) stack.push(...rootsOf(piece))
    while (stack.length) {
      const node = stack.pop()!
      if (seen.has(node) || node.storage || node.alias) continue
      seen.add(node)
      if (node.id >= first) stack.push(...node.sources)
      else if (node.requiresGrad)
        throw new JitError(
          'jit',
          'the function uses a tensor with gradient history that was computed outside; compute it inside, or detach() it',
          { op: node.op },
        )
      else if (node.op !== 'scalar' && node.op !== 'constant') found.add(node)
    }
    return [...found]
  }

  /** Whether recorded pieces can be had: the device is up and nothing waits before them. */
  get ready(): boolean {
    return this.#engine.executor !== null && this.#waiting === 0
  }

  /** Runs everything queued; resolves when at most two plans are in flight, having let the event loop breathe. */
  async step(): Promise<void> {
    const { planned, finished } = this.#start([])
    quietly(finished)
    // What the device refuses is the error of this very step; what fails under way is told by one of the next two.
    await planned
    this.#inFlight.push(this.#replayed ? Promise.all([this.#replayed, finished]) : finished)
    this.#replayed = null
    if (this.#engine.bytesInUse > this.#watermark) {
      await collectGarbage(macrotask)
      this.#watermark = Math.max(firstWatermark, 2 * this.#engine.bytesInUse)
    }
    if (this.#inFlight.length >= 2) {
      await this.#inFlight.shift()
      await this.#breathe()
    } else if (now() - this.#lastBreath >= breathEvery) await this.#breathe()
  }

  /** The values of a node, after everything queued so far. */
  async read(node: Node): Promise<TypedArray> {
    state.trace?.refuse('read')
    if (node.error instanceof JitError) throw node.error
    const run = this.run(isSettled(node) ? [] : [node])
    // The read joins the device's queue as soon as the run is planned, before later effects are.
    const { executor } = this.#engine
    const reading =
      executor && !this.#waiting
        ? guard(() => executor.read(this.#settledStorage(node)))
        : this.#after(async () => (await this.#engine.ready()).read(this.#settledStorage(node)))
    quietly(reading)
    const before = this.#done
    await run
    const data = await reading
    // The plan that made it may have failed after the read was queued, and on a GPU the bytes can be here before that is told.
    await before
    checkSound(node)
    if (now() - this.#lastBreath >= breathEvery) await this.#breathe()
    return data
  }

  /** Computes the nodes that have no value yet; resolves when the device has finished these. */
  compute(nodes: readonly Node[]): Promise<void> {
    return this.run(nodes.filter(n => !isSettled(n)))
  }

  /** Makes sure that the nodes have values, and waits for them; without nodes, for everything. */
  async realize(nodes: readonly Node[]): Promise<void> {
    const open = nodes.filter(n => !isSettled(n))
    await this.run(open)
    // what was handed over before, by a step or a replay, has its place but may still be under way
    if (open.length === 0 || open.length < nodes.length) await this.#done
    nodes.forEach(checkSound)
    if (now() - this.#lastBreath >= breathEvery) await this.#breathe()
  }

  /** Frees a storage, now or where something waits to be planned, after that. What is queued runs first. */
  dispose(storage: Storage): void {
    if (storage.disposed) return
    state.trace?.refuse('dispose')
    this.flush()
    if (this.#waiting) quietly(this.#after(async () => this.#free(storage)))
    else this.#free(storage)
  }

  #free(storage: Storage): void {
    storage.disposed = true
    storage.host = null
    const { memory } = storage
    if (memory) {
      this.#finalizer.unregister(storage)
      this.#engine.executor?.free(memory)
    }
  }

  /** Ties memory to the life of its storage. */
  watch(storage: Storage, memory: Memory): void {
    this.#finalizer.register(storage, memory, storage)
  }

  #cut(): void {
    if (this.#open.entries.length === 0) return
    this.#closed.push(this.#open)
    this.#open = newPiece()
  }

  async #breathe(): Promise<void> {
    await macrotask()
    this.#lastBreath = now()
  }

  #submit(piece: Piece, reads: readonly Node[], record?: (piece: PieceRecord) => void): Started {
    return this.#hand((executor, mayRetry) => this.#plan(piece, reads, executor, mayRetry, record))
  }

  /** the last replay, until a step has counted it */
  #replayed: Promise<unknown> | null = null
  /** resolves when what was handed over last has ended, and so everything before it */
  #done: Promise<unknown> = Promise.resolve()

  /** Hands work over at once when the device is up and nothing waits before it; else in order. */
  #hand(work: (executor: Executor, mayRetry: boolean) => Promise<void>): Started {
    const started = this.#handOver(work)
    this.#follow(started.finished)
    return started
  }

  /** What was handed over last, which ends after all before it: a piece that turned out to need no work ends at once, though these may not have. */
  #follow(finished: Promise<void>): void {
    const before = this.#done
    const all = (): Promise<unknown> => before
    this.#done = finished.then(all, all)
  }

  #handOver(work: (executor: Executor, mayRetry: boolean) => Promise<void>): Started {
    const { executor } = this.#engine
    if (!executor || this.#waiting) return both(this.#after(async () => orCollect(work, await this.#engine.ready())))
    try {
      return { planned: null, finished: work(executor, true) }
    } catch (error) {
      if (!(error instanceof OutOfMemoryError || error instanceof Loading)) return both(Promise.reject(error))
      return both(this.#after(() => orCollect(work, executor)))
    }
  }

  /** What is asked from now on waits for `event`: values on their way from another device. */
  hold(event: Promise<unknown>): void {
    quietly(this.#after(async () => event))
  }

  #watermark = firstWatermark
  #waiting = 0
  #after<T>(run: () => Promise<T>): Promise<T> {
    this.#waiting++
    const result = this.#order.then(run)
    this.#order = result.then(
      () => this.#waiting--,
      () => this.#waiting--,
    )
    return result
  }

  /** `mayRetry`: leave everything as it is when memory is short, for another try. */
  #plan(
    piece: Piece,
    reads: readonly Node[],
    executor: Executor,
    mayRetry: boolean,
    record?: (piece: PieceRecord) => void,
  ): Promise<void> {
    const assigns: Assign[] = []
    const kept: Node[] = []
    for (const e of piece.entries) {
      if (e.kind === 'assign') assigns.push(e)
      else if (!e.node.alias && (e.handle === null || e.handle.deref() !== undefined)) kept.push(e.node)
    }
    for (const e of assigns) e.leaf.leaf!.write = e
    let survey: Survey
    // A read that cannot be had rejects alone; it takes no effect down with it.
    let unreadable: { readonly error: unknown } | null = null
    try {
      const wanted = reads.filter(node => !isSettled(node) && !node.leaf?.write)
      try {
        survey = surveyOf(assigns, kept.concat(wanted))
      } catch (error) {
        if (wanted.length === 0) throw error
        const readable = wanted.filter(node => {
          try {
            surveyOf([], [node]).capture.undo()
            return true
          } catch (error) {
            unreadable ??= { error }
            return false
          }
        })
        survey = surveyOf(assigns, kept.concat(readable))
      }
    } catch (error) {
      refuse(assigns, error)
      throw error
    } finally {
      for (const e of assigns) e.leaf.leaf!.write = null
    }
    const { capture, last, numbers } = survey
    const results: TargetRecord[] = []
    const roots: Root[] = []
    // plain loops: what runs once a step is seldom compiled, and an iterator makes an object for each turn there
    for (let i = 0; i < last.length; i++) results.push(new TargetRecord(last[i].storage, last[i].storage.writes, null))
    for (const node of survey.kept)
      results.push(new TargetRecord(new Storage(this.#engine, node.shape, node.dtype), 0, node))
    for (let i = 0; i < results.length; i++) roots.push(new Root(numbers[i], results[i].storage))
    let finished = Promise.resolve()
    if (roots.length) {
      const captured = capture.finish(roots)
      if (record) captured.hold()
      let prepared: Prepared
      try {
        prepared = executor.prepare(captured)
      } catch (error) {
        capture.undo()
        if (!(error instanceof Loading)) refuse(assigns, error)
        throw error
      }
      const { storages, scalars } = captured
      const targets: Storage[] = []
      for (let i = 0; i < results.length; i++) targets.push(results[i].storage)
      try {
        finished = this.#launch(executor, prepared, { storages, scalars, targets }, last, assigns, mayRetry)
      } catch (error) {
        capture.undo()
        throw error
      }
      record?.({ prepared, captured, targets: results })
    }
    for (let i = last.length; i < results.length; i++) {
      const { node, storage } = results[i]
      if (!node) continue
      node.alias = storage.head
      node.stand = null
      if (!node.requiresGrad) node.sources = noSources
    }
    // also those that were read before and so have their value already
    for (const e of piece.entries)
      if (e.kind === 'keep' && e.release) {
        e.node.sources = noSources
        e.node.stand = null
        e.node.released = true
        e.node.requiresGrad = false
      }
    return unreadable
      ? finished.then(() => {
          throw unreadable!.error
        })
      : finished
  }

  /**
   * Hands a run over; from then on its targets mean what it writes.
   * @param last the writes whose version the run leaves in memory   @param writes all of them
   */
  #launch(
    executor: Executor,
    prepared: Prepared,
    bound: Bound,
    last: readonly Write[],
    writes: readonly Write[],
    mayRetry: boolean,
  ): Promise<void> {
    const { storages, targets } = bound
    const sources: (Node | Run | null)[] = []
    let finished: Promise<void>
    try {
      for (let i = 0; i < storages.length; i++) {
        const storage = storages[i]
        if (storage.disposed) throw new StaleError('run', `reads ${storage.label}, which was disposed`)
        const { source } = storage
        if (source?.error) throw source.error
        sources.push(source)
      }
      finished = executor.run(prepared, bound)
    } catch (error) {
      if (!mayRetry || !(error instanceof OutOfMemoryError)) {
        refuse(writes, error)
        for (const target of targets) if (!target.settled) target.head.error ??= error
      }
      throw error
    }
    for (let i = 0; i < last.length; i++) last[i].storage.settled = last[i].leaf
    const written: Node[] = []
    for (let i = 0; i < targets.length; i++) written.push((targets[i].settled ??= targets[i].head))
    return ended(finished, sources, error => poison(written, error))
  }

  #settledStorage(node: Node): Storage {
    const leaf = node.alias ?? node
    const storage = leaf.storage
    if (leaf.error) throw leaf.error
    if (storage?.disposed) throw new StaleError('data', `${storage.label} was disposed`)
    if (!storage || storage.settled !== leaf) throw stale(leaf, node)
    return storage
  }
}

function dropFrom({ entries, ways }: Piece, storage: Storage): void {
  const written = ways.get(storage)
  if (written === undefined) return
  for (const entry of entries) if (entry.kind === 'assign' && entry.storage === storage) entry.optional = true
  ways.set(storage, written & ~wayBits.grad)
}

const rootsOf = (piece: Piece): Node[] => piece.entries.map(e => (e.kind === 'assign' ? e.value : e.node))

/**
 * Values that one piece computes and a later one needs are kept at the cut, so that no piece computes what lies before it again; and of a
 * version that one piece overwrites and a later one reads, a copy. Reads belong to the last piece.
 */
function keepCrossing(pieces: readonly Piece[], reads: readonly Node[]): void {
  if (pieces.length < 2) return
  requireDropped(pieces, reads)
  const maker = new Map<Node, Piece>()
  const overwriter = new Map<Node, Piece>()
  const crossing = new Map<Node, Piece>()
  for (const piece of pieces) {
    const seen = new Set<Node>()
    const stack: Node[] = []
    const visit = (named: Node) => {
      if (named.alias) return
      const node = named.stand ?? named
      if (node.op === 'storage') {
        const by = overwriter.get(node)
        if (by) crossing.set(node, by)
      }
      if (node.sources.length === 0) return
      const from = maker.get(node)
      // the values of a call are computed together: one that is asked for later is kept where the others are made
      const called = node.op === 'result' ? maker.get(node.sources[0]) : undefined
      if (called && called !== piece) crossing.set(node, called)
      else if (!from) stack.push(node)
      else if (from !== piece) {
        if (isWorthKeeping(node)) crossing.set(node, from)
        else for (const s of node.sources) visit(s)
      }
    }
    rootsOf(piece).forEach(visit)
    if (piece === pieces.at(-1)) reads.forEach(visit)
    while (stack.length) {
      const node = stack.pop()!
      if (seen.has(node)) continue
      seen.add(node)
      node.sources.forEach(visit)
    }
    for (const node of seen) maker.set(node, piece)
    for (const e of piece.entries) if (e.kind === 'assign' && !overwriter.has(e.base)) overwriter.set(e.base, piece)
  }
  for (const [node, piece] of crossing) piece.entries.push({ kind: 'keep', node, handle: null, release: false })
}

/** Dropped gradients that another piece reads after all. */
function requireDropped(pieces: readonly Piece[], reads: readonly Node[]): void {
  const dropped = new Map<Node, Assign>()
  const stack = [...reads]
  for (const { entries } of pieces)
    for (const e of entries) {
      if (e.kind === 'assign' && e.optional) dropped.set(e.leaf, e)
      else stack.push(e.kind === 'assign' ? e.value : e.node)
    }
  if (dropped.size === 0) return
  const seen = new Set<Node>()
  while (stack.length) {
    const node = stack.pop()!
    if (seen.has(node) || node.alias) continue
    seen.add(node)
    const entry = dropped.get(node)
    if (entry) {
      entry.optional = false
      stack.push(entry.value)
    } else stack.push(...node.sources)
  }
}

/** Views of leaves and numbers cost nothing to see again. */
function isWorthKeeping(node: Node): boolean {
  let at = node
  while (movesOnly.has(at.op) && !at.alias) at = at.sources[0]
  return at.sources.length > 0 && !at.alias
}
const movesOnly: ReadonlySet<string> = new Set(['reshape', 'permute', 'expand', 'slice', 'pad', 'identity'])

interface Survey {
  readonly capture: Capture
  /** the write of each storage that this piece leaves in memory */
  readonly last: readonly Assign[]
  /** values that get a storage of their own */
  readonly kept: readonly Node[]
  /** of the value of each of `last`, then of each of `kept`: its number in the capture */
  readonly numbers: readonly number[]
}

/** What a walk looks up: a version that this piece makes stands for the value, a value that was computed and kept for its storage. */
function resolve(node: Node, reader: Node): Node {
  let at = node
  for (;;) {
    if (at.error) throw at.error
    const write = at.storage === null ? null : at.leaf!.write
    if (write) {
      if (write.optional) write.needed = true
      at = write.value
    } else if (at.alias) at = at.alias
    else if (at.stand) at = at.stand
    else if (at.op === 'storage') {
      checkCurrent(at, reader)
      return at
    } else return at
  }
}

/**
 * One walk over what a piece computes. It finds what is stale with the op that reads it; dropped gradients that something else reads after all;
 * and values that an earlier plan computed without keeping: those that a user had a handle of are kept this time, but only at the boundary (used
 * by something new), not what lies below.
 */
function surveyOf(assigns: readonly Assign[], kept: readonly Node[]): Survey {
  const capture = new Capture(resolve)
  try {
    for (let i = 0; i < assigns.length; i++) assigns[i].needed = false
    let last = lastWrites(assigns)
    for (let i = 0; i < last.length; i++) capture.walk(last[i].value)
    let all = kept.length ? [...new Set(kept)] : kept
    for (const node of all) capture.walk(node)
    // what is found while walking was walked; only its number is wanted
    if (assigns.some(e => e.needed)) last = lastWrites(assigns)
    if (capture.boundary.size) {
      const more = new Set(all)
      for (const node of capture.boundary) more.add(node)
      all = [...more]
    }
    const numbers: number[] = []
    for (let i = 0; i < last.length; i++) numbers.push(capture.walk(last[i].value))
    for (let i = 0; i < all.length; i++) numbers.push(capture.walk(all[i]))
    return { capture, last, kept: all, numbers }
  } catch (error) {
    capture.undo()
    throw error
  }
}

/** For each storage the last write that runs, and in `storage.writes` how many versions the piece makes of it. */
function lastWrites(assigns: readonly Assign[]): Assign[] {
  const last: Assign[] = []
  for (let i = 0; i < assigns.length; i++) {
    const { storage } = assigns[i]
    storage.writes = 0
    storage.lastWrite = -1
  }
  for (let i = 0; i < assigns.length; i++) {
    const e = assigns[i]
    const { storage } = e
    storage.writes++
    if (e.optional && !e.needed) continue
    if (storage.lastWrite < 0) storage.lastWrite = last.push(e) - 1
    else last[storage.lastWrite] = e
  }
  return last
}

/** Writes that never happened: handles return to what stands. */
function refuse(writes: readonly Write[], error: unknown): void {
  for (const write of writes) {
    write.leaf.error = error
    write.leaf.refused = true
    if (write.storage.head === write.leaf) write.storage.head = standing(write)
  }
}

function poison(written: readonly Node[], error: unknown): void {
  for (const leaf of written) leaf.error ??= error
}

/** What must be loaded is waited for. Out of memory: once everything before has run and garbage is collected, once more. */
async function orCollect(
  work: (executor: Executor, mayRetry: boolean) => Promise<void>,
  executor: Executor,
): Promise<void> {
  for (let mayRetry = true; ; ) {
    try {
      return await work(executor, mayRetry)
    } catch (error) {
      if (error instanceof Loading) await error.done
      else if (mayRetry && error instanceof OutOfMemoryError) {
        await collectGarbage(macrotask)
        mayRetry = false
      } else throw error
    }
  }
}

/** Several pieces as one. */
function together(started: readonly Started[]): Started {
  if (started.length === 1) return started[0]
  const planned = started.flatMap(s => s.planned ?? [])
  return {
    planned: planned.length ? Promise.all(planned) : null,
    finished: Promise.all(started.map(s => s.finished)).then(() => {}),
  }
}

const isSettled = (node: Node): boolean =>
  node.alias !== null || (node.op === 'storage' && node.storage!.settled === node)

/** What a storage means after a write of it was refused: the version before, or the failed one itself where there never was a value. */
function standing({ storage, base, leaf }: Write): Node {
  if (base.error) return storage.settled ?? leaf
  return base.leaf!.version === 0 && storage.settled === null ? leaf : base
}

function checkCurrent(leaf: Node, asked: Node): void {
  const storage = leaf.storage!
  if (storage.disposed) throw new StaleError(nameOf(asked), `reads ${storage.label}, which was disposed`)
  if (storage.settled !== leaf) throw stale(leaf, asked)
}

const nameOf = ({ op, attributes }: Node): string => attributes.subgraph?.name ?? op

function stale(leaf: Node, asked: Node): StaleError {
  const storage = leaf.storage
  return new StaleError(
    nameOf(asked),
    `${storage?.label ?? 'its storage'} has moved on; call .keep() on the value or read it before step()`,
    {
      'version read': leaf.leaf?.version ?? 'none',
      'version now': storage?.settled?.leaf?.version ?? 'none',
    },
  )
}

/** @throws what kept its value from being there */
function checkSound(node: Node): void {
  const { error } = node.alias ?? node
  if (error) throw error
}

/**
 * The end of a run, which is also told what it read: that was handed over before it was known that it would fail. What a jitted call made inside is only
 * closed to others (jit.ts). Both ways in one `then`: a run that reads what this one wrote may have ended, too, and asks in the turn after this.
 */
function ended(
  finished: Promise<void>,
  sources: readonly (Node | Run | null)[],
  fail: (error: unknown) => void,
  done?: () => void,
): Promise<void> {
  const failed = (error: unknown): never => {
    fail(error)
    throw error
  }
  return finished.then(() => {
    for (let i = 0; i < sources.length; i++) {
      const error = sources[i]?.error
      if (error && !(error instanceof JitError)) failed(error)
    }
    done?.()
  }, failed)
}

/** A promise whose rejection somebody else reports. */
export function quietly(promise: Promise<unknown>): void {
  promise.catch(() => {})
}

/** A synchronous throw as a rejection. */
function guard<T>(run: () => Promise<T>): Promise<T> {
  try {
    return run()
  } catch (error) {
    return Promise.reject(error)
  }
}

const now = (): number => performance.now()

/** One turn of the event loop: timers, input, finalizers and page frames run. */
function macrotask(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (run: () => void) => void }).setImmediate
  if (immediate) return new Promise(resolve => immediate(resolve))
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

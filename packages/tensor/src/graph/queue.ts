// The device's ordered queue of effects. `assign` and `keep` join it when they are called; reads, steps and `realize` run it. It is
// cut into pieces, each compiled as one plan: at every run, where the same storage is assigned the same way again (so that one iteration or
// micro-batch is one piece), and after storages were made (so that the first iteration looks like the others).

import type { TypedArray } from '../dtype.ts'
import { OutOfMemoryError, StaleError, TransformError } from '../errors.ts'
import { collectGarbage } from './collect.ts'
import type { Engine } from './engine.ts'
import type { Executor, Root } from './executor.ts'
import { type Node, nodeCount } from './node.ts'
import { checkEffect, state } from './scope.ts'
import { type Memory, Storage } from './storage.ts'

/** How a storage is assigned: made, a gradient collected, or written by an optimizer, a layer or the user. */
export type Way = 'init' | 'grad' | 'assign'

const effectNames: Record<Way, string> = { init: 'own', grad: 'backward', assign: 'assign' }

interface Assign {
  readonly kind: 'assign'
  readonly storage: Storage
  readonly value: Node
  /** the version it makes */
  readonly leaf: Node
  /** the version before, to return to when the piece fails */
  readonly base: Node
  /** a dropped gradient: runs only if something else needs it */
  optional: boolean
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
  readonly ways: Map<Storage, Set<Way>>
  inits: boolean
}

/** A piece handed over: `planned` rejects when the device refuses it, having changed nothing. */
interface Started {
  readonly planned: Promise<unknown>
  readonly finished: Promise<void>
}

const both = (promise: Promise<void>): Started => ({ planned: promise, finished: promise })

const newPiece = (): Piece => ({ entries: [], ways: new Map(), inits: false })

/** Nodes made since the last run after which the next effect starts the queue without waiting. */
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
    if ((way !== 'init' && this.#open.inits) || this.#open.ways.get(storage)?.has(way)) this.#cut()
    const base = storage.head
    const leaf = storage.leaf()
    this.#open.entries.push({ kind: 'assign', storage, value, leaf, base, optional: false })
    const ways = this.#open.ways.get(storage)
    if (ways) ways.add(way)
    else this.#open.ways.set(storage, new Set([way]))
    if (way === 'init') this.#open.inits = true
    storage.head = leaf
    if (nodeCount() - this.#nodesAtRun > longGraph) quietly(this.run())
  }

  /** Keeps a value at the next run: while `handle` lives, or in any case when it is null. */
  keep(node: Node, handle: object | null, release = false): void {
    if (node.op === 'storage' || state.mapped) return
    this.#open.entries.push({ kind: 'keep', node, handle: handle && new WeakRef(handle), release })
  }

  /** A gradient that nobody wants any more: its pending writes run only if something else reads them. */
  drop(storage: Storage): void {
    for (const piece of [...this.#closed, this.#open]) {
      for (const entry of piece.entries) if (entry.kind === 'assign' && entry.storage === storage) entry.optional = true
      piece.ways.get(storage)?.delete('grad')
    }
  }

  /** Runs everything queued; resolves when the device has finished it. */
  run(reads: readonly Node[] = []): Promise<void> {
    const { planned, finished } = this.#start(reads)
    quietly(planned)
    return finished
  }

  #start(reads: readonly Node[]): Started {
    this.#cut()
    this.#nodesAtRun = nodeCount()
    const pieces = this.#closed
    this.#closed = []
    if (reads.length && pieces.length === 0) pieces.push(newPiece())
    keepCrossing(pieces, reads)
    const started = pieces.map((piece, i) => this.#submit(piece, i === pieces.length - 1 ? reads : []))
    return {
      planned: Promise.all(started.map(s => s.planned)),
      finished: Promise.all(started.map(s => s.finished)).then(() => {}),
    }
  }

  /** Runs everything queued; resolves when at most two plans are in flight, having let the event loop breathe. */
  async step(): Promise<void> {
    const { planned, finished } = this.#start([])
    quietly(finished)
    // What the device refuses is the error of this very step; what fails under way is told by one of the next two.
    await planned
    this.#inFlight.push(finished)
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
    const run = this.run(isSettled(node) ? [] : [node])
    // The read joins the device's queue as soon as the run is planned, before later effects are.
    const { executor } = this.#engine
    const reading =
      executor && !this.#waiting
        ? guard(() => executor.read(this.#settledStorage(node)))
        : this.#after(async () => (await this.#engine.ready()).read(this.#settledStorage(node)))
    quietly(reading)
    await run
    const data = await reading
    // the plan that made it may have failed after the read was queued
    const { error } = node.alias ?? node
    if (error) throw error
    if (now() - this.#lastBreath >= breathEvery) await this.#breathe()
    return data
  }

  /** Makes sure that the nodes have values, and waits for them. */
  async realize(nodes: readonly Node[]): Promise<void> {
    await this.run(nodes.filter(n => !isSettled(n)))
    if (now() - this.#lastBreath >= breathEvery) await this.#breathe()
  }

  /** Frees a storage now. What is queued runs first. */
  dispose(storage: Storage): void {
    if (storage.disposed) return
    if (this.#open.entries.length || this.#closed.length) quietly(this.run())
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

  /** Plans a piece at once when the device is up and nothing waits before it; else in order. */
  #submit(piece: Piece, reads: readonly Node[]): Started {
    const { executor } = this.#engine
    if (!executor || this.#waiting)
      return both(this.#after(async () => this.#planOrCollect(piece, reads, await this.#engine.ready())))
    try {
      return { planned: Promise.resolve(), finished: this.#plan(piece, reads, executor, true) }
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) return both(Promise.reject(error))
      return both(this.#after(() => this.#planOrCollect(piece, reads, executor)))
    }
  }

  /** Out of memory: once everything before has run and garbage is collected, once more. */
  async #planOrCollect(piece: Piece, reads: readonly Node[], executor: Executor): Promise<void> {
    try {
      return await this.#plan(piece, reads, executor, true)
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      await collectGarbage(macrotask)
      return this.#plan(piece, reads, executor)
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
  #plan(piece: Piece, reads: readonly Node[], executor: Executor, mayRetry = false): Promise<void> {
    const assigns = piece.entries.filter(e => e.kind === 'assign')
    const made = new Map<Node, Assign>(assigns.map(e => [e.leaf, e]))
    const needed = new Set<Assign>(assigns.filter(e => !e.optional))
    const resolve = (node: Node, reader = node): Node => {
      let at = node
      for (;;) {
        if (at.error) throw at.error
        const entry = made.get(at)
        if (entry) {
          needed.add(entry)
          at = entry.value
        } else if (at.alias) at = at.alias
        else if (at.op === 'storage') {
          checkCurrent(at, reader)
          return at
        } else return at
      }
    }
    const kept = new Set<Node>()
    for (const e of piece.entries)
      if (e.kind === 'keep' && !e.node.alias && (e.handle === null || e.handle.deref() !== undefined)) kept.add(e.node)
    // A read that cannot be had rejects alone; it takes no effect down with it.
    let unreadable: { readonly error: unknown } | null = null
    const readable = reads.filter(node => {
      if (isSettled(node) || made.has(node)) return false
      try {
        this.#touch([node], resolve)
        return true
      } catch (error) {
        unreadable ??= { error }
        return false
      }
    })
    for (const node of readable) kept.add(node)
    for (const node of this.#boundary(piece, readable)) kept.add(node)

    const targets = new Map<Node, Storage>()
    for (const node of kept) targets.set(node, new Storage(this.#engine, node.shape, node.dtype))
    const settled: [Storage, Node][] = []
    let sources: ReadonlySet<Node>
    let finished: Promise<void>
    try {
      sources = this.#touch([...[...needed].map(e => e.value), ...kept], resolve)
      const last = new Map<Storage, Assign>()
      for (const e of assigns) if (needed.has(e)) last.set(e.storage, e)
      const roots: Root[] = [...last.values()].map(e => ({ value: e.value, target: e.storage }))
      for (const [node, target] of targets) roots.push({ value: node, target })
      for (const e of last.values()) settled.push([e.storage, e.leaf])
      finished = roots.length ? executor.execute(roots, node => resolve(node), markComputed) : Promise.resolve()
    } catch (error) {
      if (mayRetry && error instanceof OutOfMemoryError) throw error
      for (const e of assigns) {
        e.leaf.error = error
        e.leaf.refused = true
        if (e.storage.head === e.leaf) e.storage.head = standing(e)
      }
      throw error
    }
    const written = [...settled.map(([, leaf]) => leaf), ...[...targets.values()].map(target => target.head)]
    for (const [storage, leaf] of settled) {
      storage.settled = leaf
    }
    for (const [node, target] of targets) {
      target.settled = target.head
      node.alias = target.head
      if (!node.requiresGrad) node.sources = []
    }
    // also those that were read before and so have their value already
    for (const e of piece.entries)
      if (e.kind === 'keep' && e.release) {
        e.node.sources = []
        e.node.released = true
        e.node.requiresGrad = false
      }
    return finished
      .then(() => {
        // handed over before it was known that what it reads had failed
        for (const leaf of sources) if (leaf.error) throw leaf.error
      })
      .catch(error => {
        for (const leaf of written) leaf.error ??= error
        throw error
      })
      .then(() => {
        if (unreadable) throw unreadable.error
      })
  }

  /**
   * Values that an earlier plan computed without keeping and that are needed again: those with a living handle are kept this time, but only
   * at the boundary (used by something new), not what lies below.
   */
  #boundary(piece: Piece, reads: readonly Node[]): Set<Node> {
    const found = new Set<Node>()
    const seen = new Set<Node>()
    const stack: Node[] = [...reads]
    for (const e of piece.entries) stack.push(e.kind === 'assign' ? e.value : e.node)
    while (stack.length) {
      const node = stack.pop()!
      if (seen.has(node) || node.alias) continue
      seen.add(node)
      for (const s of node.sources) {
        if (s.op === 'storage' || s.alias) continue
        if (s.computed && !node.computed && s.handle?.deref() !== undefined) found.add(s)
        stack.push(s)
      }
    }
    return found
  }

  /**
   * Finds every optional write that the needed ones read, and what is stale with the op that reads it, before the executor starts.
   * @returns the versions of storages that are read
   */
  #touch(nodes: readonly Node[], resolve: (node: Node, reader?: Node) => Node): Set<Node> {
    const sources = new Set<Node>()
    const seen = new Set<Node>()
    const stack = nodes.map(node => resolve(node))
    while (stack.length) {
      const node = stack.pop()!
      if (seen.has(node)) continue
      seen.add(node)
      if (node.op === 'storage') sources.add(node)
      if (node.op === 'placeholder')
        throw new TransformError('vmap', 'a value of one example has left the function; return it as a result')
      for (const s of node.sources) stack.push(resolve(s, node))
    }
    return sources
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

const rootsOf = (piece: Piece): Node[] => piece.entries.map(e => (e.kind === 'assign' ? e.value : e.node))

/**
 * Values that one piece computes and a later one needs are kept at the cut, so that no piece computes what lies before it again; and of a
 * version that one piece overwrites and a later one reads, a copy. Reads belong to the last piece.
 */
function keepCrossing(pieces: readonly Piece[], reads: readonly Node[]): void {
  if (pieces.length < 2) return
  const maker = new Map<Node, Piece>()
  const overwriter = new Map<Node, Piece>()
  const crossing = new Map<Node, Piece>()
  for (const piece of pieces) {
    const seen = new Set<Node>()
    const stack: Node[] = []
    const visit = (node: Node) => {
      if (node.alias) return
      if (node.op === 'storage') {
        const by = overwriter.get(node)
        if (by) crossing.set(node, by)
      }
      if (node.sources.length === 0) return
      const from = maker.get(node)
      if (!from) stack.push(node)
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

/** Views of leaves and numbers cost nothing to see again. */
function isWorthKeeping(node: Node): boolean {
  let at = node
  while (movesOnly.has(at.op) && !at.alias) at = at.sources[0]
  return at.sources.length > 0 && !at.alias
}
const movesOnly: ReadonlySet<string> = new Set(['reshape', 'permute', 'expand', 'slice', 'pad', 'identity'])

const markComputed = (node: Node): void => {
  node.computed = true
}

const isSettled = (node: Node): boolean =>
  node.alias !== null || (node.op === 'storage' && node.storage!.settled === node)

/** What a storage means after a write of it was refused: the version before, or the failed one itself where there never was a value. */
function standing({ storage, base, leaf }: Assign): Node {
  if (base.error) return storage.settled ?? leaf
  return base.version === 0 && storage.settled === null ? leaf : base
}

function checkCurrent(leaf: Node, asked: Node): void {
  const storage = leaf.storage!
  if (storage.disposed) throw new StaleError(asked.op, `reads ${storage.label}, which was disposed`)
  if (storage.settled !== leaf) throw stale(leaf, asked)
}

function stale(leaf: Node, asked: Node): StaleError {
  const storage = leaf.storage
  return new StaleError(
    asked.op,
    `${storage?.label ?? 'its storage'} has moved on; call .keep() on the value or read it before step()`,
    {
      'version read': leaf.version,
      'version now': storage?.settled?.version ?? 'none',
    },
  )
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

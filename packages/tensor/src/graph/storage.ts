// A storage is the only thing that owns device memory, and the only thing that changes. It has versions: `assign` makes
// version v+1, and the leaf node of each version is what graphs refer to. `head` is the newest version asked for,
// `settled` the one whose value is in the buffer once every plan handed to the device so far has run.

import type { Gradient } from '../autograd/gradient.ts'
import type { Binding } from '../backends/backend.ts'
import type { DType, TypedArray } from '../dtype.ts'
import type { Shape } from '../shape.ts'
import { sizeOf } from '../shape.ts'
import type { Engine } from './engine.ts'
import { Leaf, Node, noAttributes, noSources } from './node.ts'
import { state } from './scope.ts'

let storages = 0

/** How many storages were ever made. */
export const storageCount = (): number => storages

/**
 * What makes versions of many storages at once: a replay. Who asks for one of them gets a leaf, which fails if the run does; of most nobody asks.
 */
export class Run {
  error: unknown = null
  readonly refused = false
  /** leaves of its versions; null once it has ended */
  #leaves: Node[] | null = []

  meet(leaf: Node): void {
    if (this.error) leaf.error = this.error
    else this.#leaves?.push(leaf)
  }

  end(): void {
    this.#leaves = null
  }

  fail(error: unknown): void {
    this.error ??= error
    for (const leaf of this.#leaves ?? []) leaf.error ??= error
    this.#leaves = null
  }
}

export class Storage {
  readonly id = storages++
  readonly device: Engine
  readonly shape: Shape
  readonly dtype: DType
  /** a name for errors: a parameter's path, or `storage 12` */
  label: string
  requiresGrad = false
  /** values from the host, not yet on the device */
  host: TypedArray | null = null
  /** device memory, owned by the engine; null before the first value arrives */
  memory: Memory | null = null
  disposed = false
  /** where its gradient is collected */
  gradient: Gradient | null = null
  // scratch of a walk (graph/capture.ts)
  seen = 0
  number = 0
  // scratch of planning a piece (graph/queue.ts): how often the piece writes it, and the place of its last write among those of the piece
  writes = 0
  lastWrite = -1
  #versions = 0
  #head: Node | null
  #settled: Node | null = null
  #run: Run | null = null

  constructor(device: Engine, shape: Shape, dtype: DType) {
    this.device = device
    this.shape = shape
    this.dtype = dtype
    this.label = `storage ${this.id}`
    this.#head = this.leaf()
  }

  /** newest version asked for */
  get head(): Node {
    return this.#head ?? this.#meet()
  }
  set head(leaf: Node) {
    if (this.#head === null) this.#meet()
    this.#head = leaf
  }

  /** version in the buffer after all plans handed to the device; null before the first */
  get settled(): Node | null {
    if (this.#head === null) this.#meet()
    return this.#settled
  }
  set settled(leaf: Node | null) {
    if (this.#head === null) this.#meet()
    this.#settled = leaf
  }

  /** What tells whether the settled version has failed: its leaf, or the run that made it where nobody has asked for a leaf. */
  get source(): Node | Run | null {
    return this.#head === null ? this.#run : this.#settled
  }

  /** The same of the newest version. */
  get newest(): Node | Run {
    return this.#head ?? this.#run!
  }

  /** A run that was handed to the device makes so many versions. */
  advance(count: number, run: Run): void {
    this.#versions += count
    this.#head = this.#settled = null
    this.#run = run
  }

  #meet(): Node {
    const leaf = this.leaf(0)
    this.#head = this.#settled = leaf
    this.#run!.meet(leaf)
    this.#run = null
    return leaf
  }

  get size(): number {
    return sizeOf(this.shape)
  }

  /** Begins with values from the host. */
  hold(values: TypedArray): this {
    this.host = values
    this.settled = this.head
    state.trace?.constants.set(this, values)
    return this
  }

  /** Takes memory that the engine frees when this storage is collected. */
  adopt(memory: Memory): void {
    this.memory = memory
    this.device.queue.watch(this, memory)
  }

  /** As if just made, with the memory that it has: for replays, between which nothing refers to it. */
  renew(): void {
    this.#head = this.leaf()
    this.#settled = null
  }

  /** The leaf of a new version; of the last one when `count` writes were made at once; of the newest there is when none was. */
  leaf(count = 1): Node {
    const leaf = new Leaf()
    leaf.version = (this.#versions += count) - 1
    const node = new Node('storage', noSources, this.shape, this.dtype, this.device, noAttributes, leaf)
    node.storage = this
    node.requiresGrad = this.requiresGrad
    return node
  }
}

/** Shared between a storage and its finalizer, so that the memory is freed exactly once. */
export interface Memory {
  binding: Binding | null
}

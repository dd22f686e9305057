// What a jitted function does while it runs: it runs plainly, and this notes what a replay must know. Which fields it read (guards), which
// numbers and draws it took and what it did on the host (a tape, in order), which gradients were there before and are after, and which
// values are its own, so that nobody reads them when it is over.

import type { TypedArray } from '../dtype.ts'
import { JitError } from '../errors.ts'
import type { Generator } from '../random.ts'
import type { GradientForm } from './gradient-form.ts'
import { isObserved, type Live, observedObjects } from './live.ts'
import { type Node, nodeCount, type Origin } from './node.ts'
import type { Queue } from './queue.ts'
import { state } from './scope.ts'
import { type Storage, storageCount } from './storage.ts'
import { type Objects, WeakTable } from './weak-table.ts'

/** What is done on the host at each call, in order. */
export type TapeEntry =
  | { readonly kind: 'live'; readonly owner: number; readonly of: (owner: object) => number }
  /** key and counter of a draw; null: from the global generator */
  | { readonly kind: 'draw'; readonly generator: number | null }
  | { readonly kind: 'effect'; readonly owner: number; readonly act: (owner: object) => void }

/** A field that was read, and what it held. Objects are numbers of the trace's table. */
export interface Guard {
  readonly owner: number
  readonly key: string
  readonly value: Snapshot
}

/** A field's value: a primitive, an object by identity, an array or plain record by what it holds. */
type Snapshot =
  | { readonly kind: 'same'; readonly value: unknown }
  | { readonly kind: 'object'; readonly number: number }
  | { readonly kind: 'array'; readonly items: readonly Snapshot[] }
  | { readonly kind: 'record'; readonly keys: readonly string[]; readonly items: readonly Snapshot[] }

const deepest = 4

function snapshotOf(value: unknown, weak: WeakTable, depth = 0): Snapshot {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return { kind: 'same', value }
  if (depth < deepest && Array.isArray(value))
    return { kind: 'array', items: value.map(item => snapshotOf(item, weak, depth + 1)) }
  if (depth < deepest && isRecord(value) && !isObserved(value)) {
    const keys = Object.keys(value)
    return { kind: 'record', keys, items: keys.map(key => snapshotOf(value[key], weak, depth + 1)) }
  }
  return { kind: 'object', number: weak.numberOf(value) }
}

function isStill(snapshot: Snapshot, value: unknown, objects: Objects): boolean {
  switch (snapshot.kind) {
    case 'same':
      return Object.is(snapshot.value, value)
    case 'object':
      return value !== undefined && objects[snapshot.number] === value
    case 'array': {
      const { items } = snapshot
      if (!Array.isArray(value) || value.length !== items.length) return false
      for (let i = 0; i < items.length; i++) if (!isStill(items[i], value[i], objects)) return false
      return true
    }
    case 'record': {
      const { keys, items } = snapshot
      if (!isRecord(value)) return false
      let count = 0
      for (const key in value) {
        if (keys[count] !== key || !isStill(items[count], value[key], objects)) return false
        count++
      }
      return count === keys.length
    }
    default:
      return snapshot satisfies never
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Whether a field still holds what it held. */
export function holds({ owner, key, value }: Guard, objects: Objects): boolean {
  const object = objects[owner] as Record<string, unknown> | undefined
  return object !== undefined && isStill(value, object[key], objects)
}

export class Trace {
  /** nodes and storages from these numbers on are the function's own */
  readonly firstNode = nodeCount()
  readonly firstStorage = storageCount()
  /** everything that the recording knows weakly */
  readonly weak = new WeakTable()
  readonly guards: Guard[] = []
  readonly tape: TapeEntry[] = []
  /** of leaves: the gradient that there was before the first look at it */
  readonly gradients = new Map<Storage, GradientForm>()
  /** of leaves: whether a gradient is collected */
  readonly requiring = new Map<Storage, boolean>()
  /** computed values that somebody may hold */
  readonly made: Node[] = []
  /** values from the host that storages made inside began with */
  readonly constants = new Map<Storage, TypedArray>()
  readonly queues = new Set<Queue>()
  /** what the function did that it may not: told when it is over, in case a promise swallowed it */
  failure: JitError | null = null
  readonly #lives = new Map<Live, number>()
  #unguarded = 0

  // ---- asked by the library while the function runs

  /** What was queued before runs first, so that it is no part of the recording. */
  enter(queue: Queue): void {
    if (this.queues.has(queue)) return
    this.queues.add(queue)
    const { trace } = state
    state.trace = null
    try {
      queue.flush()
    } finally {
      state.trace = trace
    }
  }

  /** @throws JitError always */
  refuse(what: keyof typeof refusals): never {
    this.failure ??= new JitError('jit', refusals[what])
    throw this.failure
  }

  effect(owner: object, act: (owner: object) => void): void {
    this.tape.push({ kind: 'effect', owner: this.weak.numberOf(owner), act })
  }

  /** A number that an op takes, and where a replay finds it. */
  read(live: Live): { readonly value: number; readonly origin: Origin } {
    this.#unguarded++
    const value = live.read()
    this.#unguarded--
    let entry = this.#lives.get(live)
    if (entry === undefined) {
      entry = this.tape.push({ kind: 'live', owner: this.weak.numberOf(live.owner), of: live.of }) - 1
      this.#lives.set(live, entry)
    }
    return { value, origin: { entry, part: 0 } }
  }

  /** @returns the entry of a draw */
  draw(generator: Generator | null): number {
    return this.tape.push({ kind: 'draw', generator: generator && this.weak.numberOf(generator) }) - 1
  }

  gradient(leaf: Storage, form: GradientForm): void {
    if (!this.gradients.has(leaf)) this.gradients.set(leaf, form)
  }

  requires(leaf: Storage): void {
    if (!this.requiring.has(leaf)) this.requiring.set(leaf, leaf.requiresGrad)
  }

  // ---- around the run

  /** Runs `run` with the fields of all observed objects watched. */
  watching<T>(run: () => T): T {
    const restore: (() => void)[] = []
    try {
      for (const object of observedObjects()) restore.push(this.#watch(object))
      return run()
    } finally {
      for (const undo of restore) undo()
    }
  }

  #watch(object: object): () => void {
    const fields = object as Record<string, unknown>
    const watched: { key: string; end: () => void }[] = []
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
      if (!descriptor.configurable || !descriptor.enumerable || !('value' in descriptor)) continue
      let { value } = descriptor
      let known = false
      const before = value
      Object.defineProperty(object, key, {
        configurable: true,
        enumerable: true,
        get: () => {
          if (!known && this.#unguarded === 0) {
            known = true
            this.guards.push({ owner: this.weak.numberOf(object), key, value: snapshotOf(value, this.weak) })
          }
          return value
        },
        set: (next: unknown) => {
          // what the function wrote itself is no condition of it
          known = true
          value = next
        },
      })
      const end = (): void => {
        Object.defineProperty(object, key, { ...descriptor, value })
        if (typeof before !== 'object' && !Object.is(before, value) && typeof value !== 'object')
          this.failure ??= new JitError(
            'jit',
            `the function sets ${key} of a ${object.constructor.name} from ${before} to ${value}, which no replay would do; set it outside`,
          )
      }
      watched.push({ key, end })
    }
    return () => {
      for (const { key, end } of watched) if (Object.hasOwn(fields, key)) end()
    }
  }

  /** Ends the life of what was made inside and not given out. */
  seal(outputs: ReadonlySet<Node>): void {
    for (const node of this.made) {
      if (outputs.has(node) || node.storage !== null) continue
      node.error = sealed()
      node.sources = []
      node.alias = null
      node.released = true
    }
  }
}

export const sealed = (): JitError =>
  new JitError(
    'jit',
    'a tensor was made inside of a jitted function and not returned; return it, or assign it to a tensor made outside',
  )

const refusals = {
  read: 'values cannot be read inside of a jitted function; return the tensor and read it outside',
  run: 'nothing can be run inside of a jitted function, whose effects run when it is over; call realize() outside',
  dispose: 'nothing can be disposed inside of a jitted function; do it outside',
  host: 'a generator cannot give numbers to the host inside of a jitted function, they would be the same at each call; draw a tensor with rand() or randint()',
  seed: 'a generator cannot be set inside of a jitted function; do it outside',
  move: 'tensors cannot change devices inside of a jitted function; move them outside',
} as const

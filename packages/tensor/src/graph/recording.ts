// What a trace leaves: the pieces that ran, as plans and what they bind. Storages are slots: an argument, one that persists (held weakly), a
// constant made inside, or one that each call makes anew. Two recordings of one function are compared here, which is where it is told that a
// function is not the same at each call.

import type { DType, TypedArray } from '../dtype.ts'
import { JitError } from '../errors.ts'
import type { Shape } from '../shape.ts'
import type { Engine } from './engine.ts'
import type { Prepared } from './executor.ts'
import type { WeakForm } from './gradient-form.ts'
import type { Origin } from './node.ts'
import type { PieceRecord, Queue } from './queue.ts'
import type { Storage } from './storage.ts'
import type { Guard, TapeEntry, Trace } from './trace.ts'
import type { WeakTable } from './weak-table.ts'
import { sameKey } from './words.ts'

export type Slot =
  | { readonly kind: 'argument'; readonly index: number }
  | {
      readonly kind: 'captured'
      /** in the recording's table */
      readonly number: number
      readonly requiresGrad: boolean
      readonly label: string
    }
  /** made inside from values of the host, and only read */
  | { readonly kind: 'constant'; readonly storage: Storage; readonly data: TypedArray }
  | {
      readonly kind: 'local'
      readonly engine: Engine
      readonly shape: Shape
      readonly dtype: DType
      readonly requiresGrad: boolean
      /** values from the host that it begins with */
      readonly data: TypedArray | null
    }

/** Where a number comes from: fixed, looked up at each call, or an argument. */
export type Source = null | Origin | { readonly argument: number }

export interface RecordedPiece {
  readonly queue: Queue
  readonly prepared: Prepared
  /** slots of the storages that it reads and of those that it writes */
  readonly storages: readonly number[]
  readonly targets: readonly number[]
  readonly writes: readonly number[]
  readonly scalars: readonly number[]
  readonly sources: Source[]
  /** numbers that have a source */
  readonly moving: readonly number[]
  // what is compared
  readonly key: Int32Array
  readonly sizes: readonly number[]
  readonly nodes: readonly { readonly op: string; readonly sources: readonly number[]; readonly leaf: number }[]
}

export type Result =
  | { readonly kind: 'argument'; readonly index: number }
  /** an argument that is a number */
  | { readonly kind: 'number'; readonly index: number; readonly value: number }
  | { readonly kind: 'slot'; readonly slot: number }
  /** a tensor from outside */
  | { readonly kind: 'handle'; readonly number: number }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'list'; readonly items: readonly Result[] }
  | { readonly kind: 'record'; readonly keys: readonly string[]; readonly items: readonly Result[] }

export interface Recording {
  /** of everything below that is a number of an object */
  readonly weak: WeakTable
  readonly slots: readonly Slot[]
  /** the slots of storages that persist, and all others */
  readonly captured: readonly number[]
  readonly others: readonly number[]
  /** slots that a call gives out */
  readonly given: ReadonlySet<number>
  readonly pieces: readonly RecordedPiece[]
  readonly tape: readonly TapeEntry[]
  readonly guards: readonly Guard[]
  readonly gradients: readonly {
    readonly leaf: number
    readonly before: WeakForm
    readonly after: WeakForm
  }[]
  readonly requiring: readonly { readonly leaf: number; readonly value: boolean }[]
  readonly result: Result
  /** storages of the recorded call that each call makes anew and does not give out */
  readonly made: readonly WeakRef<Storage>[]
  /** by slot: what stands for them in replays, which run one after the other and so may have the same memory */
  readonly inner: Map<number, Storage>
}

/** Numbers the storages of the pieces of a traced call. */
export class Slots {
  readonly slots: Slot[] = []
  readonly #numbers = new Map<Storage, number>()
  readonly #trace: Trace
  readonly #arguments: readonly Storage[]
  readonly #written = new Set<Storage>()

  constructor(trace: Trace, args: readonly Storage[], pieces: readonly PieceRecord[]) {
    this.#trace = trace
    this.#arguments = args
    for (const { targets } of pieces) for (const t of targets) this.#written.add(t.storage)
  }

  numberOf(storage: Storage): number {
    let number = this.#numbers.get(storage)
    if (number === undefined) {
      number = this.slots.push(this.#slotOf(storage)) - 1
      this.#numbers.set(storage, number)
    }
    return number
  }

  /** Storages that every call makes anew and does not give out. */
  own(given: ReadonlySet<Storage>): Storage[] {
    return [...this.#numbers].flatMap(([storage, n]) =>
      this.slots[n].kind === 'local' && !given.has(storage) ? storage : [],
    )
  }

  #slotOf(storage: Storage): Slot {
    const index = this.#arguments.indexOf(storage)
    if (index >= 0) return { kind: 'argument', index }
    const { device, shape, dtype, requiresGrad, label } = storage
    if (storage.id < this.#trace.firstStorage)
      return { kind: 'captured', number: this.#trace.weak.numberOf(storage), requiresGrad, label }
    const data = this.#trace.constants.get(storage) ?? null
    if (data && !this.#written.has(storage)) return { kind: 'constant', storage, data }
    return { kind: 'local', engine: device, shape, dtype, requiresGrad, data }
  }
}

export function recordPiece(queue: Queue, { prepared, captured, targets }: PieceRecord, slots: Slots): RecordedPiece {
  const { order, nodes, storages, scalars, sizes, key } = captured
  const sources: Source[] = []
  for (const { op, leaf, attributes } of order) {
    if (op === 'scalar') sources.push(leaf!.origin)
    // numbers that are looked up are sources of a call; those within are fixed
    else if (attributes.subgraph) for (const _ of attributes.subgraph.scalars) sources.push(null)
  }
  return {
    queue,
    prepared,
    storages: storages.map(s => slots.numberOf(s)),
    targets: targets.map(t => slots.numberOf(t.storage)),
    writes: targets.map(t => t.writes),
    scalars,
    sources,
    moving: movingOf(sources),
    key,
    sizes,
    nodes: nodes.map(({ op, sources, leaf }) => ({ op, sources, leaf })),
  }
}

const movingOf = (sources: readonly Source[]): number[] => sources.flatMap((source, i) => (source ? [i] : []))

/**
 * Compares two recordings of one function.
 * @param numbers the numbers among the arguments, of both calls
 * @returns the later one, in which numbers that followed an argument are bound to it
 * @throws JitError naming the number or the branch
 */
export function merge(a: Recording, b: Recording, numbers: readonly [readonly number[], readonly number[]]): Recording {
  if (a.pieces.length !== b.pieces.length)
    differ(`it queued ${a.pieces.length} and then ${b.pieces.length} pieces of work`)
  a.pieces.forEach((piece, i) => sameStructure(piece, b.pieces[i]))
  a.slots.forEach((slot, i) => sameSlot(slot, b.slots[i], a.weak, b.weak))
  if (a.slots.length !== b.slots.length) differ('it used other tensors')
  if (!sameTape(a, b)) differ('it took other draws or live numbers')
  sameResult(a.result, b.result, { numbers, before: a.weak, after: b.weak })
  const pieces = a.pieces.map((piece, i) => {
    const other = b.pieces[i]
    const sources = piece.sources.map((source, s) => {
      const now = other.sources[s]
      if (now && source && 'entry' in now && 'entry' in source) {
        if (now.entry !== source.entry || now.part !== source.part)
          differ('it took draws or live numbers in another order')
        return now
      }
      const [before, after] = [piece.scalars[s], other.scalars[s]]
      if (source && 'argument' in source && !now) {
        if (Object.is(after, numbers[1][source.argument])) return source
      } else if (!source && !now) {
        if (Object.is(before, after)) return null
        const argument = numbers[0].findIndex((n, j) => Object.is(n, before) && Object.is(numbers[1][j], after))
        if (argument >= 0) return { argument }
      }
      const op = opOf(other, s)
      return differ(`${op} took the number ${before} in one call and ${after} in another`)
    })
    return { ...other, sources, moving: movingOf(sources) }
  })
  // one that moved and went to no op may have decided something that these two calls do not show
  numbers[1].forEach((n, i) => {
    if (!Object.is(n, numbers[0][i]) && !goesToOps(pieces, i) && !isReturned(b.result, i))
      differ(`an argument was ${numbers[0][i]} in one call and ${n} in another, and goes to no op`)
  })
  return { ...b, pieces }
}

const goesToOps = (pieces: readonly RecordedPiece[], argument: number): boolean =>
  pieces.some(p => p.sources.some(s => s !== null && 'argument' in s && s.argument === argument))

function isReturned(result: Result, argument: number): boolean {
  if (result.kind === 'number') return result.index === argument
  return (result.kind === 'list' || result.kind === 'record') && result.items.some(r => isReturned(r, argument))
}

function differ(what: string): never {
  throw new JitError(
    'jit',
    `the function was not the same at two calls: ${what}; pass what changes as an argument (a tensor, or a number that goes to ops as it is)`,
  )
}

/** The op that takes a scalar, past what only changes its form. */
function opOf({ nodes }: RecordedPiece, slot: number): string {
  let at = nodes.findIndex(n => n.op === 'scalar' && n.leaf === slot)
  for (;;) {
    const user = nodes.findIndex(n => n.sources.includes(at))
    if (user < 0) return 'an op'
    const { op } = nodes[user]
    if (!['reshape', 'expand', 'cast', 'identity'].includes(op)) return op
    at = user
  }
}

function sameStructure(a: RecordedPiece, b: RecordedPiece): void {
  const same = (x: readonly number[], y: readonly number[]): boolean =>
    x.length === y.length && x.every((n, i) => n === y[i])
  if (!sameKey(a.key, b.key) || !same(a.sizes, b.sizes)) {
    const count = Math.min(a.nodes.length, b.nodes.length)
    for (let i = 0; i < count; i++)
      if (a.nodes[i].op !== b.nodes[i].op)
        differ(`a branch went to ${a.nodes[i].op} in one call and to ${b.nodes[i].op} in another`)
    if (a.nodes.length !== b.nodes.length)
      differ(
        `a branch computed ${a.nodes.length} values in one call and ${b.nodes.length} in another, from ${(a.nodes.length > b.nodes.length ? a : b).nodes[count].op} on`,
      )
    const i = a.nodes.findIndex((n, j) => !same(n.sources, b.nodes[j].sources) || n.leaf !== b.nodes[j].leaf)
    differ(
      `a branch gave ${i < 0 ? 'an op another attribute, such as an axis or a size' : `${a.nodes[i].op} other operands`}`,
    )
  }
  if (!same(a.storages, b.storages) || !same(a.targets, b.targets) || !same(a.writes, b.writes))
    differ('it read or wrote other tensors')
}

function sameSlot(a: Slot, b: Slot, before: WeakTable, after: WeakTable): void {
  if (a.kind === 'argument' && b.kind === 'argument' && a.index === b.index) return
  if (a.kind === 'captured' && b.kind === 'captured') {
    if (before.at(a.number) === after.at(b.number)) return
    differ(`it used ${a.label} in one call and ${b.label} in another, neither of which is an argument`)
  }
  if (a.kind === 'constant' && b.kind === 'constant') {
    const at = a.data.length === b.data.length ? a.data.findIndex((v, i) => !Object.is(v, b.data[i])) : 0
    if (at < 0) return
    differ(`a tensor made inside held the number ${a.data[at]} in one call and ${b.data[at]} in another`)
  }
  if (a.kind === 'local' && b.kind === 'local') return
  differ(`it used ${nameOf(a)} in one call and ${nameOf(b)} in another`)
}

const nameOf = (slot: Slot): string =>
  slot.kind === 'captured' ? slot.label : `a tensor that is ${slotNames[slot.kind]}`
const slotNames = { argument: 'an argument', constant: 'made inside', local: 'made inside' } as const

function sameTape(a: Recording, b: Recording): boolean {
  const isSame = (before: number | null, after: number | null): boolean =>
    before === null || after === null ? before === after : a.weak.at(before) === b.weak.at(after)
  return (
    a.tape.length === b.tape.length &&
    a.tape.every((entry, i) => {
      const other = b.tape[i]
      if (entry.kind === 'draw' && other.kind === 'draw') return isSame(entry.generator, other.generator)
      if (entry.kind === 'effect' && other.kind === 'effect') return isSame(entry.owner, other.owner)
      return entry.kind === other.kind
    })
  )
}

/** What two results are compared by. */
interface Calls {
  /** among the arguments */
  readonly numbers: readonly [readonly number[], readonly number[]]
  readonly before: WeakTable
  readonly after: WeakTable
}

function sameResult(a: Result, b: Result, calls: Calls): void {
  const items = (x: readonly Result[], y: readonly Result[]): void => {
    if (x.length !== y.length) differ(`it returned ${x.length} values in one call and ${y.length} in another`)
    x.forEach((item, i) => sameResult(item, y[i], calls))
  }
  if (
    (a.kind === 'list' && b.kind === 'list') ||
    (a.kind === 'record' && b.kind === 'record' && a.keys.join() === b.keys.join())
  ) {
    items(a.items, b.items)
    return
  }
  if (a.kind === 'slot' && b.kind === 'slot' && a.slot === b.slot) return
  if ((a.kind === 'argument' || a.kind === 'number') && a.kind === b.kind && a.index === b.index) return
  if (a.kind === 'handle' && b.kind === 'handle' && calls.before.at(a.number) === calls.after.at(b.number)) return
  if (a.kind === 'value' && b.kind === 'value') {
    if (Object.is(a.value, b.value)) return
    differ(`it returned ${String(a.value)} in one call and ${String(b.value)} in another`)
  }
  differ('it returned something else')
}

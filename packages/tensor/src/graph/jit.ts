// jit(fn): after a few calls that run plainly and are recorded, calls skip building the graph. A call looks for a recording whose conditions
// hold (the form of the arguments, the fields that were read, which gradients are there), looks the moving numbers up, and hands the recorded
// pieces to the queue, leaving the host as the plain call would. Where no recording fits, it runs plainly and makes one.

import { debuggingAnything } from '../debug.ts'
import { defaultEngine } from '../device.ts'
import { JitError } from '../errors.ts'
import { drawWords, type Generator } from '../random.ts'
import { Tensor } from '../tensor.ts'
import { conditionsHold, type Found, find, type HeldPiece, open } from './found.ts'
import { weakForm } from './gradient-form.ts'
import type { Node } from './node.ts'
import { type PieceRecord, type Queue, quietly, type Replay } from './queue.ts'
import { merge, type RecordedPiece, type Recording, type Result, recordPiece, type Slot, Slots } from './recording.ts'
import { state, within } from './scope.ts'
import { Storage } from './storage.ts'
import { isRecord, sealed, Trace } from './trace.ts'
import type { Objects } from './weak-table.ts'

export interface Jitted<A extends unknown[], R> {
  (...args: A): R
  /** Forgets the recordings and frees what they hold. */
  [Symbol.dispose](): void
}

/**
 * A function that builds its graph a few times and then skips that: the same results, at less cost to the host.
 *
 * `fn` is synchronous. Its inputs are its arguments (tensors, modules, numbers, nested in arrays and plain objects), tensors that persist
 * (parameters, buffers, `.grad`, optimizer state) and generators; what it does are its results and its effects (`assign`, `backward`,
 * `optimizer.step()`, which only queues), in order. Results carry no gradient history. Values cannot be read inside, and a tensor made
 * inside and not returned cannot be used outside. For back-pressure in a loop, await `step([result])` or a read.
 *
 * The first call runs plainly. The next two are recorded and must agree, or a JitError names the number or the branch; calls after them
 * replay. Arguments of other shapes, `train()` and `eval()`, a replaced layer, any field of a module or of an optimizer's group that was read
 * and has changed: each is recorded anew. Learning rates, step counts and random draws are looked up at each call. A number among the
 * arguments is an input where it goes to ops as it is, once two calls have shown so; until then, and where it is computed with on the host,
 * each value of it has a recording of its own. Any other number or branch that `fn` takes from around it is frozen; with CAIRN_DEBUG set,
 * every 100th call is traced again and compared.
 *
 * @example
 * const train = jit((x: Tensor, y: Tensor) => {
 *   const loss = crossEntropy(model.forward(x), y)
 *   opt.zeroGrad()
 *   loss.backward()
 *   opt.step()
 *   return loss
 * })
 * @throws JitError when `fn` returns a Promise, reads a value, or is not the same at each call
 */
export function jit<A extends unknown[], R>(fn: (...args: A) => R): Jitted<A, R> {
  const jitted = new JittedFunction(fn as (...args: unknown[]) => unknown)
  const call = (...args: A): R => jitted.call(args) as R
  return Object.assign(call, { [Symbol.dispose]: () => jitted.dispose() })
}

/** Recordings kept for one function; the least recently used go first. */
const variantsKept = 32
const checkedEvery = 100

interface Inputs {
  /** the form: kinds, shapes, and what is neither a tensor nor a number */
  readonly form: readonly unknown[]
  readonly tensors: readonly Tensor[]
  readonly numbers: readonly number[]
  /** where the tensors' values are */
  readonly storages: readonly Storage[]
}

interface Variant {
  /** objects weakly */
  readonly form: readonly unknown[]
  recording: Recording
  numbers: readonly number[]
  storages: readonly WeakRef<Storage>[]
  /** arguments that were the same at each traced call: they may be what the function knows from around it, and so are conditions */
  readonly fixedNumbers: boolean[]
  readonly fixedStorages: boolean[]
  /** two recordings agreed */
  ready: boolean
  /** the next disagreement is told: before it, lazy state may have been made */
  strict: boolean
  /** a disagreement was forgiven because the later call found what the one before had made */
  settled: boolean
  used: number
  calls: number
}

class JittedFunction {
  readonly #fn: (...args: unknown[]) => unknown
  #variants: Variant[] = []
  #calls = 0

  constructor(fn: (...args: unknown[]) => unknown) {
    this.#fn = fn
  }

  dispose(): void {
    for (const { recording } of this.#variants) {
      recording.weak.letGo()
      for (const storage of recording.inner.values()) storage.device.queue.dispose(storage)
    }
    this.#variants = []
  }

  call(args: unknown[]): unknown {
    // a part of the function around it
    if (state.trace || state.transform) return this.#fn(...args)
    const inputs = inputsOf(args)
    const first = this.#calls++ === 0
    if (!inputs || first) return this.#run(args, inputs).result
    let near: Variant | null = null
    for (const variant of this.#variants) {
      const found = sameForm(variant.form, inputs.form) ? find(variant.recording) : null
      if (!found || !conditionsHold(variant.recording, found)) continue
      if (!sameFixed(variant, inputs)) {
        if (!near || (!sameFixedNumbers(near, inputs) && sameFixedNumbers(variant, inputs))) near = variant
      } else if (variant.ready && !this.#isDue(variant)) {
        variant.used = this.#calls
        return replay(variant.recording, found, inputs)
      } else {
        near = variant
        break
      }
    }
    return this.#trace(args, inputs, near)
  }

  #isDue(variant: Variant): boolean {
    return ++variant.calls % checkedEvery === 0 && debuggingAnything()
  }

  /** @param near a recording of the same form; it may differ in arguments that were fixed so far */
  #trace(args: unknown[], inputs: Inputs, near: Variant | null): unknown {
    const { result, recording } = this.#run(args, inputs)
    if (!recording) return result
    // whether the arguments may be why it went another way
    const exact =
      near !== null &&
      sameFixedNumbers(near, inputs) &&
      !captures(near.recording, inputs.storages) &&
      !captures(
        recording,
        near.storages.map(s => s.deref()),
      )
    const numbers = [...inputs.numbers]
    const storages = inputs.storages.map(s => new WeakRef(s))
    if (near) {
      try {
        const merged = merge(near.recording, recording, [near.numbers, numbers])
        near.recording = merged
        numbers.forEach((n, i) => (near.fixedNumbers[i] &&= Object.is(n, near.numbers[i])))
        storages.forEach((s, i) => (near.fixedStorages[i] &&= s.deref() === near.storages[i].deref()))
        near.numbers = numbers
        near.storages = storages
        near.ready = near.strict = true
        sealStorages(merged)
        near.used = this.#calls
        return result
      } catch (error) {
        if (!(error instanceof JitError)) throw error
        if (exact) {
          const foundState = !near.settled && findsMade(recording, near.recording)
          near.recording = recording
          near.ready = false
          if (near.strict && !foundState) throw error
          near.strict = true
          near.settled ||= foundState
          return result
        }
      }
    }
    this.#variants.push({
      form: inputs.form.map(weakly),
      recording,
      numbers,
      storages,
      fixedNumbers: numbers.map(() => true),
      fixedStorages: storages.map(() => true),
      ready: false,
      strict: this.#variants.length === 0,
      settled: false,
      used: this.#calls,
      calls: 0,
    })
    if (this.#variants.length > variantsKept) {
      const oldest = this.#variants.reduce((a, b) => (b.used < a.used ? b : a))
      this.#variants = this.#variants.filter(v => v !== oldest && isAlive(v.recording))
    }
    return result
  }

  /** Runs the function plainly, and records it where the device plans at once. */
  #run(args: unknown[], inputs: Inputs | null): { result: unknown; recording: Recording | null } {
    const trace = new Trace()
    let result: unknown
    try {
      result = trace.watching(() => within('jit', { trace }, () => this.#fn(...args)))
    } catch (error) {
      throw trace.failure ?? error
    }
    for (const [leaf, before] of trace.requiring)
      if (leaf.id < trace.firstStorage && leaf.requiresGrad !== before)
        trace.failure ??= new JitError('jit', `the function sets requiresGrad of ${leaf.label}; set it outside`)
    if (trace.failure) throw trace.failure
    const outputs = new Set<Node>()
    for (const t of tensorsOf(result)) {
      if (t.storage || t.node.id < trace.firstNode || t.node.alias) continue
      outputs.add(t.node)
      trace.enter(t.engine.queue)
    }
    const pieces: { queue: Queue; record: PieceRecord }[] = []
    const planned: Promise<unknown>[] = []
    // memory for a gradient that was made in this call stays: the next one is the first to write it as all others do
    const { firstStorage } = trace
    let complete =
      inputs !== null && ![...trace.gradients.keys()].some(leaf => leaf.gradient?.isMadeSince(firstStorage))
    for (const queue of trace.queues) {
      complete &&= queue.ready
      const own = [...outputs].filter(node => node.device.queue === queue)
      const outside = queue.outside(own, trace.firstNode)
      const started = queue.finish(own, outside, record => pieces.push({ queue, record }))
      quietly(started.finished)
      if (started.planned) planned.push(started.planned)
    }
    if (planned.length) {
      const end = (): void => trace.seal(outputs)
      Promise.all(planned).then(end, end)
      return { result, recording: null }
    }
    trace.seal(outputs)
    if (!complete) return { result, recording: null }
    return { result, recording: recordingOf(trace, pieces, inputs!, result) }
  }
}

function recordingOf(
  trace: Trace,
  pieces: readonly { queue: Queue; record: PieceRecord }[],
  { storages, tensors, numbers }: Inputs,
  result: unknown,
): Recording {
  const slots = new Slots(
    trace,
    storages,
    pieces.map(p => p.record),
  )
  const recorded = pieces.map(({ queue, record }) => recordPiece(queue, record, slots))
  const resultOf = (value: unknown): Result => {
    if (value instanceof Tensor) {
      const index = tensors.indexOf(value)
      if (index >= 0) return { kind: 'argument', index }
      const storage = value.storage ?? (value.node.alias ?? value.node).storage!
      if (storage.id < trace.firstStorage) return { kind: 'handle', number: trace.weak.numberOf(value) }
      return { kind: 'slot', slot: slots.numberOf(storage) }
    }
    if (typeof value === 'number') {
      const index = numbers.indexOf(value)
      if (index >= 0) return { kind: 'number', index, value }
    }
    if (Array.isArray(value)) return { kind: 'list', items: value.map(resultOf) }
    if (isRecord(value)) return { kind: 'record', keys: Object.keys(value), items: Object.values(value).map(resultOf) }
    return { kind: 'value', value }
  }
  const template = resultOf(result)
  const given = new Set(tensorsOf(result).flatMap(t => (t.node.alias ?? t.node).storage ?? []))
  const captured: number[] = []
  const others: number[] = []
  slots.slots.forEach((slot, i) => (slot.kind === 'captured' ? captured : others).push(i))
  return {
    weak: trace.weak,
    slots: slots.slots,
    captured,
    others,
    given: slotsOf(template),
    pieces: recorded,
    tape: trace.tape,
    guards: trace.guards,
    gradients: [...trace.gradients]
      .filter(([leaf]) => leaf.id < trace.firstStorage)
      .map(([leaf, before]) => ({
        leaf: trace.weak.numberOf(leaf),
        before: weakForm(before, trace.weak),
        after: weakForm(leaf.gradient?.form ?? null, trace.weak),
      })),
    requiring: [...trace.requiring]
      .filter(([leaf]) => leaf.id < trace.firstStorage)
      .map(([leaf, value]) => ({ leaf: trace.weak.numberOf(leaf), value })),
    result: template,
    made: slots.own(given).map(s => new WeakRef(s)),
    inner: new Map(),
  }
}

// ---- arguments

/** @returns null when the values of an argument are not there yet (a device that is starting, a transfer): such a call runs plainly */
function inputsOf(args: readonly unknown[]): Inputs | null {
  const form: unknown[] = [state.grad, defaultEngine()]
  const tensors: Tensor[] = []
  const numbers: number[] = []
  const visit = (value: unknown, depth: number): void => {
    if (value instanceof Tensor) {
      tensors.push(value)
      form.push('tensor', value.dtype, value.engine, value.requiresGrad, value.ndim, ...value.shape)
    } else if (typeof value === 'number') {
      numbers.push(value)
      form.push('number')
    } else if (Array.isArray(value) && depth < 8) {
      form.push('list', value.length)
      for (const item of value) visit(item, depth + 1)
    } else if (ArrayBuffer.isView(value))
      throw new JitError('jit', 'an argument is a typed array, whose values would be frozen; make it a tensor outside')
    else if (isRecord(value) && depth < 8) {
      const keys = Object.keys(value)
      form.push('record', keys.length, ...keys)
      for (const key of keys) visit(value[key], depth + 1)
    } else form.push('value', value)
  }
  visit(args, 0)
  for (const t of tensors) {
    if (t.storage || t.node.alias || t.node.op === 'storage') continue
    if (t.node.error) throw t.node.error
    if (t.requiresGrad)
      throw new JitError(
        'jit',
        'an argument is a computed tensor with gradient history, which ends here; pass what it was computed from, or detach() it',
      )
    t.engine.queue.keep(t.node, t)
  }
  for (const engine of new Set(tensors.map(t => t.engine))) engine.queue.flush()
  const storages: Storage[] = []
  for (const t of tensors) {
    const storage = t.storage ?? (t.node.alias ?? t.node).storage
    if (!storage) return null
    storages.push(storage)
  }
  // which arguments are one
  storages.forEach((storage, i) => form.push(storages.indexOf(storage) === i ? -1 : storages.indexOf(storage)))
  return { form, tensors, numbers, storages }
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

const weakly = (value: unknown): unknown => (isObject(value) ? new WeakRef(value) : value)

function sameForm(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]]
    if (isObject(y) ? (x as Partial<WeakRef<object>> | null)?.deref?.() !== y : !Object.is(x, y)) return false
  }
  return true
}

function sameFixed(variant: Variant, inputs: Inputs): boolean {
  const { storages } = inputs
  for (let i = 0; i < storages.length; i++)
    if (variant.fixedStorages[i] && variant.storages[i].deref() !== storages[i]) return false
  return sameFixedNumbers(variant, inputs)
}

function sameFixedNumbers({ fixedNumbers, numbers: before }: Variant, { numbers }: Inputs): boolean {
  for (let i = 0; i < numbers.length; i++) if (fixedNumbers[i] && !Object.is(numbers[i], before[i])) return false
  return true
}

const captures = ({ slots, weak }: Recording, storages: readonly (Storage | undefined)[]): boolean =>
  slots.some(s => s.kind === 'captured' && storages.includes(weak.at(s.number) as Storage | undefined))

/** Whether a call used what the one before had made for good: state, the first time that it was asked for. */
const findsMade = (later: Recording, { made }: Recording): boolean =>
  captures(
    later,
    made.flatMap(ref => ref.deref() ?? []),
  )

function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  if (Array.isArray(value)) return value.flatMap(tensorsOf)
  return isRecord(value) ? Object.values(value).flatMap(tensorsOf) : []
}

/** From now on calls make these anew: who holds the last ones must not take them for those of the next call. */
function sealStorages({ made }: Recording): void {
  for (const ref of made) {
    const storage = ref.deref()
    if (!storage) continue
    storage.head.error ??= sealed()
    if (storage.settled) storage.settled.error ??= storage.head.error
  }
}

const isAlive = ({ slots, weak }: Recording): boolean =>
  slots.every(s => s.kind !== 'captured' || weak.at(s.number) !== undefined)

// ---- replay

function slotsOf(result: Result): Set<number> {
  const found = new Set<number>()
  const visit = (of: Result): void => {
    if (of.kind === 'slot') found.add(of.slot)
    else if (of.kind === 'list' || of.kind === 'record') of.items.forEach(visit)
  }
  visit(result)
  return found
}

/** What a slot that does not persist stands for in this call. */
function storageOf(
  slot: Exclude<Slot, { kind: 'captured' }>,
  number: number,
  { given, inner }: Recording,
  { storages }: Inputs,
): Storage {
  switch (slot.kind) {
    case 'argument':
      return storages[slot.index]
    case 'constant':
      return slot.storage
    case 'local': {
      // where calls wait to be handed over, one's versions must not stand for another's
      const again = !slot.data && !given.has(number) && slot.engine.queue.ready
      const before = again && inner.get(number)
      if (before) return before
      const storage = new Storage(slot.engine, slot.shape, slot.dtype)
      storage.requiresGrad = storage.head.requiresGrad = slot.requiresGrad
      if (again) inner.set(number, storage)
      return slot.data ? storage.hold(slot.data) : storage
    }
    default:
      return slot satisfies never
  }
}

/** What a tape gives: a number, or those of a draw. */
type Looked = number | readonly number[]

function fillIn(
  into: HeldPiece,
  { storages, targets, sources, moving }: RecordedPiece,
  bound: readonly Storage[],
  looked: readonly Looked[],
  numbers: readonly number[],
): void {
  const { openStorages, openTargets } = into
  for (let i = 0; i < openStorages.length; i++) into.bound.storages[openStorages[i]] = bound[storages[openStorages[i]]]
  for (let i = 0; i < openTargets.length; i++) into.bound.targets[openTargets[i]] = bound[targets[openTargets[i]]]
  const { scalars } = into.bound
  for (let i = 0; i < moving.length; i++) {
    const source = sources[moving[i]]!
    if ('argument' in source) scalars[moving[i]] = numbers[source.argument]
    else {
      const value = looked[source.entry]
      scalars[moving[i]] = typeof value === 'number' ? value : value[source.part]
    }
  }
}

/** Plain loops over lists that are there: a training step has hundreds of everything, at each call. */
function replay(recording: Recording, found: Found, inputs: Inputs): unknown {
  const { slots, others, pieces, tape, result } = recording
  const { objects, bound, gradients } = found
  const { tensors, numbers } = inputs
  for (let i = 0; i < pieces.length; i++)
    if (i === 0 || pieces[i].queue !== pieces[i - 1].queue) pieces[i].queue.flush()
  const looked = new Array<Looked>(tape.length)
  for (let i = 0; i < tape.length; i++) looked[i] = lookUp(tape[i], objects)
  for (let i = 0; i < others.length; i++) {
    const slot = slots[others[i]]
    if (slot.kind !== 'captured') bound[others[i]] = storageOf(slot, others[i], recording, inputs)
  }
  for (let from = 0; from < pieces.length; ) {
    const { queue } = pieces[from]
    const runs: Replay[] = []
    for (; from < pieces.length && pieces[from].queue === queue; from++) {
      fillIn(found.pieces[from], pieces[from], bound, looked, numbers)
      runs.push(found.pieces[from])
    }
    const leave = (): void => {
      for (let i = 0; i < gradients.length; i++) {
        const { leaf, after } = gradients[i]
        if (leaf.device.queue === queue) leaf.gradient?.leave(after)
      }
    }
    quietly(queue.replay(runs, leave))
  }
  const rebuild = (of: Result): unknown => {
    switch (of.kind) {
      case 'argument':
        return tensors[of.index]
      case 'number':
        return numbers[of.index]
      case 'slot':
        return resultTensor(bound[of.slot])
      case 'handle':
        return objects[of.number]
      case 'value':
        return of.value
      case 'list':
        return of.items.map(rebuild)
      case 'record':
        return Object.fromEntries(of.keys.map((key, i) => [key, rebuild(of.items[i])]))
      default:
        return of satisfies never
    }
  }
  const given = rebuild(result)
  open(recording, found)
  return given
}

function lookUp(entry: Recording['tape'][number], objects: Objects): Looked {
  switch (entry.kind) {
    case 'live': {
      const owner = objects[entry.owner]
      if (!owner) throw new JitError('jit', 'what a learning rate belongs to is gone')
      return entry.of(owner)
    }
    case 'draw': {
      const generator = entry.generator === null ? undefined : (objects[entry.generator] as Generator | undefined)
      if (entry.generator !== null && !generator)
        throw new JitError('jit', 'a generator that the function draws from is gone')
      return drawWords(generator)
    }
    case 'effect': {
      const owner = objects[entry.owner]
      if (owner) entry.act(owner)
      return 0
    }
    default:
      return entry satisfies never
  }
}

/** A computed value, not a name for the storage: as a plain call gives it. */
const resultTensor = (storage: Storage): Tensor => new Tensor(storage.head)

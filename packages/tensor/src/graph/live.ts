// Numbers that move between the calls of a jitted function, and what else its host side does. A library hands them over as what they are:
// a way to read the number again, and an act to do again. Without jit they are the number and the act.

import { state } from './scope.ts'

/** A number that is read when an op takes it, and at each call of a jitted function. Goes wherever an op takes a number. */
export class Live {
  readonly owner: object
  readonly of: (owner: object) => number
  constructor(owner: object, of: (owner: object) => number) {
    this.owner = owner
    this.of = of
  }
  read(): number {
    return this.of(this.owner)
  }
}

/**
 * A number of an object that may move from call to call, such as a learning rate: `p.sub(g.mul(live(group, o => o.lr)))`.
 * @param read gives the number, from the object alone
 */
export function live<T extends object>(owner: T, read: (owner: T) => number): Live {
  return new Live(owner, read as (owner: object) => number)
}

/**
 * Does something on the host that a jitted function does at each call: now, and again at each replay, in order with the numbers that are read.
 * @param act works on the object alone
 */
export function effect<T extends object>(owner: T, act: (owner: T) => void): void {
  state.trace?.effect(owner, act as (owner: object) => void)
  act(owner)
}

const observed = new Set<WeakRef<object>>()
const marked = new WeakSet<object>()
/** What decides by its own fields, each a condition where it was read, is itself the same as long as it is this object. */
export const isObserved = (object: object): boolean => marked.has(object)
const gone = new FinalizationRegistry<WeakRef<object>>(ref => observed.delete(ref))

/**
 * Declares an object whose own fields decide what is computed (a module, a group of options): a jitted function is recorded again when a
 * field that it read has another value.
 */
export function observe(object: object): void {
  if (marked.has(object)) return
  marked.add(object)
  const ref = new WeakRef(object)
  observed.add(ref)
  gone.register(object, ref)
}

/** Every object that was declared and is alive. */
export function* observedObjects(): Generator<object> {
  for (const ref of observed) {
    const object = ref.deref()
    if (object) yield object
  }
}

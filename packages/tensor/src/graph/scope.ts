// Scopes take synchronous callbacks: they would leak across an await, so a Promise is refused. A transform is a scope in which
// nothing has effects: its function is traced once, and what it did besides computing would happen once or never.

import { CairnError, TransformError } from '../errors.ts'
import type { Trace } from './trace.ts'

interface State {
  /** history is recorded */
  grad: boolean
  /** ops run on behalf of the library (a backward pass): their results have no user's handle */
  internal: boolean
  /** the innermost transform whose function runs: 'grad', 'vmap' ... */
  transform: string | null
  /** a `vmap` around traces with examples that have no values, so nothing can be kept */
  mapped: boolean
  /** a jitted function is running: what it does is recorded */
  trace: Trace | null
}

export const state: State = { grad: true, internal: false, transform: null, mapped: false, trace: null }

/** @throws TransformError for an effect or a read while a transform's function runs */
export function checkEffect(op: string): void {
  if (state.transform)
    throw new TransformError(
      op,
      `is not possible inside of ${state.transform}, whose function must be pure; return the value and do it outside`,
    )
}

/** @throws for a read while a transform's function or a jitted one runs */
export function checkRead(op: string): void {
  checkEffect(op)
  state.trace?.refuse('read')
}

export function within<T>(name: string, change: Partial<State>, run: () => T): T {
  const before = { ...state }
  Object.assign(state, change)
  try {
    const result = run()
    if (isThenable(result)) {
      // what it rejects with is not lost: this error comes first
      result.then(
        () => {},
        () => {},
      )
      throw new CairnError(
        name,
        'the callback returned a Promise; a scope ends before it would settle, so await outside of the scope',
      )
    }
    return result
  } finally {
    Object.assign(state, before)
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

/** Runs `run` without recording history for gradients. @throws if it returns a Promise */
export const noGrad = <T>(run: () => T): T => within('noGrad', { grad: false }, run)
/** Records history inside of a `noGrad`. */
export const enableGrad = <T>(run: () => T): T => within('enableGrad', { grad: true }, run)

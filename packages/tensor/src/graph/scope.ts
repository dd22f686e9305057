// Scopes take synchronous callbacks: they would leak across an await, so a Promise is refused.

import { CairnError } from '../errors.ts'

interface State {
  /** history is recorded */
  grad: boolean
  /** ops run on behalf of the library (a backward pass): their results have no user's handle */
  internal: boolean
}

export const state: State = { grad: true, internal: false }

export function within<T>(name: string, change: Partial<State>, run: () => T): T {
  const before = { ...state }
  Object.assign(state, change)
  try {
    const result = run()
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function')
      throw new CairnError(
        name,
        'the callback returned a Promise; a scope ends before it would settle, so await outside of the scope',
      )
    return result
  } finally {
    Object.assign(state, before)
  }
}

/** Runs `run` without recording history for gradients. @throws if it returns a Promise */
export const noGrad = <T>(run: () => T): T => within('noGrad', { grad: false }, run)
/** Records history inside of a `noGrad`. */
export const enableGrad = <T>(run: () => T): T => within('enableGrad', { grad: true }, run)

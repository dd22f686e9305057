// The barrier between steps: a counter of arrivals and a phase that the last to arrive advances, so nothing has to be reset
// between uses. Those who wait look for a while, then sleep.

import type { DeclaredFunc, ModuleBuilder } from '../module.ts'
import type { Func, Global } from '../types.ts'
import { control, slot } from './control.ts'
import { buildLook } from './patience.ts'
import type { Words } from './words.ts'

/** 60 us: who looks for less than a wake-up takes is asleep when the others have woken, and then every barrier costs a wake-up. */
const patience = { rounds: 100_000, halvings: 6 } as const

interface Parts {
  readonly words: Words
  readonly threads: number
  /** Runs that this thread has done. */
  readonly runs: Global
  /** Called by whoever ends a run. */
  readonly completed: Func
}

/**
 * barrier(slot, last): `last` is 1 at the end of a tape. What was written before it is visible to all after it.
 * Returns 1 if the run has failed: whoever releases decides that for all, in the phase's lowest bit, since a kernel
 * of the next step may trap before the last to wake looks.
 */
export function buildBarrier(module: ModuleBuilder, parts: Parts): DeclaredFunc<readonly ['i32', 'i32']> {
  const { words, threads, runs, completed } = parts
  const look = buildLook(module, words, patience)
  return module.func({ params: ['i32', 'i32'], results: ['i32'], name: 'barrier' }, (f, run, last) => {
    const phase = f.local('i32')
    const failed = f.local('i32')

    const release = () => {
      f.get(run).i32_atomic_load(slot.trapped).i32_const(0).i32_ne().set(failed)
      words.store(f, control.arrived, () => f.i32_const(0))
      words.clearPair(f, control.cursor)
      words.store(f, control.phase, () =>
        f.get(phase).i32_const(2).i32_add().i32_const(-2).i32_and().get(failed).i32_or(),
      )
      if (threads > 1) {
        words.load(f, control.sleepers)
        f.if(() => words.wake(f, control.phase, -1))
      }
      f.get(last).get(failed).i32_or()
      f.if(() => {
        words.store(f, control.completed, () => f.global_get(runs).i32_const(1).i32_add())
        f.call(completed)
      })
    }

    const wait = () => {
      look(f, control.phase, phase)
      f.if(() => {
        // Counted before the sleep compares `phase`: whoever releases sees the count, or the sleeper the new phase.
        words.add(f, control.sleepers, 1).drop()
        f.loop(again => {
          // Who released the barrier before may wake us late: look again.
          words.sleep(f, control.phase, phase)
          words.load(f, control.phase).get(phase).i32_eq().br_if(again)
        })
        words.add(f, control.sleepers, -1).drop()
      })
    }

    words.load(f, control.phase).set(phase)
    words.add(f, control.arrived, 1)
    f.i32_const(threads - 1).i32_eq()
    f.if(release, () => {
      if (threads === 1) return
      // The stop word is set before the phase is moved: it is seen here, or the phase changes.
      words.load(f, control.stop).i32_eqz()
      f.if(() => {
        wait()
        words.load(f, control.phase).i32_const(1).i32_and().set(failed)
      })
    })
    f.get(failed)
  })
}

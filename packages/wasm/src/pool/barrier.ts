// The barrier between steps: a counter of arrivals and a phase that the last to arrive advances, so nothing has to be reset
// between uses. Those who wait look for a while, then sleep.

import type { DeclaredFunc, ModuleBuilder } from '../module.ts'
import type { Func, Global } from '../types.ts'
import { control, slot } from './control.ts'
import type { Words } from './words.ts'

/**
 * Rounds of looking before sleeping, about 0.6 ns each. Waking a thread on another processor took 36 us where this was
 * measured: who looks for less than that is asleep when the others have woken, and then every barrier costs a wake-up. But
 * where threads share a processor (a busy machine, more threads than processors), to look is to keep the others from
 * coming. So each look in vain halves the next, six times; one that was not makes it long again, and so does every 32nd.
 */
const looks = { rounds: 100_000, halvings: 6, again: 32 } as const

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
  const often = looks.again - 1
  const inVain = module.global({ type: 'i32', mutable: true })
  return module.func({ params: ['i32', 'i32'], results: ['i32'], name: 'barrier' }, (f, run, last) => {
    const phase = f.local('i32')
    const failed = f.local('i32')
    const halvings = f.local('i32')

    const release = () => {
      f.get(run).i32_atomic_load(slot.trapped).i32_const(0).i32_ne().set(failed)
      words.store(f, control.arrived, () => f.i32_const(0))
      words.clearPair(f, control.cursor)
      words.store(f, control.phase, () =>
        f.get(phase).i32_const(2).i32_add().i32_const(-2).i32_and().get(failed).i32_or(),
      )
      if (threads > 1) {
        words.load(f, control.sleepers)
        f.if(() => words.wakeAll(f, control.phase))
      }
      f.get(last).get(failed).i32_or()
      f.if(() => {
        words.store(f, control.completed, () => f.global_get(runs).i32_const(1).i32_add())
        f.call(completed)
      })
    }

    const wait = () => {
      f.global_get(inVain).i32_const(often).i32_and().tee(halvings).i32_const(looks.halvings)
      f.get(halvings).i32_const(looks.halvings).i32_lt_u().select().set(halvings)
      words.watch(f, control.phase, phase, () => f.i32_const(looks.rounds).get(halvings).i32_shr_u())
      f.if(
        () => {
          f.global_get(inVain).i32_const(1).i32_add().global_set(inVain)
          // Counted before the sleep compares `phase`: whoever releases sees the count, or the sleeper the new phase.
          words.add(f, control.sleepers, 1).drop()
          f.loop(again => {
            // Who released the barrier before may wake us late: look again.
            words.sleep(f, control.phase, phase)
            words.load(f, control.phase).get(phase).i32_eq().br_if(again)
          })
          words.add(f, control.sleepers, -1).drop()
        },
        () => f.i32_const(0).global_set(inVain),
      )
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

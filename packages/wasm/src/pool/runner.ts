// The runner: the WebAssembly module that every thread executes. It waits for runs, walks their tapes, shares the items of
// a step and meets the other threads between steps. In WebAssembly because it is fast from its first step on and
// calls kernels through a table.
//
// Sharing is guided self-scheduling (Polychronopoulos and Kuck 1987): a thread takes 1/(2 * threads) of what is left, every second thread from the
// end. So two threads get the same halves at every step, and find in their own caches what they wrote in the step before
// (E. Markatos and T. LeBlanc, "Using Processor Affinity in Loop Scheduling on Shared-Memory Multiprocessors", 1994).

import type { FuncBuilder } from '../func.ts'
import { ModuleBuilder } from '../module.ts'
import type { Func, Global, Table } from '../types.ts'
import { buildBarrier } from './barrier.ts'
import { control, slot, slotBytes, slotCount } from './control.ts'
import { buildLook } from './patience.ts'
import { step, stepBytes } from './tape.ts'
import { type Words, wordsAt } from './words.ts'

/** Why `work` returned. */
export const outcome = {
  /** The stop word is set. */
  stopped: 0,
  /** Messages are waiting in the event loop. */
  mail: 1,
  /** One thread only: nothing is left to do. */
  idle: 2,
} as const

/** What a kernel receives: parameter block, items [begin, end), scratch memory of the thread. */
const kernelSignature = { params: ['i32', 'i32', 'i32', 'i32'] } as const

/**
 * Of the idle threads one looks for the next run, for 160 us, and wakes the others when it has come: a step that is replayed comes after 100, and
 * to wake two threads would take the calling one 35. The others sleep after 12.
 */
const patience = { rounds: 260_000, halvings: 4 } as const
const shortRounds = 20_000
/** Who was woken wakes so many more, so that waking many takes the time of a few. */
const wakes = 2

export interface RunnerOptions {
  /** Byte address of the control block. */
  readonly control: number
  readonly threads: number
  /** Whether the memory is shared. */
  readonly shared: boolean
}

/** What the runner asks for, as `env`. */
export interface RunnerImports extends WebAssembly.ModuleImports {
  readonly memory: WebAssembly.Memory
  /** Index of this thread. */
  readonly thread: number
  /** Called by whoever ends a run. */
  completed(): void
}

export interface RunnerExports extends WebAssembly.Exports {
  /** Kernels by index. */
  readonly table: WebAssembly.Table
  /** Runs that this thread has done. */
  readonly runs: WebAssembly.Global<'i32'>
  /** Address of the step that this thread is in. */
  readonly step: WebAssembly.Global<'i32'>
  /** Does what there is to do; returns an `outcome`. @param mail messages handled so far */
  work(mail: number): number
  /** After a trap, in place of the rest of the run. */
  abandon(): void
}

export function buildRunner({ control: base, threads, shared }: RunnerOptions): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  const completed = module.importFunc('env', 'completed', {})
  module.importMemory('env', 'memory', shared ? { min: 0, max: 65536, shared } : { min: 0 })
  const thread = module.importGlobal('env', 'thread', 'i32')
  const table = module.table({ min: 0 }, { export: 'table' })
  const runs = module.global({ type: 'i32', mutable: true, export: 'runs' })
  const current = module.global({ type: 'i32', mutable: true, export: 'step' })

  const words = wordsAt(base)
  const look = buildLook(module, words, patience)
  const barrier = buildBarrier(module, { words, threads, runs, completed })
  const runSlot = (f: FuncBuilder) => {
    const slots = base + control.slots
    const mask = slotCount - 1
    return f.global_get(runs).i32_const(mask).i32_and().i32_const(slotBytes).i32_mul().i32_const(slots).i32_add()
  }
  const countRun = (f: FuncBuilder) => f.global_get(runs).i32_const(1).i32_add().global_set(runs)
  const run = buildRun(module, { words, threads, thread, table, current, barrier, runSlot })

  module.func({ export: 'abandon' }, f => {
    // Nothing is left to claim: the others reach the barrier after the chunk they are in.
    words.store(f, control.cursor, () => f.i32_const(0x7fffffff))
    runSlot(f).i32_const(1).call(barrier).drop()
    countRun(f)
  })

  module.func({ params: ['i32'], results: ['i32'], export: 'work' }, (f, mail) => {
    const bell = f.local('i32')
    const submitted = f.local('i32')
    const leave = (why: number) => f.i32_const(why).return()
    const wakeMore = () => words.wake(f, control.bell, wakes)
    const sleepAndWake = () => {
      words.sleep(f, control.bell, bell)
      wakeMore()
    }
    f.loop(again => {
      words.load(f, control.bell).set(bell)
      words.load(f, control.stop)
      f.if(() => leave(outcome.stopped))
      // In this order: whoever sees a run also sees the mail that was posted before it.
      words.load(f, control.submitted).set(submitted)
      words.load(f, control.mail).get(mail).i32_ne()
      f.if(() => leave(outcome.mail))
      f.get(submitted).global_get(runs).i32_ne()
      f.if(() => {
        f.call(run)
        countRun(f)
        f.br(again)
      })
      if (threads === 1) leave(outcome.idle)
      else {
        words.exchangeIf(
          f,
          control.looking,
          () => f.i32_const(0),
          () => f.i32_const(1),
        )
        f.if(
          () => {
            words.watch(f, control.bell, bell, () => f.i32_const(shortRounds))
            f.if(sleepAndWake)
          },
          () => {
            look(f, control.bell, bell)
            // Cleared before the sleep compares `bell`: whoever rings sees that nobody looks, or the sleeper the new bell.
            words.store(f, control.looking, () => f.i32_const(0))
            f.if(sleepAndWake, wakeMore)
          },
        )
        f.br(again)
      }
    })
    f.unreachable()
  })
  return module.build()
}

interface RunParts {
  readonly words: Words
  readonly threads: number
  readonly thread: Global
  readonly table: Table
  readonly current: Global
  readonly barrier: Func
  /** Address of the slot of the run that this thread is in. */
  runSlot(f: FuncBuilder): FuncBuilder
}

/** run(): this thread's part of one run. */
function buildRun(module: ModuleBuilder, parts: RunParts): Func {
  const { words, threads, thread, table, current, barrier, runSlot } = parts
  return module.func({ name: 'run' }, f => {
    const [run, here, end, scratch, failed] = f.localArray('i32', 5)
    const [items, grain, begin, until, last, share, mine] = f.localArray('i32', 7)
    const [claimed, found] = f.localArray('i64', 2)

    const readStep = () => {
      f.get(here).i32_load(step.items).set(items)
      f.get(here).i32_load(step.grain).tee(grain).i32_const(1)
      f.get(grain).i32_const(1).i32_gt_s().select().set(grain)
    }
    const nextStep = () => f.get(here).i32_const(stepBytes).i32_add().set(here)
    const inTape = () => f.get(here).get(end).i32_lt_u()
    const callKernel = (from: () => void, to: () => void) => {
      f.get(here).global_set(current)
      f.get(here).i32_load(step.params)
      from()
      to()
      f.get(scratch).get(here).i32_load(step.kernel).call_indirect(kernelSignature, table)
    }
    const isSerial = () => (threads === 1 ? f.i32_const(1) : f.get(items).get(grain).i32_le_s())

    /** Steps too small to share need no barrier between each other: one thread runs all that follow each other. */
    const serialSteps = () => {
      words.exchangeIf(
        f,
        control.cursor,
        () => f.i32_const(0),
        () => f.i32_const(1),
      )
      f.i32_eqz().set(mine)
      f.loop(more => {
        f.get(mine).get(items).i32_const(0).i32_gt_s().i32_and()
        f.if(() =>
          callKernel(
            () => f.i32_const(0),
            () => f.get(items),
          ),
        )
        nextStep()
        inTape()
        f.if(() => {
          readStep()
          isSerial().br_if(more)
        })
      })
    }

    const roundUp = () => f.get(grain).i32_add().i32_const(1).i32_sub().get(grain).i32_div_u().get(grain).i32_mul()
    const fromEnd = () => f.global_get(thread).i32_const(1).i32_and()

    const sharedStep = () => {
      words.loadPair(f, control.cursor).set(claimed)
      f.loop(more => {
        f.get(claimed).i32_wrap_i64().set(begin)
        f.get(items).get(claimed).i64_const(32).i64_shr_u().i32_wrap_i64().i32_sub().tee(last)
        f.get(begin).i32_sub().tee(share).i32_const(0).i32_gt_s()
        f.if(() => {
          // of what is left 1/(2 * threads), rounded up to a multiple of grain: chunks begin at multiples of grain
          f.get(share)
            .i32_const(2 * threads - 1)
            .i32_add()
            .i32_const(2 * threads)
            .i32_div_u()
          roundUp().set(share)
          f.get(last).set(until)
          f.get(share).get(last).get(begin).i32_sub().i32_lt_u()
          f.if(() => {
            fromEnd().if(
              () => {
                f.get(last).get(share).i32_sub()
                roundUp().set(begin)
              },
              () => f.get(begin).get(share).i32_add().set(until),
            )
          })
          words
            .exchangePairIf(
              f,
              control.cursor,
              () => f.get(claimed),
              () => {
                fromEnd().if(
                  'i64',
                  () => {
                    f.get(claimed).i64_const(0xffffffff).i64_and()
                    f.get(items).get(begin).i32_sub().i64_extend_i32_u().i64_const(32).i64_shl().i64_or()
                  },
                  () => {
                    f.get(claimed).i64_const(-0x100000000).i64_and()
                    f.get(until).i64_extend_i32_u().i64_or()
                  },
                )
              },
            )
            .tee(found)
            .get(claimed)
            .i64_eq()
          f.if(
            () => {
              callKernel(
                () => f.get(begin),
                () => f.get(until),
              )
              words.loadPair(f, control.cursor).set(claimed)
            },
            () => f.get(found).set(claimed),
          )
          f.br(more)
        })
      })
      nextStep()
    }

    runSlot(f).tee(run).i32_load(slot.tape).tee(here)
    f.get(run).i32_load(slot.steps).i32_const(stepBytes).i32_mul().i32_add().set(end)
    f.get(run).i32_load(slot.scratchStride).global_get(thread).i32_mul()
    f.get(run).i32_load(slot.scratch).i32_add().set(scratch)
    f.loop(next => {
      inTape()
      f.if(() => {
        readStep()
        isSerial()
        f.if(serialSteps, sharedStep)
      })
      f.get(run)
      inTape().i32_eqz().call(barrier).set(failed)
      inTape()
      f.if(() => {
        f.get(failed)
        words.load(f, control.stop).i32_or().i32_eqz().br_if(next)
      })
    })
  })
}

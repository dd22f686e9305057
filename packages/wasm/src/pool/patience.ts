// How long a thread looks before it sleeps. To look spares a wake-up, which takes 36 us where this was measured; but where threads share a
// processor (a busy machine, more threads than processors), to look is to keep the others from coming. So each look in vain halves the next, a
// few times; one that was not makes it long again, and so does every 32nd.

import type { FuncBuilder } from '../func.ts'
import type { ModuleBuilder } from '../module.ts'
import type { Local } from '../types.ts'
import type { Words } from './words.ts'

export interface Patience {
  /** of looking, about 0.6 ns each */
  readonly rounds: number
  readonly halvings: number
}

/** In vain so often, a look is long again. A power of two. */
const again = 32

/** look(f, offset, value): looks until the word is not `value`, or patience is at an end; leaves whether it still is. */
export function buildLook(
  module: ModuleBuilder,
  words: Words,
  { rounds, halvings }: Patience,
): (f: FuncBuilder, offset: number, value: Local) => void {
  const inVain = module.global({ type: 'i32', mutable: true })
  return (f, offset, value) => {
    const times = f.local('i32')
    f.global_get(inVain)
      .i32_const(again - 1)
      .i32_and()
      .tee(times)
      .i32_const(halvings)
    f.get(times).i32_const(halvings).i32_lt_u().select().set(times)
    words.watch(f, offset, value, () => f.i32_const(rounds).get(times).i32_shr_u())
    f.set(times)
    f.global_get(inVain).i32_const(1).i32_add().i32_const(0)
    f.get(times).select().global_set(inVain)
    f.get(times)
  }
}

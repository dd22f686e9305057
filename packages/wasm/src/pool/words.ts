// Code for atomic words of the control block, at addresses known when the runner is built.

import type { FuncBuilder } from '../func.ts'
import type { Local } from '../types.ts'

export interface Words {
  load(f: FuncBuilder, offset: number): FuncBuilder
  store(f: FuncBuilder, offset: number, value: () => void): FuncBuilder
  /** Leaves the old value on the stack. */
  add(f: FuncBuilder, offset: number, value: number): FuncBuilder
  /** If the word is `expected`, makes it `value`. Leaves the old value on the stack. */
  exchangeIf(f: FuncBuilder, offset: number, expected: () => void, value: () => void): FuncBuilder
  /** The same of two neighbouring words as one, the first in the low half. */
  loadPair(f: FuncBuilder, offset: number): FuncBuilder
  clearPair(f: FuncBuilder, offset: number): FuncBuilder
  exchangePairIf(f: FuncBuilder, offset: number, expected: () => void, value: () => void): FuncBuilder
  /** Wakes `count` of those who sleep on a word; -1: all. */
  wake(f: FuncBuilder, offset: number, count: number): FuncBuilder
  /** Sleeps if the word is `value`, until woken. */
  sleep(f: FuncBuilder, offset: number, value: Local): FuncBuilder
  /** Looks at the word until it is not `value`, at most `rounds` times; leaves whether it still is. */
  watch(f: FuncBuilder, offset: number, value: Local, rounds: () => void): FuncBuilder
}

export function wordsAt(base: number): Words {
  const words: Words = {
    load: (f, offset) => f.i32_const(0).i32_atomic_load(base + offset),
    store(f, offset, value) {
      f.i32_const(0)
      value()
      return f.i32_atomic_store(base + offset)
    },
    add(f, offset, value) {
      f.i32_const(0).i32_const(value)
      return f.i32_atomic_rmw_add(base + offset)
    },
    exchangeIf(f, offset, expected, value) {
      f.i32_const(0)
      expected()
      value()
      return f.i32_atomic_rmw_cmpxchg(base + offset)
    },
    loadPair: (f, offset) => f.i32_const(0).i64_atomic_load(base + offset),
    clearPair: (f, offset) =>
      f
        .i32_const(0)
        .i64_const(0)
        .i64_atomic_store(base + offset),
    exchangePairIf(f, offset, expected, value) {
      f.i32_const(0)
      expected()
      value()
      return f.i64_atomic_rmw_cmpxchg(base + offset)
    },
    wake(f, offset, count) {
      f.i32_const(0).i32_const(count)
      return f.memory_atomic_notify(base + offset).drop()
    },
    sleep(f, offset, value) {
      f.i32_const(0).get(value).i64_const(-1)
      return f.memory_atomic_wait32(base + offset).drop()
    },
    watch(f, offset, value, rounds) {
      const left = f.local('i32')
      rounds()
      f.set(left)
      return f.block('i32', unchanged => {
        f.loop(again => {
          f.get(left).i32_eqz()
          f.if(() => f.i32_const(1).br(unchanged))
          f.get(left).i32_const(1).i32_sub().set(left)
          words.load(f, offset).get(value).i32_eq().br_if(again)
        })
        f.i32_const(0)
      })
    },
  }
  return words
}

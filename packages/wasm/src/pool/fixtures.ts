// Kernels and a small arena for the pool's tests.

import type { FuncBuilder } from '../func.ts'
import { ModuleBuilder } from '../module.ts'
import type { Func, Local } from '../types.ts'
import { KernelPool, type KernelPoolOptions } from './pool.ts'
import { stepBytes, type TapeStep, writeTape } from './tape.ts'

type KernelBody = (f: FuncBuilder, params: Local, begin: Local, end: Local, scratch: Local, effect?: Func) => void

export interface KernelShape {
  /** The memory it is for. */
  readonly shared?: boolean
  /** Imports this function, which a real kernel may not; it comes last to the body. */
  readonly effect?: readonly [module: string, name: string]
}

export function kernel(body: KernelBody, { shared = true, effect }: KernelShape = {}): WebAssembly.Module {
  const module = new ModuleBuilder()
  const imported = effect && module.importFunc(effect[0], effect[1], {})
  module.importMemory('env', 'memory', shared ? { min: 0, max: 65536, shared } : { min: 0 })
  module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, params, begin, end, scratch) =>
    body(f, params, begin, end, scratch, imported),
  )
  return new WebAssembly.Module(module.build())
}

/** for (i = begin; i < end; i++) body */
export function each(f: FuncBuilder, begin: Local, end: Local, body: (i: Local) => void): void {
  const i = f.local('i32')
  f.get(begin).set(i)
  f.while(
    () => f.get(i).get(end).i32_lt_s(),
    () => {
      body(i)
      f.get(i).i32_const(1).i32_add().set(i)
    },
  )
}

/** counts[i] += 1 for its items, atomically. Params: the address of counts, the step's grain; traps if begin is no multiple. */
export const countItems = (shape?: KernelShape): WebAssembly.Module =>
  kernel((f, params, begin, end) => {
    f.get(begin).get(params).i32_load(4).i32_rem_s()
    f.if(() => f.unreachable())
    each(f, begin, end, i => {
      f.get(params).i32_load(0).get(i).i32_const(2).i32_shl().i32_add()
      f.i32_const(1).i32_atomic_rmw_add().drop()
    })
  }, shape)

/** out[begin] = end - begin. Params: out. */
export const chunkLengths = (shape?: KernelShape): WebAssembly.Module =>
  kernel((f, params, begin, end) => {
    f.get(params).i32_load(0).get(begin).i32_const(2).i32_shl().i32_add()
    f.get(end).get(begin).i32_sub().i32_store()
  }, shape)

/** out[i] = in[(i + shift) mod n] + 1. Params: in, out, n, shift. Right only if the step before it is done. */
export const shiftAndAddOne = (shape?: KernelShape): WebAssembly.Module =>
  kernel((f, params, begin, end) => {
    each(f, begin, end, i => {
      f.get(params).i32_load(4).get(i).i32_const(2).i32_shl().i32_add()
      f.get(params).i32_load(0)
      f.get(i).get(params).i32_load(12).i32_add().get(params).i32_load(8).i32_rem_u()
      f.i32_const(2).i32_shl().i32_add().i32_load().i32_const(1).i32_add().i32_store()
    })
  }, shape)

/** Traps in the call that has item `params`. */
export const trapAt = (shape?: KernelShape): WebAssembly.Module =>
  kernel((f, params, begin, end) => {
    f.get(begin).get(params).i32_le_s().get(end).get(params).i32_gt_s().i32_and()
    f.if(() => f.unreachable())
  }, shape)

export interface Arena {
  readonly memory: WebAssembly.Memory
  readonly pool: KernelPool
  /** A fresh view of all of the memory. */
  words(): Int32Array
  /** Reserves bytes, aligned to 128. Memory is zero at first. */
  alloc(bytes: number): number
  /** Writes words and returns their address. */
  params(...words: number[]): number
  tape(steps: readonly TapeStep[]): number
  run(steps: readonly TapeStep[]): Promise<void>
}

/** A memory with a pool in it; what is allocated stays. */
export async function arena(
  options: Partial<KernelPoolOptions> & { readonly pages?: number; readonly start?: typeof KernelPool.start },
): Promise<Arena> {
  const { threads = 2, pages = 16, workerUrl } = options
  const memory = options.memory ?? new WebAssembly.Memory({ initial: pages, maximum: 1024, shared: true })
  const control = options.control ?? 128
  let top = control + KernelPool.controlBytes
  const words = () => new Int32Array(memory.buffer)
  const alloc = (bytes: number) => {
    const at = Math.ceil(top / 128) * 128
    top = at + bytes
    if (top > memory.buffer.byteLength) throw new RangeError(`the arena has no ${bytes} bytes left`)
    return at
  }
  const start = options.start ?? KernelPool.start
  const pool = await start({ memory, control, threads, workerUrl })
  const params = (...values: number[]) => {
    const at = alloc(values.length * 4)
    words().set(values, at / 4)
    return at
  }
  const tape = (steps: readonly TapeStep[]) => {
    const at = alloc(steps.length * stepBytes)
    writeTape(memory, at, steps)
    return at
  }
  return { memory, pool, words, alloc, params, tape, run: steps => pool.run(tape(steps), steps.length) }
}

/** Numbers that look random, the same for the same seed: mulberry32. */
export function randomInts(seed: number): (below: number) => number {
  let state = seed | 0
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

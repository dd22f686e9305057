// The micro-kernel limit: what a thread reaches on a 6x8 tile with everything in the first-level cache. No full matrix
// product can be faster, so its speed divided by this one, measured just before and after, says how much of the machine it
// uses. On several threads compare with the limit kernel running on as many at once.

import { features, type MemoryType, ModuleBuilder } from '@cairn/wasm'

const [rows, columns, depth] = [6, 8, 256]
const unroll = 4
const bStart = rows * depth * 4
const bEnd = bStart + columns * depth * 4

/** Floating-point operations of one item of the limit kernel. */
export const gemmLimitFlops: number = 2 * rows * columns * depth
/** Scratch that each thread needs for it. */
export const gemmLimitScratchBytes: number = bEnd + rows * columns * 4

/**
 * A kernel module with the ABI of the WASM backend: imports `env.memory`, exports `kernel(params, begin, end, scratch)`. An
 * item is a product 6 x 256 by 256 x 8 of zeros in scratch; sums stay in registers and are stored once a call.
 * @param fused relaxed multiply-add, else multiply and add
 */
export function gemmLimitModule(memory: MemoryType, fused: boolean = features().relaxedSimd): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', memory)
  module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, _params, begin, end, scratch) => {
    const a = f.localArray('i32', rows)
    const b = f.local('i32')
    const stop = f.local('i32')
    const acc = f.localArray('v128', rows * 2)
    const [left, right, splat] = f.localArray('v128', 3)
    const add = (x: typeof left, to: typeof left): void => {
      if (fused) f.get(splat).get(x).get(to).f32x4_relaxed_madd().set(to)
      else f.get(splat).get(x).f32x4_mul().get(to).f32x4_add().set(to)
    }
    const item = (): void => {
      for (const [r, row] of a.entries()) {
        f.get(scratch).i32_const(r * depth * 4)
        f.i32_add().set(row)
      }
      f.get(scratch).i32_const(bStart).i32_add().set(b)
      f.get(scratch).i32_const(bEnd).i32_add().set(stop)
      f.loop(again => {
        for (let i = 0; i < unroll; i++) {
          f.get(b).v128_load(i * 32)
          f.set(left)
          f.get(b).v128_load(i * 32 + 16)
          f.set(right)
          for (let r = 0; r < rows; r++) {
            f.get(a[r]).v128_load32_splat(i * 4)
            f.set(splat)
            add(left, acc[r * 2])
            add(right, acc[r * 2 + 1])
          }
        }
        for (const row of a) {
          f.get(row).i32_const(unroll * 4)
          f.i32_add().set(row)
        }
        f.get(b).i32_const(unroll * 32)
        f.i32_add().tee(b).get(stop).i32_ne().br_if(again)
      })
      f.get(begin).i32_const(1).i32_add().set(begin)
    }
    f.get(scratch).i32_const(0).i32_const(bEnd).memory_fill()
    f.while(() => f.get(begin).get(end).i32_lt_u(), item)
    for (const [i, sum] of acc.entries())
      f.get(scratch)
        .get(sum)
        .v128_store(bEnd + i * 16)
  })
  return module.build()
}

/** A measuring function: GFLOP/s of this thread over about `milliseconds`. Call it a few times before counting. */
export function gemmLimit(fused?: boolean): (milliseconds?: number) => number {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const module = new WebAssembly.Module(gemmLimitModule({ min: 1 }, fused))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const kernel = exports.kernel as (params: number, begin: number, end: number, scratch: number) => void
  let items = 1000
  return (milliseconds = 5) => {
    const start = performance.now()
    kernel(0, 0, items, 0)
    const elapsed = performance.now() - start
    const rate = (items * gemmLimitFlops) / elapsed / 1e6
    items = Math.max(100, Math.round((items * milliseconds) / elapsed))
    return rate
  }
}

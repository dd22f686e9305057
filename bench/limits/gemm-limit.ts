// The micro-kernel limit: what one thread reaches on a 6x8 tile with everything in the first-level cache. No full
// matrix product can be faster, so its speed divided by this one says how much of the machine it uses.

import { features, ModuleBuilder } from '@cairn/wasm'

const [rows, columns, depth] = [6, 8, 256]
const unroll = 4

/**
 * A module exporting `run(repeats)`: a 6 x 256 by 256 x 8 product, `repeats` times over, sums kept in registers and
 * stored once. It owns its memory (`memory`).
 * @param fused relaxed multiply-add, else multiply and add
 */
export function gemmLimitModule(fused: boolean = features().relaxedSimd): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.memory({ min: 1 }, { export: 'memory' })
  module.func({ params: ['i32'], export: 'run' }, (f, repeats) => {
    const a = f.localArray('i32', rows)
    const b = f.local('i32')
    const acc = f.localArray('v128', rows * 2)
    const left = f.local('v128')
    const right = f.local('v128')
    const splat = f.local('v128')
    const bStart = rows * depth * 4
    const bEnd = bStart + columns * depth * 4
    const add = (x: typeof left, to: typeof left): void => {
      if (fused) f.get(splat).get(x).get(to).f32x4_relaxed_madd().set(to)
      else f.get(splat).get(x).f32x4_mul().get(to).f32x4_add().set(to)
    }
    const round = (): void => {
      for (const [r, row] of a.entries()) f.i32_const(r * depth * 4).set(row)
      f.i32_const(bStart).set(b)
      f.loop(again => {
        for (let i = 0; i < unroll; i++) {
          f.get(b)
            .v128_load(i * 32)
            .set(left)
          f.get(b)
            .v128_load(i * 32 + 16)
            .set(right)
          for (let r = 0; r < rows; r++) {
            f.get(a[r])
              .v128_load32_splat(i * 4)
              .set(splat)
            add(left, acc[r * 2])
            add(right, acc[r * 2 + 1])
          }
        }
        for (const row of a)
          f.get(row)
            .i32_const(unroll * 4)
            .i32_add()
            .set(row)
        f.get(b)
          .i32_const(unroll * 32)
          .i32_add()
          .tee(b)
          .i32_const(bEnd)
          .i32_ne()
          .br_if(again)
      })
      f.get(repeats).i32_const(1).i32_sub().set(repeats)
    }
    f.while(() => f.get(repeats), round)
    for (const [i, sum] of acc.entries())
      f.i32_const(bEnd + i * 16)
        .get(sum)
        .v128_store()
  })
  return module.build()
}

/** Floating-point operations of one repeat. */
export const gemmLimitFlops: number = 2 * rows * columns * depth

/** A measuring function: GFLOP/s of this thread over about `milliseconds`. Warm it up once before counting. */
export function gemmLimit(fused?: boolean): (milliseconds?: number) => number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(gemmLimitModule(fused)))
  const run = exports.run as (repeats: number) => void
  let repeats = 1000
  return (milliseconds = 5) => {
    const start = performance.now()
    run(repeats)
    const elapsed = performance.now() - start
    const rate = (repeats * gemmLimitFlops) / elapsed / 1e6
    repeats = Math.max(100, Math.round((repeats * milliseconds) / elapsed))
    return rate
  }
}

// Layer norm over rows written by hand: a yardstick for the one that the compiler prints. Three passes over a row of a
// multiple of 16 columns: sum, sum of squared distances from the mean, output.

import { type FuncBuilder, features, type Local, type MemoryType, ModuleBuilder } from '@cairn/wasm'

const splat = (f: FuncBuilder, value: number): FuncBuilder => f.f32x4_const(value, value, value, value)

/** The sum over the lanes of four vectors, in every lane of the first. */
function total(f: FuncBuilder, parts: readonly Local[]): void {
  const [first, ...rest] = parts
  for (const part of rest) f.get(first).get(part).f32x4_add().set(first)
  for (const bytes of [8, 4]) {
    f.get(first).get(first).get(first)
    f.i8x16_shuffle(Array.from({ length: 16 }, (_, i) => (i + bytes) % 16))
      .f32x4_add()
      .set(first)
  }
}

/**
 * A kernel module with the ABI of the WASM backend; an item is a row. Parameters: addresses of x, weight, bias and y,
 * columns (a multiple of 16).
 */
export function layerNormModule(memory: MemoryType, fused: boolean = features().relaxedSimd): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', memory)
  module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, params, begin, end) => {
    const [x, y, weight, bias, bytes, at] = f.localArray('i32', 6)
    const acc = f.localArray('v128', 4)
    const [inverse, mean, scale, v] = f.localArray('v128', 4)
    const bump = (local: Local, by: number): FuncBuilder => f.get(local).i32_const(by).i32_add().set(local)
    const along = (body: () => void): void => {
      f.i32_const(0).set(at)
      f.loop(again => {
        body()
        bump(at, 64).get(at).get(bytes).i32_lt_u().br_if(again)
      })
    }
    const element = (base: Local, i: number): FuncBuilder =>
      f
        .get(base)
        .get(at)
        .i32_add()
        .v128_load(i * 16)
    const add = (): FuncBuilder => (fused ? f.f32x4_relaxed_madd() : f.f32x4_add())
    const times = (): void => {
      if (!fused) f.f32x4_mul()
    }
    f.get(params).i32_load(16).i32_const(2).i32_shl().set(bytes)
    f.get(params).i32_load(4).set(weight).get(params).i32_load(8).set(bias)
    f.get(params).i32_load(0).get(begin).get(bytes).i32_mul().i32_add().set(x)
    f.get(params).i32_load(12).get(begin).get(bytes).i32_mul().i32_add().set(y)
    f.f32_const(1).get(params).i32_load(16).f32_convert_i32_u().f32_div().f32x4_splat().set(inverse)
    f.while(
      () => f.get(begin).get(end).i32_lt_u(),
      () => {
        for (const a of acc) splat(f, 0).set(a)
        along(() => {
          for (const [i, a] of acc.entries()) {
            f.get(a)
            element(x, i).f32x4_add().set(a)
          }
        })
        total(f, acc)
        f.get(acc[0]).get(inverse).f32x4_mul().set(mean)
        for (const a of acc) splat(f, 0).set(a)
        along(() => {
          for (const [i, a] of acc.entries()) {
            element(x, i).get(mean).f32x4_sub().tee(v).get(v)
            times()
            f.get(a)
            add().set(a)
          }
        })
        total(f, acc)
        f.get(acc[0]).get(inverse).f32x4_mul()
        splat(f, 1e-5).f32x4_add().f32x4_sqrt().set(scale)
        splat(f, 1).get(scale).f32x4_div().set(scale)
        along(() => {
          for (let i = 0; i < 4; i++) {
            f.get(y).get(at).i32_add()
            element(x, i).get(mean).f32x4_sub().get(scale).f32x4_mul()
            element(weight, i)
            times()
            element(bias, i)
            add().v128_store(i * 16)
          }
        })
        f.get(x).get(bytes).i32_add().set(x).get(y).get(bytes).i32_add().set(y)
        bump(begin, 1)
      },
    )
  })
  return module.build()
}

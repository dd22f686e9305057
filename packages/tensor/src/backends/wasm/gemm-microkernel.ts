// The inner loop of the matrix product: R rows of A times 8-wide packed panels of B, accumulators in registers.
// R = 6 needs 12 accumulators, two vectors of B and one splat of A: the 15 vector registers an x64 engine leaves free.
// Other tiles were slower (5x8 0.94 of it, 4x8 0.80, 8x8 0.79, 4x12 0.64), other unrollings no faster.
// After K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.

import type { Func, FuncBuilder, Local, ModuleBuilder } from '@cairn/wasm'
import { ints } from './int.ts'

/** The most rows a tile has. */
export const tileRows = 6
/** Columns of a tile and of a packed panel of B. */
export const panelWidth = 8
/** Bytes of one k of a panel. */
export const panelStep = panelWidth * 4

const unroll = 4

/** acc = a * b + acc: fused where the engine has relaxed SIMD, else rounded twice. */
export function multiplyAdd(f: FuncBuilder, a: Local, b: Local, acc: Local, fused: boolean): void {
  if (fused) f.get(a).get(b).get(acc).f32x4_relaxed_madd().set(acc)
  else f.get(a).get(b).f32x4_mul().get(acc).f32x4_add().set(acc)
}

export function clear(f: FuncBuilder, vector: Local): void {
  f.f32x4_const(0, 0, 0, 0).set(vector)
}

/**
 * Defines `sweep(a, aStride, panel, panelStride, c, cStride, k, panels, first)` for tiles of `rows` rows: for each of
 * `panels` consecutive panels, the rows x 8 product over k goes to c (`first`) or is added to it. Strides in bytes.
 * Each element is one chain over ascending k from zero, whatever `rows` is, so how rows are grouped never shows.
 */
export function emitSweep(module: ModuleBuilder, rows: number, fused: boolean): Func {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const
  return module.func(
    { name: `sweep${rows}`, params },
    (f, a, aStride, panel, panelStride, c, cStride, k, panels, first) => {
      const { local, add, mul, and, ne, set, bump, chain, when, while: whilst } = ints(f)
      const pointers = f.localArray('i32', rows)
      const [b, end] = [local(), local()]
      const left = f.localArray('v128', rows)
      const right = f.localArray('v128', rows)
      const [bLeft, bRight, splat] = f.localArray('v128', 3)

      /** `steps` of k from here on, then the rest of the way to `end` by as many. */
      const run = (steps: number): void =>
        whilst(ne(b, end), () => {
          for (let i = 0; i < steps; i++) {
            f.get(b).v128_load(i * panelStep)
            f.set(bLeft)
            f.get(b).v128_load(i * panelStep + 16)
            f.set(bRight)
            for (let r = 0; r < rows; r++) {
              f.get(pointers[r]).v128_load32_splat(i * 4)
              f.set(splat)
              multiplyAdd(f, splat, bLeft, left[r], fused)
              multiplyAdd(f, splat, bRight, right[r], fused)
            }
          }
          for (const pointer of pointers) bump(pointer, steps * 4)
          bump(b, steps * panelStep)
        })

      const store = (accumulate: boolean): void =>
        pointers.forEach((pointer, r) => {
          for (const [offset, half] of [left[r], right[r]].entries()) {
            f.get(pointer).get(half)
            if (accumulate)
              f.get(pointer)
                .v128_load(offset * 16)
                .f32x4_add()
            f.v128_store(offset * 16)
          }
        })

      whilst(panels, () => {
        chain(pointers, a, aStride)
        for (const half of [...left, ...right]) clear(f, half)
        set(b, panel)
        set(end, add(b, mul(and(k, -unroll), panelStep)))
        run(unroll)
        set(end, add(b, mul(and(k, unroll - 1), panelStep)))
        run(1)
        chain(pointers, c, cStride)
        when(
          first,
          () => store(false),
          () => store(true),
        )
        bump(panel, panelStride)
        bump(c, panelStep)
        bump(panels, -1)
      })
    },
  )
}

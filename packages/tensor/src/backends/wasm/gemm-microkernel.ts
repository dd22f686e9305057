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
const lineBytes = 64

/** acc = a * b + acc: fused where the engine has relaxed SIMD, else rounded twice. */
export function multiplyAdd(f: FuncBuilder, a: Local, b: Local, acc: Local, fused: boolean): void {
  if (fused) f.get(a).get(b).get(acc).f32x4_relaxed_madd().set(acc)
  else f.get(a).get(b).f32x4_mul().get(acc).f32x4_add().set(acc)
}

export function clear(f: FuncBuilder, vector: Local): void {
  f.f32x4_const(0, 0, 0, 0).set(vector)
}

/** How a tile's part of A is stored, `aStride` bytes from one to the next: rows, contiguous along k; or columns, one for each k. */
export type TileOrder = 'rows' | 'columns'

/**
 * Defines `sweep(a, aStride, panel, panelStride, c, cStride, k, panels, first, next, lines)` for tiles of `rows` rows: for each of
 * `panels` consecutive panels, the rows x 8 product over k goes to c (`first`) or is added to it. Strides in bytes.
 * Each element is one chain over ascending k from zero, whatever `rows` is, so how rows are grouped never shows.
 *
 * `lines` cache lines of the rows from `next` on, of k floats each and as far apart as those of A, are read meanwhile, a few with every panel, and
 * forgotten: so the processor has brought them near when their turn comes.
 */
export function emitSweep(module: ModuleBuilder, rows: number, fused: boolean, order: TileOrder = 'rows'): Func {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const
  return module.func(
    { name: `sweep${rows}`, params },
    (f, a, aStride, panel, panelStride, c, cStride, k, panels, first, next, lines) => {
      const { local, add, sub, mul, and, ne, ge, min, max, ceilDiv, set, bump, chain, when, while: whilst } = ints(f)
      const pointers = f.localArray('i32', rows)
      const sources = order === 'rows' ? pointers : pointers.slice(0, 1)
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
              if (order === 'rows') f.get(pointers[r]).v128_load32_splat(i * 4)
              else f.get(pointers[0]).v128_load32_splat(r * 4)
              f.set(splat)
              multiplyAdd(f, splat, bLeft, left[r], fused)
              multiplyAdd(f, splat, bRight, right[r], fused)
            }
            if (order === 'columns') bump(pointers[0], aStride)
          }
          if (order === 'rows') for (const source of sources) bump(source, steps * 4)
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

      const [each, count, rowEnd] = [local(), local(), local()]
      const touch = (): void => {
        set(count, min(each, lines))
        bump(lines, sub(0, count))
        whilst(count, () => {
          f.get(next).f32_load().drop()
          bump(next, lineBytes)
          when(ge(next, rowEnd), () => {
            bump(rowEnd, aStride)
            set(next, sub(rowEnd, mul(k, 4)))
          })
          bump(count, -1)
        })
      }

      when(lines, () => {
        set(each, ceilDiv(lines, max(panels, 1)))
        set(rowEnd, add(next, mul(k, 4)))
      })
      whilst(panels, () => {
        touch()
        chain(sources, a, aStride)
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

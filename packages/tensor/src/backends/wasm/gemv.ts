// Matrix times vector: nothing is reused, so nothing is packed; the matrix streams through once at the speed of memory.
// Two forms: `dot` where the vector runs along the matrix's contiguous axis, `axpy` where it runs across it.

import type { Func, FuncBuilder, Local, ModuleBuilder } from '@cairn/wasm'
import { clear, multiplyAdd } from './gemm-microkernel.ts'
import { ints } from './int.ts'

/** Matrix rows that one round of `dot` reads side by side, and of `axpy`. */
const dotRows = 4
const axpyRows = 8

const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const
const swapHalves = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]

/**
 * Defines `dot(x, w, wStride, y, count, k)`: y[j] = sum over k of x[k] * w[j][k], x and y contiguous, `wStride` in bytes.
 * Every row is summed in the same order (eight lanes, then the tail), alone or beside others.
 */
export function emitDot(module: ModuleBuilder, fused: boolean): Func {
  return module.func({ name: 'dot', params }, (f, x, w, wStride, y, count, k) => {
    const { local, add, mul, and, ne, ge, set, bump, chain, while: whilst } = ints(f)
    const rows = f.localArray('i32', dotRows)
    const [xAt, end] = [local(), local()]
    const halves = [f.localArray('v128', dotRows), f.localArray('v128', dotRows)]
    const xHalves = f.localArray('v128', 2)
    const part = f.local('v128')
    const sums = f.localArray('f32', dotRows)

    const group = (width: number): void => {
      const used = rows.slice(0, width)
      whilst(ge(count, width), () => {
        chain(used, w, wStride)
        for (let r = 0; r < width; r++) for (const half of halves) clear(f, half[r])
        set(xAt, x)
        set(end, add(x, mul(and(k, -8), 4)))
        whilst(ne(xAt, end), () => {
          for (const [i, half] of xHalves.entries()) {
            f.get(xAt).v128_load(i * 16)
            f.set(half)
          }
          for (const [r, row] of used.entries()) {
            for (const [i, half] of halves.entries()) {
              f.get(row).v128_load(i * 16)
              f.set(part)
              multiplyAdd(f, part, xHalves[i], half[r], fused)
            }
          }
          for (const pointer of [xAt, ...used]) bump(pointer, 32)
        })
        for (let r = 0; r < width; r++) {
          f.get(halves[0][r]).get(halves[1][r]).f32x4_add()
          f.tee(part).get(part).get(part).i8x16_shuffle(swapHalves).f32x4_add()
          f.tee(part).f32x4_extract_lane(0)
          f.get(part).f32x4_extract_lane(1).f32_add()
          f.set(sums[r])
        }
        set(end, add(xAt, mul(and(k, 7), 4)))
        whilst(ne(xAt, end), () => {
          for (const [r, row] of used.entries()) {
            f.get(row).f32_load().get(xAt).f32_load().f32_mul()
            f.get(sums[r]).f32_add().set(sums[r])
          }
          for (const pointer of [xAt, ...used]) bump(pointer, 4)
        })
        for (let r = 0; r < width; r++)
          f.get(y)
            .get(sums[r])
            .f32_store(r * 4)
        bump(y, width * 4)
        bump(w, mul(wStride, width))
        bump(count, -width)
      })
    }
    group(dotRows)
    group(1)
  })
}

/**
 * Defines `axpy(x, w, wStride, y, count, k)`: y[j] = sum over k of x[k] * w[k][j], x and y contiguous, `wStride` in bytes.
 * `count` is best small enough that y stays in the first-level cache. Each y[j] is one chain over ascending k; the last
 * count % 4 are rounded twice a step even if `fused`, so cut ranges at multiples of 4.
 */
export function emitAxpy(module: ModuleBuilder, fused: boolean): Func {
  return module.func({ name: 'axpy', params }, (f, x, w, wStride, y, count, k) => {
    const { local, add, mul, and, ne, ge, set, bump, chain, while: whilst } = ints(f)
    const rows = f.localArray('i32', axpyRows)
    const factors = f.localArray('v128', axpyRows)
    const [yAt, end] = [local(), local()]
    const [acc, part] = f.localArray('v128', 2)
    const sum = f.local('f32')

    const group = (width: number): void => {
      const used = rows.slice(0, width)
      whilst(ge(k, width), () => {
        chain(used, w, wStride)
        for (let r = 0; r < width; r++) {
          f.get(x).v128_load32_splat(r * 4)
          f.set(factors[r])
        }
        set(yAt, y)
        set(end, add(y, mul(and(count, -4), 4)))
        whilst(ne(yAt, end), () => {
          f.get(yAt).v128_load()
          f.set(acc)
          for (const [r, row] of used.entries()) {
            f.get(row).v128_load()
            f.set(part)
            multiplyAdd(f, part, factors[r], acc, fused)
          }
          f.get(yAt).get(acc).v128_store()
          for (const pointer of [yAt, ...used]) bump(pointer, 16)
        })
        set(end, add(yAt, mul(and(count, 3), 4)))
        whilst(ne(yAt, end), () => {
          f.get(yAt).f32_load()
          f.set(sum)
          for (const [r, row] of used.entries()) {
            f.get(row).f32_load().get(factors[r]).f32x4_extract_lane(0).f32_mul()
            f.get(sum).f32_add().set(sum)
          }
          f.get(yAt).get(sum).f32_store()
          for (const pointer of [yAt, ...used]) bump(pointer, 4)
        })
        bump(x, width * 4)
        bump(w, mul(wStride, width))
        bump(k, -width)
      })
    }
    f.get(y).i32_const(0)
    f.get(count).i32_const(4).i32_mul().memory_fill()
    group(axpyRows)
    group(1)
  })
}

/** Defines `gather(from, stride, to, count)`: floats at a byte stride become contiguous. */
export function emitGather(module: ModuleBuilder): Func {
  return strided(module, 'gather', (f, at, packed) => f.get(packed).get(at).f32_load().f32_store())
}

/** Defines `scatter(to, stride, from, count)`: contiguous floats go to places at a byte stride. */
export function emitScatter(module: ModuleBuilder): Func {
  return strided(module, 'scatter', (f, at, packed) => f.get(at).get(packed).f32_load().f32_store())
}

function strided(module: ModuleBuilder, name: string, move: (f: FuncBuilder, at: Local, packed: Local) => void): Func {
  return module.func({ name, params: ['i32', 'i32', 'i32', 'i32'] }, (f, at, stride, packed, count) => {
    const { bump, while: whilst } = ints(f)
    whilst(count, () => {
      move(f, at, packed)
      bump(at, stride)
      bump(packed, 4)
      bump(count, -1)
    })
  })
}

// What attention does to one row of scores while it is in the first-level cache: the online softmax of the forward pass (M. Milakov and
// N. Gimelshein, "Online normalizer calculation for softmax", 2018) and the gradient of the scores. Rows are `count` floats, a multiple of
// 8; keys outside of [low, high) are not seen and weigh nothing.

import type { Func, FuncBuilder, Local, ModuleBuilder } from '@cairn/wasm'
import { expPolynomial, ln2High, ln2Low, magic } from '../../kernel/math.ts'
import { ints } from './int.ts'

/** The maximum of a row that has seen nothing: finite, so that -Infinity less it is -Infinity. */
export const lowest = -3.4028234663852886e38
/** Below this, exp is 0: results stay normal numbers. */
const vanishes = -87

const splat = (f: FuncBuilder, value: number): FuncBuilder => f.f32x4_const(value, value, value, value)

/** a * b + c for operands that `push` leaves on the stack. */
function madd(f: FuncBuilder, fused: boolean, a: () => void, b: () => void, c: () => void): void {
  a()
  b()
  if (fused) {
    c()
    f.f32x4_relaxed_madd()
  } else {
    f.f32x4_mul()
    c()
    f.f32x4_add()
  }
}

/**
 * Code that makes x exp(x), for x <= 0 or NaN. Below `vanishes` it computes nonsense, which a mask clears; NaN is not below. Its constants are in
 * locals, set here, before any loop: an engine writes a vector constant anew, in four instructions, wherever it stands.
 */
function exponential(f: FuncBuilder, fused: boolean): (x: Local<'v128'>) => void {
  const [zero, n, r, y] = f.localArray('v128', 4)
  const kept = new Map<number, Local<'v128'>>()
  const numbers = [vanishes, Math.LOG2E, magic, -ln2High, -ln2Low, 1, ...expPolynomial]
  for (const value of numbers) {
    const local = f.local('v128')
    splat(f, value).set(local)
    kept.set(value, local)
  }
  const get = (v: Local) => () => void f.get(v)
  const number = (value: number) => get(kept.get(value)!)
  return x => {
    f.get(x)
    number(vanishes)()
    f.f32x4_lt().set(zero)
    madd(f, fused, get(x), number(Math.LOG2E), number(magic))
    f.tee(n)
    number(magic)()
    f.f32x4_sub().set(y)
    madd(f, fused, get(y), number(-ln2High), get(x))
    f.set(r)
    madd(f, fused, get(y), number(-ln2Low), get(r))
    f.set(r)
    number(expPolynomial[expPolynomial.length - 1])()
    f.set(y)
    for (let i = expPolynomial.length - 2; i >= 0; i--) {
      madd(f, fused, get(y), get(r), number(expPolynomial[i]))
      f.set(y)
    }
    madd(f, fused, () => void f.get(r).get(r).f32x4_mul(), get(y), get(r))
    number(1)()
    f.f32x4_add()
    // the low bits of n are the exponent; those of 1 are its bias
    f.get(n).i32_const(23).i32x4_shl()
    number(1)()
    f.i32x4_add().f32x4_mul()
    f.get(zero).v128_andnot().set(x)
  }
}

/** The two halves of a vector exchanged, and neighbours. */
const swapHalves = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
const swapPairs = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11]

function acrossLanes(f: FuncBuilder, v: Local<'v128'>, combine: 'f32x4_add' | 'f32x4_pmax'): void {
  for (const lanes of [swapHalves, swapPairs]) f.get(v).get(v).get(v).i8x16_shuffle(lanes)[combine]().set(v)
}

/** Defines `fillRow(row, from, to, bits)`: floats [from, to) of a row become one value. */
export function emitFill(module: ModuleBuilder): Func {
  return module.func({ name: 'fillRow', params: ['i32', 'i32', 'i32', 'i32'] }, (f, row, from, to, bits) => {
    const { local, add, mul, set, bump, le, lt, while: whilst } = ints(f)
    const [at, end] = [local(), local()]
    set(at, add(row, mul(from, 4)))
    set(end, add(row, mul(to, 4)))
    whilst(le(add(at, 16), end), () => {
      f.get(at).get(bits).i32x4_splat().v128_store()
      bump(at, 16)
    })
    whilst(lt(at, end), () => {
      f.get(at).get(bits).i32_store()
      bump(at, 4)
    })
  })
}

/** Defines `maskRow(row, from, to, mask, scale)`: row[j] = row[j] * scale + mask[j] for j in [from, to). */
export function emitMask(module: ModuleBuilder): Func {
  return module.func(
    { name: 'maskRow', params: ['i32', 'i32', 'i32', 'i32', 'f32'] },
    (f, row, from, to, mask, scale) => {
      const { local, add, mul, set, bump, le, lt, while: whilst } = ints(f)
      const [at, end, other] = [local(), local(), local()]
      set(at, add(row, mul(from, 4)))
      set(end, add(row, mul(to, 4)))
      set(other, add(mask, mul(from, 4)))
      whilst(le(add(at, 16), end), () => {
        f.get(at).get(at).v128_load().get(scale).f32x4_splat().f32x4_mul().get(other).v128_load().f32x4_add()
        f.v128_store()
        bump(at, 16)
        bump(other, 16)
      })
      whilst(lt(at, end), () => {
        f.get(at).get(at).f32_load().get(scale).f32_mul().get(other).f32_load().f32_add().f32_store()
        bump(at, 4)
        bump(other, 4)
      })
    },
  )
}

export interface RowHelpers {
  readonly fill: Func
  readonly mask: Func
}

const [infinity, negativeInfinity] = [0x7f800000, 0xff800000 | 0]

/**
 * Defines `weigh(row, count, low, high, mask, scale, statistics, out, outBytes)`: scores become weights exp(score * scale + mask - m) with m the
 * largest so far; `statistics` holds m and the sum, and both it and the results so far at `out` are brought to the new m. mask 0: none.
 */
export function emitWeigh(module: ModuleBuilder, fused: boolean, { fill, mask: maskRow }: RowHelpers): Func {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'f32', 'i32', 'i32', 'i32'] as const
  return module.func({ name: 'weigh', params }, (f, row, count, low, high, mask, scale, statistics, out, outBytes) => {
    const { local, add, mul, ge, lt, ne, set, bump, call, when, while: whilst } = ints(f)
    const [at, end, unseen] = [local(), local(), local()]
    const [most, x, factor, sum] = f.localArray('v128', 4)
    when(ge(low, high), () => {
      call(fill, row, 0, count, 0)
      f.return()
    })
    when(mask, () => {
      f.get(row).get(low).get(high).get(mask).get(scale).call(maskRow)
      f.f32_const(1).set(scale)
    })
    set(end, add(row, mul(count, 4)))
    // what is not seen becomes -Infinity when it is scaled, and by 0 nothing does
    f.get(scale).f32_const(0).f32_eq()
    f.if(() => {
      set(at, row)
      whilst(lt(at, end), () => {
        f.get(at).get(at).v128_load().get(scale).f32x4_splat().f32x4_mul().v128_store()
        bump(at, 16)
      })
      f.f32_const(1).set(scale)
    })
    f.i32_const(infinity).i32_const(negativeInfinity).get(scale).f32_const(0).f32_lt().select().set(unseen)
    call(fill, row, 0, low, unseen)
    call(fill, row, high, count, unseen)
    const exp = exponential(f, fused)
    f.get(scale).f32x4_splat().set(factor)
    f.get(statistics).v128_load32_splat().set(most)
    set(at, row)
    whilst(lt(at, end), () => {
      for (const offset of [0, 16]) {
        f.get(at).get(at).v128_load(offset).get(factor).f32x4_mul().tee(x).v128_store(offset)
        f.get(most).get(x).f32x4_pmax().set(most)
      }
      bump(at, 32)
    })
    acrossLanes(f, most, 'f32x4_pmax')
    // what was summed before was relative to a smaller maximum
    f.get(statistics).v128_load32_splat().get(most).f32x4_sub().tee(x)
    f.f32x4_extract_lane(0)
      .f32_const(0)
      .f32_ne()
      .if(() => {
        exp(x)
        f.get(statistics).get(statistics).f32_load(4).get(x).f32x4_extract_lane(0).f32_mul().f32_store(4)
        f.get(statistics).get(most).f32x4_extract_lane(0).f32_store()
        set(at, out)
        set(outBytes, add(out, outBytes))
        whilst(ne(at, outBytes), () => {
          for (const offset of [0, 16]) {
            f.get(at).get(at).v128_load(offset).get(x).f32x4_mul().v128_store(offset)
          }
          bump(at, 32)
        })
      })
    splat(f, 0).set(sum)
    set(at, row)
    whilst(lt(at, end), () => {
      for (const offset of [0, 16]) {
        f.get(at).v128_load(offset).get(most).f32x4_sub().set(x)
        exp(x)
        f.get(at).get(x).v128_store(offset)
        f.get(sum).get(x).f32x4_add().set(sum)
      }
      bump(at, 32)
    })
    acrossLanes(f, sum, 'f32x4_add')
    f.get(statistics).get(statistics).f32_load(4).get(sum).f32x4_extract_lane(0).f32_add().f32_store(4)
  })
}

/**
 * Defines `slope(row, slopes, count, low, high, mask, scale, lse, delta)`: scores become weights p = exp(score * scale + mask - lse), and their
 * gradients at `slopes` (g v^T) become those of the unscaled scores, p * (slope - delta) * scale.
 */
export function emitSlope(module: ModuleBuilder, fused: boolean, { fill, mask: maskRow }: RowHelpers): Func {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'f32', 'f32', 'f32'] as const
  return module.func({ name: 'slope', params }, (f, row, slopes, count, low, high, mask, scale, lse, delta) => {
    const { local, add, mul, sub, and, ge, lt, set, bump, call, when, while: whilst } = ints(f)
    const [at, end, other] = [local(), local(), local()]
    const [x, factor, slopeFactor, less, base] = f.localArray('v128', 5)
    when(ge(low, high), () => {
      call(fill, row, 0, count, 0)
      call(fill, slopes, 0, count, 0)
      f.return()
    })
    f.get(scale).f32x4_splat().set(slopeFactor)
    when(mask, () => {
      f.get(row).get(low).get(high).get(mask).get(scale).call(maskRow)
      f.f32_const(1).set(scale)
    })
    const exp = exponential(f, fused)
    f.get(scale).f32x4_splat().set(factor)
    f.get(lse).f32x4_splat().set(base)
    f.get(delta).f32x4_splat().set(less)
    set(at, add(row, mul(and(low, -4), 4)))
    set(other, add(slopes, sub(at, row)))
    set(end, add(row, mul(high, 4)))
    whilst(lt(at, end), () => {
      f.get(at).v128_load().get(factor).f32x4_mul().get(base).f32x4_sub().set(x)
      exp(x)
      f.get(at).get(x).v128_store()
      f.get(other).get(other).v128_load().get(less).f32x4_sub().get(x).f32x4_mul().get(slopeFactor).f32x4_mul()
      f.v128_store()
      bump(at, 16)
      bump(other, 16)
    })
    for (const memory of [row, slopes]) {
      call(fill, memory, 0, low, 0)
      call(fill, memory, high, count, 0)
    }
  })
}

/** Defines `finish(out, from, width, factor)`: out = from * factor. */
export function emitFinish(module: ModuleBuilder): Func {
  return module.func({ name: 'finish', params: ['i32', 'i32', 'i32', 'f32'] }, (f, out, from, width, factor) => {
    const { local, add, mul, le, lt, set, bump, while: whilst } = ints(f)
    const end = local()
    set(end, add(from, mul(width, 4)))
    whilst(le(add(from, 16), end), () => {
      f.get(out).get(from).v128_load().get(factor).f32x4_splat().f32x4_mul().v128_store()
      bump(from, 16)
      bump(out, 16)
    })
    whilst(lt(from, end), () => {
      f.get(out).get(from).f32_load().get(factor).f32_mul().f32_store()
      bump(from, 4)
      bump(out, 4)
    })
  })
}

/** Defines `addRow(to, from, width)`: to += from. */
export function emitAddRow(module: ModuleBuilder): Func {
  return module.func({ name: 'addRow', params: ['i32', 'i32', 'i32'] }, (f, to, from, width) => {
    const { local, add, mul, le, lt, set, bump, while: whilst } = ints(f)
    const end = local()
    set(end, add(from, mul(width, 4)))
    whilst(le(add(from, 16), end), () => {
      f.get(to).get(to).v128_load().get(from).v128_load().f32x4_add().v128_store()
      bump(from, 16)
      bump(to, 16)
    })
    whilst(lt(from, end), () => {
      f.get(to).get(to).f32_load().get(from).f32_load().f32_add().f32_store()
      bump(from, 4)
      bump(to, 4)
    })
  })
}

// Softmax over rows written by hand: a yardstick for the one that the compiler prints. Three passes over a row of a
// multiple of 16 columns: maximum, exp and sum, scale. exp flushes results below 2^-126 to nothing and the row is its own
// scratch, which the compiler may not do.

import { type FuncBuilder, features, type Local, type MemoryType, ModuleBuilder } from '@cairn/wasm'

const splat = (f: FuncBuilder, value: number): FuncBuilder => f.f32x4_const(value, value, value, value)
/** exp(r) = 1 + r + r^2 p(r) for |r| <= ln2 / 2 */
const coefficients = [0.4999999341, 0.1666652011, 0.04166839427, 0.008368780331, 0.001381446298]
const magic = 12582912

/** Constants in locals: the engine rebuilds a constant in two or three instructions wherever it is written. */
function constantsOf(f: FuncBuilder): (value: number) => void {
  const locals = new Map<number, Local>()
  const values = [-87.3, Math.LOG2E, magic, -0.693145751953125, -1.4286068203094173e-6, 1, ...coefficients]
  for (const value of values) {
    const local = f.local('v128')
    splat(f, value).set(local)
    locals.set(value, local)
  }
  return value => void f.get(locals.get(value)!)
}

/** Leaves exp of each vector in `x` there, for x <= 0: step by step for all of them, so that they run beside each other. */
function expOf(
  f: FuncBuilder,
  fused: boolean,
  constant: (value: number) => void,
  x: readonly Local[],
  shifted: readonly Local[],
  p: readonly Local[],
): void {
  const each = (step: (i: number) => void): void => {
    for (const i of x.keys()) step(i)
  }
  const times = (): void => {
    if (!fused) f.f32x4_mul()
  }
  const add = (): FuncBuilder => (fused ? f.f32x4_relaxed_madd() : f.f32x4_add())
  each(i => {
    f.get(x[i])
    constant(-87.3)
    f.f32x4_pmax().tee(x[i])
    constant(Math.LOG2E)
    times()
    constant(magic)
    add().tee(shifted[i])
    constant(magic)
    f.f32x4_sub().set(p[i])
  })
  for (const part of [-0.693145751953125, -1.4286068203094173e-6])
    each(i => {
      f.get(p[i])
      constant(part)
      times()
      f.get(x[i])
      add().set(x[i])
    })
  each(i => {
    constant(coefficients.at(-1)!)
    f.set(p[i])
  })
  for (const c of coefficients.slice(0, -1).toReversed())
    each(i => {
      f.get(p[i]).get(x[i])
      times()
      constant(c)
      add().set(p[i])
    })
  each(i => {
    f.get(x[i]).get(x[i]).f32x4_mul().get(p[i])
    times()
    f.get(x[i])
    add()
    constant(1)
    f.f32x4_add().get(shifted[i]).i32_const(23).i32x4_shl()
    constant(1)
    f.i32x4_add().f32x4_mul().set(x[i])
  })
}

/** Sums or takes the largest of the lanes of a few vectors into every lane of the first. */
function combine(f: FuncBuilder, parts: readonly Local[], op: 'f32x4_add' | 'f32x4_pmax'): void {
  const [first, ...rest] = parts
  for (const part of rest) f.get(first).get(part)[op]().set(first)
  for (const bytes of [8, 4]) {
    f.get(first).get(first).get(first)
    f.i8x16_shuffle(Array.from({ length: 16 }, (_, i) => (i + bytes) % 16))
      [op]()
      .set(first)
  }
}

/**
 * A kernel module with the ABI of the WASM backend; an item is a row. Parameters: addresses of x and y, columns (a
 * multiple of 16).
 */
export function softmaxModule(memory: MemoryType, fused: boolean = features().relaxedSimd): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', memory)
  module.func({ params: ['i32', 'i32', 'i32', 'i32'], export: 'kernel' }, (f, params, begin, end) => {
    const [x, y, bytes, at, stop, out] = f.localArray('i32', 6)
    const acc = f.localArray('v128', 4)
    const top = f.local('v128')
    const [v, shifted, p] = [0, 1, 2].map(() => f.localArray('v128', 2))
    const constant = constantsOf(f)
    const bump = (local: Local, by: number): FuncBuilder => f.get(local).i32_const(by).i32_add().set(local)
    /** from the row's start to its end, `step` bytes a time */
    const along = (row: Local, step: number, body: () => void): void => {
      f.get(row).tee(at).get(bytes).i32_add().set(stop)
      f.loop(again => {
        body()
        bump(at, step).get(at).get(stop).i32_lt_u().br_if(again)
      })
    }
    f.get(params).i32_load(8).i32_const(2).i32_shl().set(bytes)
    f.get(params).i32_load(0).get(begin).get(bytes).i32_mul().i32_add().set(x)
    f.get(params).i32_load(4).get(begin).get(bytes).i32_mul().i32_add().set(y)
    f.while(
      () => f.get(begin).get(end).i32_lt_u(),
      () => {
        for (const a of acc) splat(f, Number.NEGATIVE_INFINITY).set(a)
        along(x, 64, () => {
          for (const [i, a] of acc.entries())
            f.get(a)
              .get(at)
              .v128_load(i * 16)
              .f32x4_pmax()
              .set(a)
        })
        combine(f, acc, 'f32x4_pmax')
        f.get(acc[0]).set(top)
        for (const a of acc) splat(f, 0).set(a)
        along(x, 32, () => {
          for (let i = 0; i < 2; i++)
            f.get(at)
              .v128_load(i * 16)
              .get(top)
              .f32x4_sub()
              .set(v[i])
          expOf(f, fused, constant, v, shifted, p)
          f.get(at).get(y).get(x).i32_sub().i32_add().set(out)
          for (let i = 0; i < 2; i++) {
            f.get(out)
              .get(v[i])
              .v128_store(i * 16)
            f.get(acc[i]).get(v[i]).f32x4_add().set(acc[i])
          }
        })
        combine(f, acc.slice(0, 2), 'f32x4_add')
        splat(f, 1).get(acc[0]).f32x4_div().set(top)
        along(y, 64, () => {
          for (let i = 0; i < 4; i++)
            f.get(at)
              .get(at)
              .v128_load(i * 16)
              .get(top)
              .f32x4_mul()
              .v128_store(i * 16)
        })
        f.get(x).get(bytes).i32_add().set(x).get(y).get(bytes).i32_add().set(y)
        bump(begin, 1)
      },
    )
  })
  return module.build()
}

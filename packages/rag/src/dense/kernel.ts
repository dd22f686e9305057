// Distances of one query to many rows, as 128-bit SIMD generated for a row format and a vector size. Four rows at a time share
// each load of the query, and their cache misses overlap, which is what bounds a walk through a graph.
//
// A kernel's memory begins with the query; the rows follow at a fixed stride. Exports (addresses in bytes, row numbers as i32):
//   scan(first, count, out)    rows first .. first + count      -> count f32 distances
//   gather(ids, count, out)    the rows whose numbers are listed -> count f32 distances
//   load(row)                  a row becomes the query
// A distance is better when smaller: the negated product, or the squared Euclidean distance.
//
// Row formats:
//   f32   the numbers, padded with zeros to a multiple of 4
//   i8    codes, padded to a multiple of 16; then the row's factor (f32) and its squared length (f32). The query is i16 codes,
//         padded likewise, then its factor and squared length. i16 x i8 products are summed exactly in i32.
//   bits  signs, padded to a multiple of 128; the distance is the number that differ

import { type FuncBuilder, features, type Local, ModuleBuilder } from '@cairn/wasm'

export type RowFormat = 'f32' | 'i8' | 'bits'

/** What the distance is made from. For `bits` it is not asked. */
export type Measure = 'product' | 'squares'

export interface Kernel {
  scan(first: number, count: number, out: number): void
  gather(ids: number, count: number, out: number): void
  load(row: number): void
}

const up = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple

/** Bytes of a row, its tail included; a multiple of 16. */
export function rowStride(format: RowFormat, dimensions: number): number {
  switch (format) {
    case 'f32':
      return up(dimensions, 4) * 4
    case 'i8':
      return up(dimensions, 16) + 16
    case 'bits':
      return up(dimensions, 128) / 8
    default:
      return format satisfies never
  }
}

/** Bytes of the query in its format; a multiple of 16. */
export function queryBytes(format: RowFormat, dimensions: number): number {
  return format === 'i8' ? up(dimensions, 16) * 2 + 16 : rowStride(format, dimensions)
}

/** Largest i16 code of a query: products with 127, summed over a lane's share of MAX_DIMENSIONS numbers, stay below 2^31. */
export const QUERY_CODE_MAX = 2047

type I32 = Local<'i32'>
type V128 = Local<'v128'>

/** How a format walks one block of a row: what the loop over the query repeats. */
interface Inner {
  /** Bytes of a row and of the query that one step takes. */
  readonly rowStep: number
  readonly queryStep: number
  /** Steps in the whole row. */
  readonly steps: number
  step(f: FuncBuilder, query: I32, rows: readonly I32[], sums: readonly V128[], offset: number): void
  /** Leaves the row's distance, an f32, on the stack. `row` points behind the codes. */
  finish(f: FuncBuilder, query: I32, row: I32, sum: V128): void
}

/** The bytes of a module for rows of `dimensions` numbers whose first one is at `base`. */
export function kernelModule(
  format: RowFormat,
  measure: Measure,
  dimensions: number,
  base: number,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder()
  module.importMemory('env', 'memory', { min: 1 })
  const stride = rowStride(format, dimensions)
  const shape = {
    f32: () => floats(measure, dimensions),
    i8: () => codes(measure, dimensions),
    bits: () => bits(dimensions),
  }[format]()

  const body = (f: FuncBuilder, from: I32, count: I32, out: I32, listed: boolean): void => {
    const query = f.local('i32')
    const q = f.local('i32')
    const end = f.local('i32')
    const quads = f.local('i32')
    const rows = f.localArray('i32', 4)
    const sums = f.localArray('v128', 4)
    /** Puts the addresses of the next rows into locals and moves on. */
    const place = (n: number): void => {
      for (let i = 0; i < n; i++) {
        f.get(from)
        if (listed) f.i32_load(4 * i)
        else if (i) f.i32_const(i).i32_add()
        f.i32_const(stride).i32_mul().i32_const(base).i32_add().set(rows[i])
      }
      f.get(from)
        .i32_const(listed ? 4 * n : n)
        .i32_add()
        .set(from)
    }
    const distances = (n: number): void => {
      place(n)
      walk(f, shape, query, q, rows.slice(0, n), sums.slice(0, n))
      for (let i = 0; i < n; i++) {
        f.get(out)
        shape.finish(f, query, rows[i], sums[i])
        f.f32_store(4 * i)
      }
      f.get(out)
        .i32_const(4 * n)
        .i32_add()
        .set(out)
    }
    f.get(out).get(count).i32_const(2).i32_shl().i32_add().set(end)
    f.get(out).get(count).i32_const(-4).i32_and().i32_const(2).i32_shl().i32_add().set(quads)
    for (const [bound, n] of [
      [quads, 4],
      [end, 1],
    ] as const)
      f.while(
        () => f.get(out).get(bound).i32_lt_u(),
        () => distances(n),
      )
  }
  const params = ['i32', 'i32', 'i32'] as const
  module.func({ params, export: 'scan' }, (f, first, count, out) => body(f, first, count, out, false))
  module.func({ params, export: 'gather' }, (f, ids, count, out) => body(f, ids, count, out, true))
  module.func({ params: ['i32'], export: 'load' }, (f, number) => {
    const row = f.local('i32')
    f.get(number).i32_const(stride).i32_mul().i32_const(base).i32_add().set(row)
    if (format !== 'i8') {
      f.i32_const(0).get(row).i32_const(stride).memory_copy()
      return
    }
    const query = f.local('i32')
    const end = f.local('i32')
    const codeBytes = stride - 16
    f.get(row).i32_const(codeBytes).i32_add().set(end)
    f.while(
      () => f.get(row).get(end).i32_lt_u(),
      () => {
        f.get(query).get(row).v128_load8x8_s().v128_store()
        f.get(query).i32_const(16).i32_add().set(query)
        f.get(row).i32_const(8).i32_add().set(row)
      },
    )
    f.get(query).get(row).v128_load().v128_store()
  })
  return module.build()
}

/** The loop over a row: as many unrolled steps a round as make the code worth its size, the rest after it. */
function walk(f: FuncBuilder, inner: Inner, query: I32, q: I32, rows: readonly I32[], sums: readonly V128[]): void {
  const { rowStep, queryStep, steps } = inner
  const unroll = Math.min(8, steps)
  const rounds = Math.floor(steps / unroll)
  const end = f.local('i32')
  for (const sum of sums) f.i32_const(0).i32x4_splat().set(sum)
  f.i32_const(0).tee(query).set(q)
  f.i32_const(rounds * unroll * queryStep).set(end)
  f.loop(again => {
    for (let i = 0; i < unroll; i++) inner.step(f, q, rows, sums, i)
    for (const row of rows)
      f.get(row)
        .i32_const(unroll * rowStep)
        .i32_add()
        .set(row)
    f.get(q)
      .i32_const(unroll * queryStep)
      .i32_add()
      .tee(q)
      .get(end)
      .i32_lt_u()
      .br_if(again)
  })
  const rest = steps - rounds * unroll
  for (let i = 0; i < rest; i++) inner.step(f, q, rows, sums, i)
  if (rest)
    for (const row of rows)
      f.get(row)
        .i32_const(rest * rowStep)
        .i32_add()
        .set(row)
}

/** The four f32 lanes of a sum, added. */
function addLanes(f: FuncBuilder, sum: V128): void {
  f.get(sum).f32x4_extract_lane(0).get(sum).f32x4_extract_lane(1).f32_add()
  f.get(sum).f32x4_extract_lane(2).get(sum).f32x4_extract_lane(3).f32_add().f32_add()
}

function floats(measure: Measure, dimensions: number): Inner {
  const { relaxedSimd } = features()
  const temps = new WeakMap<FuncBuilder, [V128, V128]>()
  return {
    rowStep: 16,
    queryStep: 16,
    steps: Math.ceil(dimensions / 4),
    step(f, query, rows, sums, i) {
      let pair = temps.get(f)
      if (!pair) temps.set(f, (pair = [f.local('v128'), f.local('v128')]))
      const [x, difference] = pair
      f.get(query)
        .v128_load(16 * i)
        .set(x)
      for (let r = 0; r < rows.length; r++) {
        const add = (): void => {
          if (relaxedSimd) f.get(sums[r]).f32x4_relaxed_madd().set(sums[r])
          else f.f32x4_mul().get(sums[r]).f32x4_add().set(sums[r])
        }
        f.get(rows[r])
          .v128_load(16 * i)
          .get(x)
        if (measure === 'squares') f.f32x4_sub().tee(difference).get(difference)
        add()
      }
    },
    finish(f, _query, _row, sum) {
      addLanes(f, sum)
      if (measure === 'product') f.f32_neg()
    },
  }
}

function codes(measure: Measure, dimensions: number): Inner {
  const codeBytes = up(dimensions, 16)
  const temps = new WeakMap<FuncBuilder, V128>()
  return {
    rowStep: 8,
    queryStep: 16,
    steps: codeBytes / 8,
    step(f, query, rows, sums, i) {
      let x = temps.get(f)
      if (!x) temps.set(f, (x = f.local('v128')))
      f.get(query)
        .v128_load(16 * i)
        .set(x)
      for (let r = 0; r < rows.length; r++)
        f.get(rows[r])
          .v128_load8x8_s(8 * i)
          .get(x)
          .i32x4_dot_i16x8_s()
          .get(sums[r])
          .i32x4_add()
          .set(sums[r])
    },
    finish(f, query, row, sum) {
      const tail = codeBytes * 2
      f.get(sum).i32x4_extract_lane(0).get(sum).i32x4_extract_lane(1).i32_add()
      f.get(sum).i32x4_extract_lane(2).get(sum).i32x4_extract_lane(3).i32_add().i32_add()
      f.f32_convert_i32_s().get(row).f32_load(0).f32_mul().get(query).f32_load(tail).f32_mul()
      if (measure === 'product') f.f32_neg()
      else {
        // |q|^2 + |x|^2 - 2 q.x
        f.f32_const(-2)
          .f32_mul()
          .get(row)
          .f32_load(4)
          .f32_add()
          .get(query)
          .f32_load(tail + 4)
          .f32_add()
      }
    },
  }
}

function bits(dimensions: number): Inner {
  const temps = new WeakMap<FuncBuilder, V128>()
  return {
    rowStep: 16,
    queryStep: 16,
    steps: up(dimensions, 128) / 128,
    step(f, query, rows, sums, i) {
      let x = temps.get(f)
      if (!x) temps.set(f, (x = f.local('v128')))
      f.get(query)
        .v128_load(16 * i)
        .set(x)
      for (let r = 0; r < rows.length; r++) {
        f.get(rows[r])
          .v128_load(16 * i)
          .get(x)
          .v128_xor()
          .i8x16_popcnt()
        f.i16x8_extadd_pairwise_i8x16_u().i32x4_extadd_pairwise_i16x8_u().get(sums[r]).i32x4_add().set(sums[r])
      }
    },
    finish(f, _query, _row, sum) {
      f.get(sum).i32x4_extract_lane(0).get(sum).i32x4_extract_lane(1).i32_add()
      f.get(sum).i32x4_extract_lane(2).get(sum).i32x4_extract_lane(3).i32_add().i32_add().f32_convert_i32_s()
    },
  }
}

// Copies that put operands of the matrix product into the order in which the micro-kernel reads them:
// B in panels of 8 columns, k by k; a transposed A in row-major rows. A row-major A is read where it lies: packing it
// costs 1 to 10%. Columns beyond the edge of the last panel hold leftovers; their results are never stored.

import type { Func, FuncBuilder, Local, ModuleBuilder } from '@cairn/wasm'
import { panelStep, panelWidth } from './gemm-microkernel.ts'
import { ints } from './int.ts'

const words = (...lanes: number[]): number[] => lanes.flatMap(lane => [0, 1, 2, 3].map(i => lane * 4 + i))
const lowPairs = words(0, 4, 1, 5)
const highPairs = words(2, 6, 3, 7)
const lowHalves = words(0, 1, 4, 5)
const highHalves = words(2, 3, 6, 7)

/** Transposes a 4x4 block held in four vectors, in place, through four more. */
function transpose4(f: FuncBuilder, v: readonly Local[], t: readonly Local[]): void {
  const shuffle = (a: Local, b: Local, lanes: number[], to: Local): void => {
    f.get(a).get(b).i8x16_shuffle(lanes)
    f.set(to)
  }
  shuffle(v[0], v[1], lowPairs, t[0])
  shuffle(v[0], v[1], highPairs, t[1])
  shuffle(v[2], v[3], lowPairs, t[2])
  shuffle(v[2], v[3], highPairs, t[3])
  shuffle(t[0], t[2], lowHalves, v[0])
  shuffle(t[0], t[2], highHalves, v[1])
  shuffle(t[1], t[3], lowHalves, v[2])
  shuffle(t[1], t[3], highHalves, v[3])
}

/**
 * Defines `packB(b, bStride, columns, k, out)`: panels of 8 columns, each k x 8 floats, one after the other.
 * b points at the first column wanted; `bStride` is the bytes between rows of k (or of columns, when transposed).
 */
export function emitPackB(module: ModuleBuilder, transposed: boolean): Func {
  return transposed ? packColumns(module) : packRows(module)
}

const packParams = ['i32', 'i32', 'i32', 'i32', 'i32'] as const

/**
 * Rows of k that are cut at a time. Along the columns of a band memory is read in order, which matters once B is not in
 * cache: all of k at a time reads at 2.7 GB/s where bands of 16 reach 6.7.
 */
const bandRows = 16

/** B is [k, n]: rows are cut into pieces of 8, four panels a sweep, so that each source line is read once. */
function packRows(module: ModuleBuilder): Func {
  return module.func({ name: 'packRows', params: packParams }, (f, b, bStride, columns, k, out) => {
    const { add, sub, mul, and, ne, le, lt, min, geSigned, set, bump, chain, when, range, while: whilst } = ints(f)
    const [panelBytes, p, column, source, count, last, i] = f.localArray('i32', 7)
    const targets = f.localArray('i32', 4)
    const v = f.localArray('v128', 8)

    /** The band of rows from k = p on, as many panels at a time as there are. */
    const cut = (panels: number): void =>
      whilst(le(add(column, panels * panelWidth), columns), () => {
        const used = targets.slice(0, panels)
        set(source, add(b, mul(p, bStride), mul(column, 4)))
        chain(used, add(out, mul(mul(column, k), 4), mul(p, panelStep)), panelBytes)
        set(count, min(sub(k, p), bandRows))
        whilst(count, () => {
          for (let i = 0; i < panels * 2; i++) {
            f.get(source).v128_load(i * 16)
            f.set(v[i])
          }
          for (let i = 0; i < panels * 2; i++) {
            f.get(targets[i >> 1]).get(v[i])
            f.v128_store((i & 1) * 16)
          }
          for (const target of used) bump(target, panelStep)
          bump(source, bStride)
          bump(count, -1)
        })
        bump(column, panels * panelWidth)
      })

    set(panelBytes, mul(k, panelStep))
    range(p, 0, k, bandRows, () => {
      set(column, 0)
      cut(4)
      cut(1)
    })
    set(column, and(columns, -panelWidth))
    bump(b, mul(column, 4))
    bump(out, mul(mul(column, k), 4))
    bump(columns, sub(0, column))

    // The last, narrower panel: whole vectors as long as they end inside the matrix, then single floats.
    when(and(ne(columns, 0), ne(k, 0)), () => {
      set(count, k)
      set(last, add(mul(sub(k, 1), bStride), mul(columns, 4)))
      const next = (): void => {
        bump(out, panelStep)
        bump(b, bStride)
        bump(count, -1)
      }
      whilst(and(ne(count, 0), geSigned(last, panelStep)), () => {
        for (const offset of [0, 16]) f.get(out).get(b).v128_load(offset).v128_store(offset)
        bump(last, sub(0, bStride))
        next()
      })
      whilst(count, () => {
        for (const offset of [0, 16]) f.get(out).f32x4_const(0, 0, 0, 0).v128_store(offset)
        set(i, 0)
        whilst(lt(i, mul(columns, 4)), () => {
          f.get(out).get(i).i32_add()
          f.get(b).get(i).i32_add().f32_load().f32_store()
          bump(i, 4)
        })
        next()
      })
    })
  })
}

/** B is [n, k]: eight rows at once, turned by 4x4 blocks. A narrower last panel repeats its last column. */
function packColumns(module: ModuleBuilder): Func {
  return module.func({ name: 'packColumns', params: packParams }, (f, b, bStride, columns, k, out) => {
    const { local, add, sub, mul, and, div, gt, set, bump, choose, while: whilst } = ints(f)
    const rows = f.localArray('i32', panelWidth)
    const count = local()
    const v = f.localArray('v128', 4)
    const t = f.localArray('v128', 4)
    const next = (steps: number): void => {
      for (const row of rows) bump(row, steps * 4)
      bump(out, steps * panelStep)
      bump(count, -1)
    }

    whilst(columns, () => {
      rows.forEach((row, i) => {
        set(row, i === 0 ? b : add(rows[i - 1], choose(gt(columns, i), bStride, 0)))
      })
      set(count, div(k, 4))
      whilst(count, () => {
        for (const half of [0, 4]) {
          for (let i = 0; i < 4; i++) {
            f.get(rows[half + i]).v128_load()
            f.set(v[i])
          }
          transpose4(f, v, t)
          for (let i = 0; i < 4; i++)
            f.get(out)
              .get(v[i])
              .v128_store(i * panelStep + half * 4)
        }
        next(4)
      })
      set(count, and(k, 3))
      whilst(count, () => {
        for (const [i, row] of rows.entries())
          f.get(out)
            .get(row)
            .f32_load()
            .f32_store(i * 4)
        next(1)
      })
      bump(b, mul(bStride, panelWidth))
      set(columns, choose(gt(columns, panelWidth), sub(columns, panelWidth), 0))
    })
  })
}

/**
 * Defines `transposeA(a, aStride, rows, k, out, outStride)`: A stored as [k, m] becomes `rows` row-major rows of k
 * floats. Blocks of 16 k x 4 rows, so that each write fills a cache line; edges repeat part of the block before.
 */
export function emitTransposeA(module: ModuleBuilder): Func {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const
  return module.func({ name: 'transposeA', params }, (f, a, aStride, rows, k, out, outStride) => {
    const { local, add, sub, mul, or, lt, le, min, set, bump, chain, when, while: whilst, range, rangeOnce } = ints(f)
    const [p, i, row, source] = [local(), local(), local(), local()]
    const targets = f.localArray('i32', 4)
    const v = f.localArray('v128', 4)
    const t = f.localArray('v128', 4)

    /** `blocks` 4x4 blocks from k = p on, for every four rows; the last four end with the matrix. */
    const band = (blocks: number): void =>
      rangeOnce(i, 0, rows, 4, () => {
        set(row, min(i, sub(rows, 4)))
        set(source, add(a, mul(p, aStride), mul(row, 4)))
        chain(targets, add(out, mul(row, outStride), mul(p, 4)), outStride)
        for (let block = 0; block < blocks; block++) {
          for (const vector of v) {
            f.get(source).v128_load()
            f.set(vector)
            bump(source, aStride)
          }
          transpose4(f, v, t)
          for (const [r, vector] of v.entries())
            f.get(targets[r])
              .get(vector)
              .v128_store(block * 16)
        }
      })

    when(
      or(lt(rows, 4), lt(k, 4)),
      () =>
        range(p, 0, k, 1, () =>
          range(i, 0, rows, 1, () => {
            set(source, add(a, mul(p, aStride), mul(i, 4)))
            set(row, add(out, mul(i, outStride), mul(p, 4)))
            f.get(row).get(source).f32_load().f32_store()
          }),
        ),
      () => {
        set(p, 0)
        whilst(le(add(p, 16), k), () => {
          band(4)
          bump(p, 16)
        })
        whilst(lt(p, k), () => {
          set(p, min(p, sub(k, 4)))
          band(1)
          bump(p, 4)
        })
      },
    )
  })
}

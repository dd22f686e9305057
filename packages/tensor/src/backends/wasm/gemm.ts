// The f32 matrix product as a WebAssembly template: C = A B for both storage orders of A and B, any sizes, leading
// dimensions at run time, with an optional epilogue that takes finished strips while they are in cache.
//
// B is packed in panels of 8 columns for all of k; a row-major A is read where it lies, six rows at a time staying in the
// first-level cache while the panels of a column block (in the second-level cache) stream past them.
// A transposed A is turned into row-major rows first.
// Every element is summed over k in one fixed order, so results do not depend on how items are cut among threads.
// After K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.

import { type Func, type FuncBuilder, type Local, longestChunk, type ModuleBuilder } from '@cairn/wasm'
import { emitSweep, panelStep, panelWidth, tileRows } from './gemm-microkernel.ts'
import { emitPackB, emitTransposeA } from './gemm-pack.ts'
import { emitAxpy, emitDot, emitGather, emitScatter } from './gemv.ts'
import { type Int, type Ints, ints } from './int.ts'

/** Depth of one pass over k; later passes add. 256 costs 4%, 128 costs 8%. */
const maxDepth = 1024
/**
 * The deepest rows of A that are touched before their turn: theirs, the rows in use and a panel of B fill the first-level cache. It saves 10% of
 * 128 x 128 x 128; deeper it costs 2 to 5%.
 */
const touchedDepth = 512
/** Columns of B packed at a time, all of k deep: 768 KiB a pass. Flat from 128 to 256; 512 costs 5%. */
const maxColumns = 192
/** Past this many floats fewer columns are packed at a time, and fewer rows of a transposed A turned. */
const maxPacked = 1 << 21
const maxTurned = 1 << 21
/** As many where all columns are packed at once, so that turning fewer rows packs nothing twice: they stay in the second-level cache. */
const fewTurned = 1 << 17
/** Rows turned at a time at least, however deep; and what their number is a multiple of: whole tiles, and whole blocks of four. */
const minTurnedRows = 48
const turnedStep = 12
/** Rows whose sums wait in scratch between passes over k when a strip takes the results. */
const stripRows = 768
/** Outputs that a matrix-vector product makes at a time: 4 KiB, in the first-level cache. */
const vectorBlock = 1024
/** Rows that one item stands for when items are cut along m: a cache line of a transposed A. */
const rowUnit = 16
const tileBytes = tileRows * panelStep
const maxInt = 2 ** 31 - 1

export interface GemmSpec {
  /** A is stored as [k, m] (else [m, k]); likewise B as [n, k] (else [k, n]). The other stride is the leading dimension. */
  readonly transposeA: boolean
  readonly transposeB: boolean
  /** Use relaxed multiply-add (`features().relaxedSimd`); without it products are rounded before they are added. */
  readonly fused: boolean
  /**
   * Takes finished results instead of C: `strip(params, pointer, ld, m0, rows, n0, n1, extra)`, all i32. The strip is
   * `rows` x (n1 - n0) floats at `pointer` in this thread's scratch, `ld` floats from row to row, and covers rows
   * m0.. and columns n0..n1 of the product; each element is handed over exactly once. It may overwrite the strip.
   */
  readonly strip?: Func
}

/** Parameter types of a strip function. */
export const stripParams = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const

/** Parameter types of the function that `emitGemm` defines. */
export const gemmParams = [
  'i32', // params, handed to strip
  'i32', // extra, handed to strip
  'i32', // a, byte address
  'i32', // lda, floats
  'i32', // b
  'i32', // ldb
  'i32', // c, unused with a strip
  'i32', // ldc
  'i32', // m
  'i32', // n
  'i32', // k
  'i32', // rowBegin
  'i32', // rowEnd
  'i32', // columnBegin, a multiple of 8
  'i32', // columnEnd, a multiple of 8 or n
  'i32', // scratch
] as const

/** total cut into the fewest blocks of at most `limit`, as evenly as steps of `step` allow: the size of a block. */
function emitEvenBlock({ local, set, choose, ceilDiv, roundUp }: Ints, total: Int, limit: Int, step: number): Int {
  const blocks = local()
  set(blocks, ceilDiv(total, limit))
  set(blocks, choose(blocks, blocks, 1))
  return roundUp(ceilDiv(total, blocks), step)
}

const roundUp = (x: number, to: number): number => Math.ceil(x / to) * to
const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x))

/**
 * Bytes of scratch that one thread needs for a product of these sizes: at most about 16 MiB while k <= 8192.
 * @param rows @param columns the most that one call is given of the product
 */
export function gemmScratchBytes(
  { transposeA, strip }: Pick<GemmSpec, 'transposeA' | 'strip'>,
  m: number,
  n: number,
  k: number,
  rows: number = m,
  columns: number = n,
): number {
  if (m === 1 || n === 1) return roundUp((vectorBlock + k) * 4, 64)
  const depth = Math.max(k, 1)
  const packable = clamp(Math.floor(maxPacked / depth) & -panelWidth, panelWidth, maxColumns)
  const packed = Math.min(roundUp(columns, panelWidth), packable)
  const turnable = Math.max(Math.floor((columns > packable ? maxTurned : fewTurned) / depth), minTurnedRows)
  const turned = transposeA ? Math.min(roundUp(rows, turnedStep), turnable) : 0
  const waiting = strip ? (k > maxDepth ? Math.min(roundUp(rows, 4), stripRows) : tileRows) : 0
  const floats = packed * (waiting + k) + turned * turnedLength(k)
  return roundUp(tileBytes + floats * 4, 64) + 3 * 64
}

/** Floats from one turned row to the next: whole cache lines, and one more against aliasing. */
const turnedLength = (k: number): number => roundUp(k, 16) + 16

/**
 * Defines the product of a range of rows and columns, as a wasm function with the parameters of `gemmParams`.
 * Vector shapes (m or n = 1) take the matrix-vector path; which path is taken depends on m and n alone, not on the range.
 */
export function emitGemm(module: ModuleBuilder, spec: GemmSpec): Func {
  const block = emitBlockedGemm(module, spec)
  const row = emitVectorGemm(module, spec, 'row')
  const column = emitVectorGemm(module, spec, 'column')
  return module.func({ name: 'gemm', params: gemmParams }, (f, ...locals) => {
    const [, , , , , , , , m, n, , rowBegin, rowEnd, columnBegin, columnEnd] = locals
    const { or, ge, eq, when, call } = ints(f)
    when(or(ge(rowBegin, rowEnd), ge(columnBegin, columnEnd)), () => f.return())
    when(
      eq(m, 1),
      () => call(row, ...locals),
      () =>
        when(
          eq(n, 1),
          () => call(column, ...locals),
          () => call(block, ...locals),
        ),
    )
  })
}

function emitBlockedGemm(module: ModuleBuilder, { transposeA, transposeB, fused, strip }: GemmSpec): Func {
  const sweeps = Array.from({ length: tileRows }, (_, i) => emitSweep(module, i + 1, fused))
  const packB = emitPackB(module, transposeB)
  const turnA = transposeA ? emitTransposeA(module) : undefined
  const copyTile = strip ? undefined : emitCopyTile(module)

  return module.func({ name: 'gemmBlocked', params: gemmParams }, (f, ...locals) => {
    const [params, extra, a, lda, b, ldb, c, ldc, , , k, rowBegin, rowEnd, columnBegin, columnEnd, scratch] = locals
    const int = ints(f)
    const {
      add,
      sub,
      mul,
      div,
      and,
      or,
      gt,
      ge,
      eq,
      min,
      max,
      choose,
      ceilDiv,
      roundUp,
      set,
      bump,
      when,
      rangeOnce,
      call,
    } = int
    /** A local with a value. */
    const define = (value: Int): Local<'i32'> => {
      const local = int.local()
      set(local, value)
      return local
    }

    const [aStride, bStride, cStride] = [define(mul(lda, 4)), define(mul(ldb, 4)), define(mul(ldc, 4))]
    const panelStride = define(mul(k, panelStep))
    const passes = define(gt(k, maxDepth))
    const depth = define(emitEvenBlock(int, k, maxDepth, 4))
    const someDepth = define(choose(k, k, 1))
    const packable = define(max(and(div(maxPacked, someDepth), -panelWidth), panelWidth))
    const columns = define(
      emitEvenBlock(int, sub(columnEnd, columnBegin), define(min(packable, maxColumns)), panelWidth),
    )
    const rowsInRange = define(sub(rowEnd, rowBegin))
    const packOnce = define(ge(columns, sub(columnEnd, columnBegin)))
    const turnable = define(
      max(mul(div(div(choose(packOnce, fewTurned, maxTurned), someDepth), turnedStep), turnedStep), minTurnedRows),
    )
    const turnedRows = define(transposeA ? emitEvenBlock(int, rowsInRange, turnable, turnedStep) : rowsInRange)
    const rows = define(strip ? emitEvenBlock(int, turnedRows, choose(passes, stripRows, maxInt), 4) : turnedRows)

    // scratch: edge tile | strip | packed B | turned A
    const stripAt = define(add(scratch, tileBytes))
    const stripStride = define(mul(columns, 4))
    const stripBytes = strip ? mul(stripStride, choose(passes, rows, tileRows)) : 0
    const packed = define(roundUp(add(stripAt, stripBytes), 64))
    const turned = define(roundUp(add(packed, mul(mul(columns, k), 4)), 64))
    const turnedStride = define(mul(add(roundUp(k, 16), 16), 4))
    const tileStride = define(panelStep)

    const [t, turnedHeight, j, width, i, height, p, span] = f.localArray('i32', 8)
    const [source, panelAt, edgePanel, target, rowAt, first, r, group, groups, size] = f.localArray('i32', 10)
    const sourceStride = transposeA ? turnedStride : aStride

    /** Sweeps `size` rows over panels: one call site a tile height, the common ones first. */
    const sweep = (panel: Int, panels: Int, to: Int, stride: Int, firstPass: Int, ahead: Int): void => {
      const ofHeight = (height: number): void => {
        const go = (): void =>
          call(
            sweeps[height - 1],
            ...[rowAt, sourceStride, panel, panelStride, to, stride, span, panels, firstPass],
            ...[add(rowAt, mul(size, sourceStride)), ahead],
          )
        if (height === 1) go()
        else when(eq(size, height), go, () => ofHeight(height - 1))
      }
      ofHeight(tileRows)
    }

    /** Of the next group, which has as many rows as this one or one more; what was turned is near already. */
    const linesAhead = transposeA
      ? 0
      : choose(or(eq(add(group, 1), groups), gt(span, touchedDepth)), 0, mul(size, ceilDiv(span, 16)))

    const sweepToStrip = (strip: Func): void => {
      set(target, add(stripAt, choose(passes, mul(r, stripStride), 0)))
      sweep(panelAt, ceilDiv(width, panelWidth), target, stripStride, first, linesAhead)
      when(eq(add(p, span), k), () => call(strip, params, target, columns, add(i, r), size, j, add(j, width), extra))
    }

    const sweepToC = (copyTile: Func): void => {
      const whole = div(width, panelWidth)
      const edge = and(width, panelWidth - 1)
      set(target, add(c, mul(add(i, r), cStride), mul(j, 4)))
      sweep(panelAt, whole, target, cStride, first, linesAhead)
      when(edge, () => {
        // the narrower last panel goes through a tile in scratch
        set(edgePanel, add(panelAt, mul(whole, panelStride)))
        sweep(edgePanel, 1, scratch, tileStride, 1, 0)
        call(copyTile, scratch, add(target, mul(whole, panelStep)), cStride, size, edge, first)
      })
    }

    rangeOnce(t, rowBegin, rowEnd, turnedRows, () => {
      set(turnedHeight, min(sub(rowEnd, t), turnedRows))
      if (turnA) call(turnA, add(a, mul(t, 4)), aStride, turnedHeight, k, turned, turnedStride)
      rangeOnce(j, columnBegin, columnEnd, columns, () => {
        set(width, min(sub(columnEnd, j), columns))
        const pack = (): void =>
          call(packB, add(b, transposeB ? mul(j, bStride) : mul(j, 4)), bStride, width, k, packed)
        if (transposeA) when(or(eq(t, rowBegin), eq(packOnce, 0)), pack)
        else pack()
        rangeOnce(i, t, add(t, turnedHeight), rows, () => {
          set(height, min(sub(add(t, turnedHeight), i), rows))
          // the fewest groups of at most six rows, sizes differing by one at most
          set(groups, ceilDiv(height, tileRows))
          rangeOnce(p, 0, k, depth, () => {
            set(span, min(sub(k, p), depth))
            set(first, eq(p, 0))
            set(source, add(transposeA ? turned : a, mul(sub(i, transposeA ? t : 0), sourceStride), mul(p, 4)))
            set(panelAt, add(packed, mul(p, panelStep)))
            set(r, 0)
            rangeOnce(group, 0, groups, 1, () => {
              set(size, div(add(height, group), groups))
              set(rowAt, add(source, mul(r, sourceStride)))
              if (strip) sweepToStrip(strip)
              else sweepToC(copyTile as Func)
              bump(r, size)
            })
          })
        })
      })
    })
  })
}

/** Defines `copyTile(tile, c, cStride, rows, columns, first)`: part of an 8-wide tile stored to C or added to it. */
function emitCopyTile(module: ModuleBuilder): Func {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const
  return module.func({ name: 'copyTile', params }, (f, tile, c, cStride, rows, columns, first) => {
    const { local, add, mul, range, bump, push, set, while: whilst } = ints(f)
    const [at, from, to] = [local(), local(), local()]
    whilst(rows, () => {
      range(at, 0, mul(columns, 4), 4, () => {
        set(from, add(tile, at))
        set(to, add(c, at))
        push(to)
        f.get(first).if(
          'f32',
          () => f.get(from).f32_load(),
          () => f.get(from).f32_load().get(to).f32_load().f32_add(),
        )
        f.f32_store()
      })
      bump(tile, panelStep)
      bump(c, cStride)
      bump(rows, -1)
    })
  })
}

/** Defines the product for m = 1 (`row`) or n = 1 (`column`), with the parameters of `gemmParams`. */
function emitVectorGemm(module: ModuleBuilder, spec: GemmSpec, shape: 'row' | 'column'): Func {
  const { transposeA, transposeB, fused, strip } = spec
  const row = shape === 'row'
  // the matrix of the pair has its outputs' axis contiguous (axpy) or its axis of k (dot)
  const alongOutputs = row ? !transposeB : transposeA
  const vectorIsStrided = row ? transposeA : !transposeB
  const compute = alongOutputs ? emitAxpy(module, fused) : emitDot(module, fused)
  const gather = vectorIsStrided ? emitGather(module) : undefined
  const scatter = row || strip ? undefined : emitScatter(module)

  return module.func({ name: `gemv_${shape}`, params: gemmParams }, (f, ...locals) => {
    const [params, extra, a, lda, b, ldb, c, ldc, , , k, rowBegin, rowEnd, columnBegin, columnEnd, scratch] = locals
    const { local, add, sub, mul, min, set, call, rangeOnce } = ints(f)
    const [begin, end] = row ? [columnBegin, columnEnd] : [rowBegin, rowEnd]
    const [x, xLd, w, wLd] = row ? [a, lda, b, ldb] : [b, ldb, a, lda]
    const [wStride, at, count, y] = [local(), local(), local(), local()]

    set(wStride, mul(wLd, 4))
    if (gather) {
      const dense = add(scratch, vectorBlock * 4)
      call(gather, x, mul(xLd, 4), dense, k)
      set(x, dense)
    }
    rangeOnce(at, begin, end, vectorBlock, () => {
      set(count, min(sub(end, at), vectorBlock))
      set(y, row && !strip ? add(c, mul(at, 4)) : scratch)
      call(compute, x, add(w, mul(at, alongOutputs ? 4 : wStride)), wStride, y, count, k)
      if (strip && row) call(strip, params, y, count, 0, 1, at, add(at, count), extra)
      else if (strip) call(strip, params, y, 1, at, count, 0, 1, extra)
      else if (scatter) call(scatter, add(c, mul(mul(at, ldc), 4)), mul(ldc, 4), y, count)
    })
  })
}

/** The i32 locals that a kernel's `shape` callback sets. */
export interface GemmShape {
  readonly m: Local<'i32'>
  readonly n: Local<'i32'>
  readonly k: Local<'i32'>
  readonly lda: Local<'i32'>
  readonly ldb: Local<'i32'>
  readonly ldc: Local<'i32'>
  /** 1: items are row blocks, 0: column panels, as `planGemm` chose */
  readonly byRows: Local<'i32'>
}

/** The i32 locals that a kernel's `operands` callback sets from `batch`. */
export interface GemmOperands {
  readonly batch: Local<'i32'>
  /** byte addresses */
  readonly a: Local<'i32'>
  readonly b: Local<'i32'>
  /** stays 0 with a strip */
  readonly c: Local<'i32'>
  /** handed to the strip; the batch index unless set */
  readonly extra: Local<'i32'>
}

export interface GemmKernelSpec extends GemmSpec {
  /** Once a call: sets sizes, leading dimensions (in floats) and the partition, from the parameter block. */
  shape(f: FuncBuilder, params: Local<'i32'>, shape: GemmShape): void
  /** Once a batch: sets the operands' addresses for batch index `batch`. */
  operands(f: FuncBuilder, params: Local<'i32'>, operands: GemmOperands): void
}

/**
 * Defines and exports `kernel(params, begin, end, scratch)` over the items of `planGemm`: for every batch its column panels
 * or row blocks. A range may straddle batches; the result is the same bit for bit however the items are cut.
 */
export function emitGemmKernel(module: ModuleBuilder, spec: GemmKernelSpec): Func {
  const gemm = emitGemm(module, spec)
  const params = ['i32', 'i32', 'i32', 'i32'] as const
  return module.func({ export: 'kernel', params }, (f, params, begin, end, scratch) => {
    const { local, add, sub, mul, div, rem, ceilDiv, min, choose, ge, set, when, call } = ints(f)
    const shape = { m: local(), n: local(), k: local(), lda: local(), ldb: local(), ldc: local(), byRows: local() }
    const operands = { batch: local(), a: local(), b: local(), c: local(), extra: local() }
    const { m, n, k, lda, ldb, ldc, byRows } = shape
    const { batch, a, b, c, extra } = operands
    const [units, unit, from, to, size, left] = f.localArray('i32', 6)

    when(ge(begin, end), () => f.return())
    spec.shape(f, params, shape)
    set(unit, choose(byRows, rowUnit, panelWidth))
    set(size, choose(byRows, m, n))
    set(units, ceilDiv(size, unit))
    set(batch, div(begin, units))
    set(from, rem(begin, units))
    set(left, sub(end, begin))
    f.loop(nextBatch => {
      // units from..to of this batch, then as rows or columns
      set(to, min(add(from, left), units))
      set(left, sub(left, sub(to, from)))
      set(extra, batch)
      spec.operands(f, params, operands)
      set(from, mul(from, unit))
      set(to, min(mul(to, unit), size))
      const rows = [choose(byRows, from, 0), choose(byRows, to, m)]
      const columns = [choose(byRows, 0, from), choose(byRows, n, to)]
      call(gemm, params, extra, a, lda, b, ldb, c, ldc, m, n, k, ...rows, ...columns, scratch)
      set(from, 0)
      set(batch, add(batch, 1))
      f.get(left).br_if(nextBatch)
    })
  })
}

export interface GemmSizes {
  readonly batch: number
  readonly m: number
  readonly n: number
  readonly k: number
}

export interface GemmPlan {
  /** items are blocks of 16 rows, else panels of 8 columns; of every batch */
  readonly byRows: boolean
  /** parallel items of the launch */
  readonly items: number
  /** the fewest items worth a chunk */
  readonly grain: number
  /** that each thread needs, for the longest range that one is given */
  readonly scratchBytes: number
}

/**
 * A chunk repeats packing that others do too, so it must be long: columns, or rows (each packs all of B). Where a
 * vector runs across the rows of a matrix, it is a block: who reads less of each row than a page reads memory slowly.
 */
const [chunkColumns, chunkRows] = [64, 96]
/**
 * A product so many times as tall as wide is cut by rows: each thread reads its part of A, not all of it, and packs all of the smaller B. Its rows
 * are those that it has in its cache from the kernel before, and has for the one after it: 3% of a training step of a small GPT on two threads.
 */
const tallness = 1.5
/** About 5 microseconds: less is not worth handing to another thread. */
const chunkFlops = 1 << 18

/**
 * How the host cuts a product among threads. Chosen from sizes alone; it changes the time, never the result.
 * Columns leave a row-major A alone and are the rule; rows serve where columns are few or much fewer, or A must be turned, which
 * each chunk of columns would repeat for all of A.
 */
export function planGemm(
  spec: Pick<GemmSpec, 'transposeA' | 'transposeB' | 'strip'>,
  { batch, m, n, k }: GemmSizes,
  threads: number,
): GemmPlan {
  const { transposeA, transposeB } = spec
  const panels = Math.ceil(n / panelWidth)
  const blocks = Math.ceil(m / rowUnit)
  const few = batch * panels < 2 * threads
  const tall = m >= tallness * n
  const byRows =
    m > 1 && blocks > (few ? panels : threads) && (n === 1 || few || ((transposeA || tall) && batch < threads))
  const units = byRows ? blocks : panels
  const items = m > 0 && n > 0 ? batch * units : 0
  const vector = m === 1 || n === 1
  const share = Math.ceil(items / threads)
  const unit = byRows ? rowUnit : panelWidth
  const across = m === 1 ? !transposeB : transposeA
  const long = (vector ? (across ? vectorBlock : unit) : byRows ? chunkRows : chunkColumns) / unit
  const flopsPerItem = (2 * batch * m * n * k) / Math.max(items, 1)
  const worthwhile = Math.ceil(chunkFlops / Math.max(flopsPerItem, 1))
  // alone, or with up to four chunks a thread, equal shares beat a tail of short ones; more where each chunk packs B again
  const even = threads === 1 || share <= long * (byRows && tall ? 16 : 4) ? share : long
  const grain = Math.max(1, Math.min(items, Math.max(even, worthwhile)))
  const longest = longestChunk(items, grain, threads)
  const [rows, columns] = byRows ? [Math.min(m, longest * rowUnit), n] : [m, Math.min(n, longest * panelWidth)]
  return { byRows, items, grain, scratchBytes: gemmScratchBytes(spec, m, n, k, rows, columns) }
}

// AttentionKernel to WebAssembly (T. Dao, "FlashAttention-2", 2023): keys in blocks that stay in cache as packed panels, queries by sixes
// through the micro-kernel of the matrix product, an online softmax between the two products. Blocks that no query of a group sees are
// skipped. An item of the forward pass is a block of queries for all query heads that share a head of keys; of the backward pass, a head of keys,
// which makes scores and their gradients once for dq, dk and dv. Every row is summed over keys in one order, however items are cut.

import { type Func, type FuncBuilder, type Local, ModuleBuilder } from '@cairn/wasm'
import { type Dim, dimKey, evaluateDim, isConstant } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { AttentionKernel, Place } from '../../kernel/ir.ts'
import { paramLayout } from '../../kernel/params.ts'
import { emitAddRow, emitFill, emitFinish, emitMask, emitSlope, emitWeigh, lowest } from './attention-rows.ts'
import { emitSweep, panelStep, panelWidth, type TileOrder, tileRows } from './gemm-microkernel.ts'
import { emitPackB } from './gemm-pack.ts'
import { emitAxpy, emitDot } from './gemv.ts'
import { type Int, ints } from './int.ts'
import { importMemory, kernelParams, type PrintOptions } from './print.ts'

/** Keys of a block. */
const forwardKeys = 128
const gradientKeys = 128
/** Queries whose weights the backward pass keeps at a time. */
const gradientRows = 48
/** Rows of results that an item of the forward pass keeps in scratch. */
const mostRows = 384
/** Queries that an item is worth at least: each item packs the keys it sees. */
const fewestQueries = 48

const roundUp = (x: number, to: number): number => Math.ceil(x / to) * to

export interface AttentionPlan {
  readonly items: number
  readonly grain: number
  readonly scratch: number
  /** queries of an item of the forward pass */
  readonly partition: number
}

export interface PrintedAttention {
  readonly code: Uint8Array<ArrayBuffer>
  readonly partitionWord: number
  plan(symbols: ArrayLike<number>, threads: number): AttentionPlan
}

export function printAttention(kernel: AttentionKernel, options: PrintOptions): PrintedAttention {
  const layout = paramLayout(kernel)
  const module = new ModuleBuilder()
  const log = module.importFunc('Math', 'log', { params: ['f64'], results: ['f64'] })
  importMemory(module, options.shared)
  const printer = new Printer(module, kernel, options.relaxed, log, layout.words)
  if (kernel.pass === 'forward') printer.forward()
  else printer.gradients()
  return {
    code: module.build(),
    partitionWord: layout.words,
    plan: (symbols, threads) => planAttention(kernel, symbols, threads),
  }
}

/** Queries of an item: enough to be worth packing keys for, few enough that all threads have work. */
function planAttention(kernel: AttentionKernel, symbols: ArrayLike<number>, threads: number): AttentionPlan {
  const size = (axis: Axis): number => evaluateDim(axis.size, symbols)
  const { batch, head, group, query, key, width, out } = kernel.axes
  const [heads, queries] = [size(batch) * size(head), size(query)]
  if (kernel.pass === 'gradients')
    return { items: heads, grain: 1, scratch: gradientScratch(queries, size(width), size(out)), partition: queries }
  const most = Math.max(tileRows, Math.floor(mostRows / size(group) / tileRows) * tileRows)
  const wanted = Math.ceil((4 * threads) / Math.max(1, heads))
  const share = roundUp(Math.ceil(queries / wanted), tileRows)
  const partition = Math.max(1, Math.min(queries, most, Math.max(share, fewestQueries)))
  const scratch = forwardScratch(partition, size(group) * partition, size(width), size(out))
  const flops = 2 * size(group) * partition * size(key) * (size(width) + size(out))
  return {
    items: heads * Math.ceil(queries / partition),
    // small items, as in decoding, go several to a chunk
    grain: Math.max(1, Math.ceil((1 << 16) / Math.max(1, flops))),
    scratch,
    partition,
  }
}

/** Scratch of an item, in parts that begin at cache lines. */
const bytes = (...floats: readonly number[]): number => floats.reduce((sum, n) => sum + roundUp(n * 4, 64), 0)
const forwardScratch = (queries: number, rows: number, width: number, out: number): number => {
  const padded = roundUp(out, panelWidth)
  return bytes(2 * queries, forwardKeys * width, forwardKeys * padded, tileRows * forwardKeys, rows * padded, 2 * rows)
}
const gradientScratch = (queries: number, width: number, out: number): number => {
  const [wide, deep] = [roundUp(width, panelWidth), roundUp(out, panelWidth)]
  return bytes(
    2 * queries,
    gradientKeys * width,
    gradientKeys * out,
    gradientKeys * wide,
    gradientRows * wide,
    gradientRows * deep,
    gradientRows * gradientKeys,
    gradientRows * gradientKeys,
    gradientKeys * wide,
    gradientKeys * deep,
    tileRows * wide,
  )
}

type I32 = Local<'i32'>

/** Positions along axes. */
type Where = Partial<Record<keyof AttentionKernel['axes'], Int>>

class Printer {
  private readonly module: ModuleBuilder
  private readonly kernel: AttentionKernel
  private readonly fused: boolean
  private readonly log: Func
  private readonly partitionWord: number
  private readonly dims: ReadonlyMap<string, number>
  private readonly scalarWords: readonly number[]

  constructor(module: ModuleBuilder, kernel: AttentionKernel, fused: boolean, log: Func, partitionWord: number) {
    this.module = module
    this.kernel = kernel
    this.fused = fused
    this.log = log
    this.partitionWord = partitionWord
    const layout = paramLayout(kernel)
    this.dims = layout.dimWord
    this.scalarWords = layout.scalarWord
  }

  private value(f: FuncBuilder, params: I32, d: Dim): Int {
    return isConstant(d) ? d.factor : () => void f.get(params).i32_load(4 * this.dims.get(dimKey(d))!)
  }

  /** Bytes from one element along an axis to the next. */
  private stride(f: FuncBuilder, params: I32, place: Place, axis: Axis): Int {
    const { add, mul } = ints(f)
    const coefs = place.index.terms.filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id)
    const sum = coefs.map(t => this.value(f, params, t.coef)).reduce((a, b) => add(a, b), 0)
    return mul(coefs.length === 1 ? this.value(f, params, coefs[0].coef) : sum, 4)
  }

  /** Address of an element; axes that are left out are at 0. */
  private address(f: FuncBuilder, params: I32, place: Place, at: Where): Int {
    const { add, mul } = ints(f)
    let sum: Int = () => void f.get(params).i32_load(4 * place.buffer)
    for (const { atom, coef } of place.index.terms) if (!atom) sum = add(sum, mul(this.value(f, params, coef), 4))
    for (const [axis, position] of Object.entries(at)) {
      const stride = this.stride(f, params, place, this.kernel.axes[axis as keyof Where])
      if (stride !== 0) sum = add(sum, mul(position, stride))
    }
    return sum
  }

  private scale(f: FuncBuilder, params: I32): Local<'f32'> {
    const local = f.local('f32')
    const { scale } = this.kernel
    if (scale.op === 'const') f.f32_const(scale.value)
    else if (scale.op === 'scalar') f.get(params).f32_load(4 * this.scalarWords[scale.slot])
    else throw new Error('attention: the scale is no number')
    f.set(local)
    return local
  }

  /** What both passes begin with: sizes, strides and the scale, in locals. */
  private setUp(f: FuncBuilder, params: I32) {
    const { local, set } = ints(f)
    const { axes, operands } = this.kernel
    const define = (value: Int): I32 => {
      const x = local()
      set(x, value)
      return x
    }
    const size = (axis: Axis): I32 => define(this.value(f, params, axis.size))
    const stride = (place: Place, axis: Axis): I32 => define(this.stride(f, params, place, axis))
    return {
      define,
      address: (place: Place, at: Where): Int => this.address(f, params, place, at),
      heads: size(axes.head),
      group: size(axes.group),
      queries: size(axes.query),
      key: size(axes.key),
      width: size(axes.width),
      out: size(axes.out),
      scale: this.scale(f, params),
      qStride: stride(operands.q, axes.query),
      kStride: stride(operands.k, axes.key),
      vStride: stride(operands.v, axes.key),
    }
  }

  /** A bound of the keys that a query sees (`offset` in its pair at `at`), as a place among the `columns` keys from `tile` on. */
  private within(f: FuncBuilder, at: I32, offset: number, tile: I32, columns: I32): Int {
    const { add, sub, min, max } = ints(f)
    const bound: Int = () => void f.get(at).i32_load(offset)
    return sub(min(max(bound, tile), add(tile, columns)), tile)
  }

  private sweeps(order: TileOrder): Func[] {
    return Array.from({ length: tileRows }, (_, i) => emitSweep(this.module, i + 1, this.fused, order))
  }

  /** Which keys each query sees: pairs [start, end) within the keys, for `count` queries from `first` on. */
  private ranges(f: FuncBuilder, params: I32, batch: I32, first: Int, count: Int, key: I32, to: I32): void {
    const { local, add, mul, min, choose, geSigned, set, range, push } = ints(f)
    const { operands } = this.kernel
    const [i, x] = [local(), local()]
    range(i, 0, count, 1, () => {
      for (const [offset, place, otherwise] of [
        [0, operands.starts, 0],
        [4, operands.ends, key],
      ] as const) {
        if (place) {
          push(this.address(f, params, place, { batch, query: add(first, i) }))
          f.i32_load().set(x)
          set(x, min(choose(geSigned(x, 0), x, 0), key))
        } else set(x, otherwise)
        push(add(to, mul(i, 8)))
        f.get(x).i32_store(offset)
      }
    })
  }

  /** The smallest start and the largest end of `count` queries from `at` on (an address in the ranges). */
  private span(f: FuncBuilder, at: Int, count: Int, low: I32, high: I32): void {
    const { local, add, mul, min, max, set, range, push } = ints(f)
    const [p, x, end] = [local(), local(), local()]
    set(low, -1)
    set(high, 0)
    set(end, add(at, mul(count, 8)))
    range(p, at, end, 8, () => {
      push(p)
      f.i32_load().set(x)
      set(low, min(low, x))
      push(p)
      f.i32_load(4).set(x)
      set(high, max(high, x))
    })
  }

  /** `sweep` for a number of rows that is known at run time only. */
  private sweepOf(f: FuncBuilder, sweeps: readonly Func[], size: I32, ...args: readonly Int[]): void {
    const { eq, when, call } = ints(f)
    const ofHeight = (height: number): void => {
      if (height === 1) call(sweeps[0], ...args, 0, 0)
      else
        when(
          eq(size, height),
          () => call(sweeps[height - 1], ...args, 0, 0),
          () => ofHeight(height - 1),
        )
    }
    ofHeight(tileRows)
  }

  forward(): void {
    const { module, kernel, fused } = this
    const { operands, results } = kernel
    const sweeps = this.sweeps('rows')
    const packColumns = emitPackB(module, true)
    const packRows = emitPackB(module, false)
    const helpers = { fill: emitFill(module), mask: emitMask(module) }
    const weigh = emitWeigh(module, fused, helpers)
    const finish = emitFinish(module)
    const addRow = emitAddRow(module)
    const dot = emitDot(module, fused)
    const axpy = emitAxpy(module, fused)

    module.func({ params: kernelParams, export: 'kernel' }, (f, params, begin, end, scratch) => {
      const { local, add, sub, mul, div, rem, and, or, ceilDiv, roundUp, min, max, choose, ...int } = ints(f)
      const { le, ge, eq, set, push, when, range, call } = int
      when(ge(begin, end), () => f.return())
      const { address, define, heads, group, queries, key, width, out, scale, qStride, kStride, vStride } = this.setUp(
        f,
        params,
      )
      const block = define(() => void f.get(params).i32_load(4 * this.partitionWord))
      const blocks = define(ceilDiv(queries, block))
      const padded = define(roundUp(out, panelWidth))
      const paddedBytes = define(mul(padded, 4))
      const rows = define(mul(group, block))

      const line = (floats: Int): Int => roundUp(mul(floats, 4), 64)
      const ranges = define(scratch)
      const keys = define(add(ranges, line(mul(block, 2))))
      const values = define(add(keys, line(mul(width, forwardKeys))))
      const scores = define(add(values, line(mul(padded, forwardKeys))))
      const sums = define(add(scores, tileRows * forwardKeys * 4))
      const statistics = define(add(sums, line(mul(rows, padded))))

      const [item, b, n, first, count, low, high] = f.localArray('i32', 7)
      const [tile, tileSpan, g, r, rowsNow, from, to] = f.localArray('i32', 7)
      const [columns, panels, i, row, lowHere, highHere, mask] = f.localArray('i32', 7)
      const [statAt, sumAt, at, firstTile] = f.localArray('i32', 4)
      const factor = f.local('f32')

      range(item, begin, end, 1, () => {
        set(n, div(item, blocks))
        // later blocks see more keys where attention is causal: they go first
        set(first, mul(sub(sub(blocks, 1), rem(item, blocks)), block))
        set(b, div(n, heads))
        set(n, rem(n, heads))
        set(count, min(sub(queries, first), block))
        this.ranges(f, params, b, first, count, key, ranges)
        this.span(f, ranges, count, low, high)
        f.get(sums).i32_const(0)
        push(mul(rows, paddedBytes))
        f.memory_fill()
        range(r, 0, rows, 1, () => {
          set(at, add(statistics, mul(r, 8)))
          f.get(at).f32_const(lowest).f32_store()
          f.get(at).f32_const(0).f32_store(4)
        })

        set(firstTile, and(low, -forwardKeys))
        range(tile, firstTile, high, forwardKeys, () => {
          set(tileSpan, min(sub(high, tile), forwardKeys))
          const kAt = address(operands.k, { batch: b, head: n, key: tile })
          const vAt = address(operands.v, { batch: b, head: n, key: tile })
          const several = (then: () => void, otherwise?: () => void): void =>
            when(eq(count, 1), otherwise ?? (() => {}), then)
          several(() => {
            call(packColumns, kAt, kStride, tileSpan, width, keys)
            call(packRows, vAt, vStride, out, tileSpan, values)
          })
          range(g, 0, group, 1, () =>
            range(r, 0, count, tileRows, () => {
              set(rowsNow, min(sub(count, r), tileRows))
              this.span(f, add(ranges, mul(r, 8)), rowsNow, from, to)
              when(
                or(le(to, tile), ge(from, add(tile, tileSpan))),
                () => {},
                () => {
                  set(columns, sub(min(to, add(tile, tileSpan)), tile))
                  set(panels, ceilDiv(columns, panelWidth))
                  const qAt = address(operands.q, { batch: b, query: add(first, r), head: n, group: g })
                  set(sumAt, add(sums, mul(add(mul(g, block), r), paddedBytes)))
                  set(statAt, add(statistics, mul(add(mul(g, block), r), 8)))
                  several(
                    () =>
                      this.sweepOf(
                        f,
                        sweeps,
                        rowsNow,
                        ...[qAt, qStride, keys, mul(width, panelStep), scores, forwardKeys * 4, width, panels, 1],
                      ),
                    () => call(dot, qAt, kAt, kStride, scores, columns, width),
                  )
                  range(i, 0, rowsNow, 1, () => {
                    set(row, add(scores, mul(i, forwardKeys * 4)))
                    set(at, add(ranges, mul(add(r, i), 8)))
                    set(lowHere, this.within(f, at, 0, tile, columns))
                    set(highHere, this.within(f, at, 4, tile, columns))
                    set(mask, 0)
                    if (operands.mask)
                      set(
                        mask,
                        address(operands.mask, { batch: b, head: n, group: g, query: add(first, r, i), key: tile }),
                      )
                    for (const x of [row, mul(panels, panelWidth), lowHere, highHere, mask]) push(x)
                    f.get(scale)
                    for (const x of [add(statAt, mul(i, 8)), add(sumAt, mul(i, paddedBytes)), paddedBytes]) push(x)
                    f.call(weigh)
                  })
                  several(
                    () =>
                      this.sweepOf(
                        f,
                        sweeps,
                        rowsNow,
                        ...[scores, forwardKeys * 4, values, mul(tileSpan, panelStep), sumAt, paddedBytes],
                        ...[columns, div(padded, panelWidth), 0],
                      ),
                    () => {
                      // the room of packed values is free
                      call(axpy, scores, vAt, vStride, values, out, columns)
                      call(addRow, sumAt, values, out)
                    },
                  )
                },
              )
            }),
          )
        })

        range(g, 0, group, 1, () =>
          range(i, 0, count, 1, () => {
            set(r, add(mul(g, block), i))
            set(at, add(statistics, mul(r, 8)))
            const place = { batch: b, query: add(first, i), head: n, group: g }
            if (results.out) {
              f.get(at).f32_load(4).f32_const(0).f32_eq()
              f.if(
                'f32',
                () => f.f32_const(0),
                () => f.f32_const(1).get(at).f32_load(4).f32_div(),
              )
              f.set(factor)
              push(address(results.out, place))
              push(add(sums, mul(r, paddedBytes)))
              f.get(out).get(factor).call(finish)
            }
            if (results.lse) {
              push(address(results.lse, place))
              f.get(at).f32_load(4).f32_const(0).f32_eq()
              f.if(
                'f32',
                () => f.f32_const(Number.POSITIVE_INFINITY),
                () =>
                  f.get(at).f32_load().get(at).f32_load(4).f64_promote_f32().call(this.log).f32_demote_f64().f32_add(),
              )
              f.f32_store()
            }
          }),
        )
      })
    })
  }

  gradients(): void {
    const { module, kernel, fused } = this
    const { axes, operands, results } = kernel
    const { dq, dk, dv } = results
    const [upper, lse, delta] = [operands.g!, operands.lse!, operands.delta!]
    const sweeps = this.sweeps('rows')
    const sweepsDown = this.sweeps('columns')
    const packColumns = emitPackB(module, true)
    const packRows = emitPackB(module, false)
    const helpers = { fill: emitFill(module), mask: emitMask(module) }
    const slope = emitSlope(module, fused, helpers)
    const finish = emitFinish(module)
    const addRow = emitAddRow(module)

    module.func({ params: kernelParams, export: 'kernel' }, (f, params, begin, end, scratch) => {
      const { local, add, sub, mul, div, rem, or, ceilDiv, roundUp, min, max, ...int } = ints(f)
      const { le, ge, set, push, when, range, call } = int
      when(ge(begin, end), () => f.return())
      const { address, define, heads, group, queries, key, width, out, scale, qStride, kStride, vStride } = this.setUp(
        f,
        params,
      )
      const wide = define(roundUp(width, panelWidth))
      const deep = define(roundUp(out, panelWidth))
      const [wideBytes, deepBytes] = [define(mul(wide, 4)), define(mul(deep, 4))]
      const gStride = define(this.stride(f, params, upper, axes.query))

      const line = (floats: Int): Int => roundUp(mul(floats, 4), 64)
      let top: Int = scratch
      const part = (floats: Int): I32 => {
        const here = define(top)
        top = define(add(here, line(floats)))
        return here
      }
      const ranges = part(mul(queries, 2))
      const keysAcross = part(mul(width, gradientKeys))
      const valuesAcross = part(mul(out, gradientKeys))
      const keysDown = part(mul(wide, gradientKeys))
      const queriesDown = part(mul(wide, gradientRows))
      const upperDown = part(mul(deep, gradientRows))
      const weights = part(gradientRows * gradientKeys)
      const slopes = part(gradientRows * gradientKeys)
      const ofKeys = part(mul(wide, gradientKeys))
      const ofValues = part(mul(deep, gradientKeys))
      const ofQueries = part(mul(wide, tileRows))
      const blockStride = gradientKeys * 4

      const [item, b, n, tile, tileSpan, g, first] = f.localArray('i32', 7)
      const [count, low, high, blockColumns, r, rowsNow, from] = f.localArray('i32', 7)
      const [to, columns, panels, i, at, lowHere, highHere] = f.localArray('i32', 7)
      const [mask, row, slopeRow, blockWidth, j, keysNow] = f.localArray('i32', 6)

      range(item, begin, end, 1, () => {
        set(b, div(item, heads))
        set(n, rem(item, heads))
        this.ranges(f, params, b, 0, queries, key, ranges)
        if (dq)
          range(i, 0, queries, 1, () =>
            range(g, 0, group, 1, () => {
              push(address(dq, { batch: b, query: i, head: n, group: g }))
              f.i32_const(0)
              push(mul(width, 4))
              f.memory_fill()
            }),
          )
        range(tile, 0, key, gradientKeys, () => {
          set(tileSpan, min(sub(key, tile), gradientKeys))
          const kvPlace = { batch: b, head: n, key: tile }
          call(packColumns, address(operands.k, kvPlace), kStride, tileSpan, width, keysAcross)
          call(packColumns, address(operands.v, kvPlace), vStride, tileSpan, out, valuesAcross)
          if (dq) call(packRows, address(operands.k, kvPlace), kStride, width, tileSpan, keysDown)
          for (const [wanted, memory, stride] of [
            [dk, ofKeys, wideBytes],
            [dv, ofValues, deepBytes],
          ] as const) {
            if (!wanted) continue
            f.get(memory).i32_const(0)
            push(mul(tileSpan, stride))
            f.memory_fill()
          }
          range(g, 0, group, 1, () =>
            range(first, 0, queries, gradientRows, () => {
              set(count, min(sub(queries, first), gradientRows))
              this.span(f, add(ranges, mul(first, 8)), count, low, high)
              when(
                or(le(high, tile), ge(low, add(tile, tileSpan))),
                () => {},
                () => {
                  set(blockColumns, sub(min(high, add(tile, tileSpan)), tile))
                  set(blockWidth, roundUp(blockColumns, panelWidth))
                  const rowPlace = (query: Int) => ({ batch: b, query, head: n, group: g })
                  if (dk) call(packRows, address(operands.q, rowPlace(first)), ...[qStride, width, count, queriesDown])
                  if (dv) call(packRows, address(upper, rowPlace(first)), gStride, out, count, upperDown)
                  range(r, 0, count, tileRows, () => {
                    set(rowsNow, min(sub(count, r), tileRows))
                    set(row, add(weights, mul(r, blockStride)))
                    set(slopeRow, add(slopes, mul(r, blockStride)))
                    this.span(f, add(ranges, mul(add(first, r), 8)), rowsNow, from, to)
                    const noKeys = or(le(to, tile), ge(from, add(tile, tileSpan)))
                    when(
                      noKeys,
                      () =>
                        range(i, 0, rowsNow, 1, () => {
                          for (const memory of [row, slopeRow])
                            call(helpers.fill, add(memory, mul(i, blockStride)), 0, blockWidth, 0)
                        }),
                      () => {
                        set(columns, sub(min(to, add(tile, tileSpan)), tile))
                        set(panels, ceilDiv(columns, panelWidth))
                        const here = rowPlace(add(first, r))
                        const qAt = address(operands.q, here)
                        const gAt = address(upper, here)
                        this.sweepOf(
                          f,
                          sweeps,
                          rowsNow,
                          ...[qAt, qStride, keysAcross, mul(width, panelStep), row, blockStride, width, panels, 1],
                        )
                        this.sweepOf(
                          f,
                          sweeps,
                          rowsNow,
                          ...[gAt, gStride, valuesAcross, mul(out, panelStep), slopeRow, blockStride, out, panels, 1],
                        )
                        range(i, 0, rowsNow, 1, () => {
                          set(at, add(ranges, mul(add(first, r, i), 8)))
                          set(lowHere, this.within(f, at, 0, tile, columns))
                          set(highHere, this.within(f, at, 4, tile, columns))
                          set(mask, 0)
                          if (operands.mask)
                            set(mask, address(operands.mask, { ...rowPlace(add(first, r, i)), key: tile }))
                          const own = rowPlace(add(first, r, i))
                          for (const x of [
                            add(row, mul(i, blockStride)),
                            add(slopeRow, mul(i, blockStride)),
                            blockWidth,
                          ])
                            push(x)
                          for (const x of [lowHere, highHere, mask]) push(x)
                          f.get(scale)
                          push(address(lse, own))
                          f.f32_load()
                          push(address(delta, own))
                          f.f32_load()
                          f.call(slope)
                        })
                        if (dq) {
                          this.sweepOf(
                            f,
                            sweeps,
                            rowsNow,
                            ...[slopeRow, blockStride, keysDown, mul(tileSpan, panelStep), ofQueries, wideBytes],
                            ...[columns, div(wide, panelWidth), 1],
                          )
                          range(i, 0, rowsNow, 1, () =>
                            call(
                              addRow,
                              address(dq, rowPlace(add(first, r, i))),
                              add(ofQueries, mul(i, wideBytes)),
                              width,
                            ),
                          )
                        }
                      },
                    )
                  })
                  for (const [wanted, memory, packed, target, stride, padded] of [
                    [dv, weights, upperDown, ofValues, deepBytes, deep],
                    [dk, slopes, queriesDown, ofKeys, wideBytes, wide],
                  ] as const) {
                    if (!wanted) continue
                    range(j, 0, blockColumns, tileRows, () => {
                      set(keysNow, min(sub(blockColumns, j), tileRows))
                      this.sweepOf(
                        f,
                        sweepsDown,
                        keysNow,
                        ...[add(memory, mul(j, 4)), blockStride, packed, mul(count, panelStep)],
                        ...[add(target, mul(j, stride)), stride, count, div(padded, panelWidth), 0],
                      )
                    })
                  }
                },
              )
            }),
          )
          for (const [wanted, memory, stride, floats] of [
            [dk, ofKeys, wideBytes, width],
            [dv, ofValues, deepBytes, out],
          ] as const) {
            if (!wanted) continue
            range(j, 0, tileSpan, 1, () => {
              push(address(wanted, { batch: b, head: n, key: add(tile, j) }))
              push(add(memory, mul(j, stride)))
              f.get(floats).f32_const(1).call(finish)
            })
          }
        })
      })
    })
  }
}

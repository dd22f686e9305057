// Reads memory ahead of a loop that computes. WebAssembly has no prefetch instruction, and a processor looks only some hundred instructions
// ahead: where it computes ten or more of them for each cache line and nothing else fetches lines early (a virtual machine may have the
// hardware's prefetchers turned off), it waits for each line. So a loop in lanes runs in blocks of 256 iterations, and before a block one
// word of each of its cache lines is loaded and dropped: loads that wait for nothing, as many at once as the processor can have under way.
//
// Measured, 12.6 MB read with 16 multiply-adds a vector: 7.3 ms line by line, 2.1 in blocks of 16 lines, 1.8 with everything in the first cache.
// Blocks of 64 lines: 2.3, of 8: 2.2.

import { changes } from '../../kernel/depends.ts'
import { isConstant } from '../../kernel/dim.ts'
import { type Axis, type Index, indexDepends, indexKey } from '../../kernel/index-expr.ts'
import type { Expr, Stmt } from '../../kernel/ir.ts'
import type { Node } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import { type LoopStmt, Variance } from './print-lanes.ts'
import type { LoadExpr } from './print-loads.ts'
import type { Places } from './print-places.ts'
import { storages } from './print-types.ts'
import { operationsOf } from './print-unroll.ts'

/** Iterations of a loop in lanes that one burst of loads is for. */
export const aheadBlock = 256

const lineBytes = 64

/** Rows longer than this many elements are not read while the row before is computed: they would be gone again when their turn comes. */
const longestRow = 1 << 16

/** What a loop reads from neighbouring places, a line after the other. */
export interface Stream {
  readonly load: LoadExpr
  /** it is of the item after this one, whose place is so many elements further, if there is one: this times the distance is 0 if not */
  readonly next: { readonly distance: Index; readonly more: Node } | null
}

/** The item after this one, for rows that are read while the row before is computed. */
export interface NextItem {
  readonly axis: Axis
  /** 1, or 0 where this is the last one */
  readonly more: Node
}

/** Loads of a loop's body (not of loops inside it) that are read in order along its axis, each memory place once. */
export function streamsOf(frame: Frame, body: readonly Stmt[], varies: Variance): readonly LoadExpr[] {
  const { buffers } = changes(body)
  return loadsAlong(frame, body, varies).filter(load => !buffers.has(load.buffer))
}

/** As `streamsOf`, with places that the body stores to as well. */
export function loadsAlong(frame: Frame, body: readonly Stmt[], varies: Variance): readonly LoadExpr[] {
  const found = new Map<string, LoadExpr>()
  const seen = new Set<Expr>()
  const visit = (e: Expr): void => {
    if (seen.has(e)) return
    seen.add(e)
    if (e.op === 'load') {
      // scratch rows and strips are in a cache
      if (e.valid || frame.bases.has(e.buffer)) return
      if (varies.stride(e.index) === 'contiguous') found.set(`${e.buffer} ${indexKey(e.index)}`, e)
    } else if ('args' in e) e.args.forEach(visit)
  }
  for (const s of body) if (s.kind === 'update' || s.kind === 'store') visit(s.value)
  return [...found.values()]
}

/**
 * Loads a byte of each line that `loads` read from the value of the axis in lanes on for `count` iterations: for short rows, all of which are read ahead before the
 * first is computed.
 */
export function readRow(frame: Frame, places: Places, loads: readonly LoadExpr[], count: Node): void {
  const reads = loads.map(load => ({
    ...places.address(load.buffer, load.index, 0),
    shift: storages[frame.memories[load.buffer]].shift,
  }))
  frame.code.effect(
    [count, ...reads.map(read => read.base)],
    (f, use) => {
      const [at, end] = f.localArray('i32', 2)
      for (const { base, offset, shift } of reads) {
        use(base)
        f.tee(at)
        use(count)
        f.i32_const(shift).i32_shl().i32_add().set(end)
        f.loop(again => {
          f.get(at).i32_load8_u(offset).drop()
          f.get(at).i32_const(lineBytes).i32_add().tee(at).get(end).i32_lt_u().br_if(again)
        })
      }
    },
    true,
  )
}

/** How far an index moves from one value of an axis to the next, where it is a sum of multiples of axes; null where it is not or stays. */
function distance(index: Index, axis: Axis): Index | null {
  const own = index.terms.filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id)
  if (own.length === 0 || own.some(t => isConstant(t.coef) && t.coef.factor < 0)) return null
  const others = { terms: index.terms.filter(t => !own.includes(t)) }
  if (indexDepends(others, axis, () => true)) return null
  return { terms: own.map(t => ({ atom: null, coef: t.coef })) }
}

/**
 * Which loops of an item's body read what ahead. A row that several loops pass over is in a cache from the first of them on: the longest of them
 * reads the next row. What one loop alone passes over, it reads ahead for itself.
 */
export function planAhead(frame: Frame, loops: readonly LoopStmt[], next: NextItem | null): Map<LoopStmt, Stream[]> {
  const plan = new Map<LoopStmt, Stream[]>()
  const readers = new Map<string, { loop: LoopStmt; load: LoadExpr; cost: number }[]>()
  for (const loop of loops) {
    const varies = new Variance(loop.axis, new Set(loop.reduces))
    const cost = operationsOf(loop.body, varies)
    for (const load of streamsOf(frame, loop.body, varies)) {
      const key = `${load.buffer}`
      const list = readers.get(key) ?? []
      readers.set(key, list)
      list.push({ loop, load, cost })
    }
  }
  for (const list of readers.values()) {
    const { loop, load } = list.reduce((a, b) => (b.cost > a.cost ? b : a))
    const { size } = loop.axis
    const several = new Set(list.map(reader => reader.loop)).size > 1
    const step =
      next && several && isConstant(size) && size.factor <= longestRow ? distance(load.index, next.axis) : null
    if (several && !step) continue
    const streams = plan.get(loop) ?? []
    plan.set(loop, streams)
    streams.push({ load, next: step && { distance: step, more: next!.more } })
  }
  return plan
}

/**
 * Loads a word of each line that the next `aheadBlock` iterations will read, if the loop goes so far; its axis has the value of the first of them.
 * @param whole not 0 where all of them will run
 */
export function readAhead(frame: Frame, places: Places, streams: readonly Stream[], whole: Node): void {
  const { code } = frame
  const reads = streams.map(({ load, next }) => {
    const { shift } = storages[frame.memories[load.buffer]]
    const { base, offset } = places.address(load.buffer, load.index, 0)
    const from = next ? code.add(base, code.mul(code.shl(places.index(next.distance), shift), next.more)) : base
    return { from, offset, bytes: aheadBlock << shift }
  })
  code.effect(
    [whole, ...reads.map(read => read.from)],
    (f, use) => {
      use(whole)
      f.if(() => {
        for (const { from, offset, bytes } of reads)
          for (let at = 0; at < bytes; at += lineBytes) {
            use(from)
            f.i32_load(offset + at).drop()
          }
      })
    },
    true,
  )
}

// Prints the statements of a kernel, and runs a loop (or the last parallel axis) in lanes: unrolled groups of four, single groups, single
// elements. The parts: print-values.ts (expressions), print-loads.ts, print-stores.ts, print-accumulators.ts, print-places.ts
// (indices and addresses), over the arithmetic of print-scalar.ts and print-simd.ts.
//
// The same element gets the same bits from the vector code and from the scalar tail, so results do not depend on
// where a range of items is cut: multiply-adds are fused in both or in neither, sums over rows are never cut.

import type { FuncBuilder, Local } from '@cairn/wasm'
import type { ComputeType, DType } from '../../dtype.ts'
import { changes, type Dependencies } from '../../kernel/depends.ts'
import { type Dim, isConstant } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { Stmt } from '../../kernel/ir.ts'
import type { ParamLayout } from '../../kernel/params.ts'
import { borders as laterBorders } from './later.ts'
import type { Accumulators } from './print-accumulators.ts'
import {
  aheadBlock,
  loadsAlong,
  type NextItem,
  planAhead,
  readAhead,
  readRow,
  type Stream,
  streamsOf,
} from './print-ahead.ts'
import type { Code, Exit, Node } from './print-code.ts'
import { testedFirst } from './print-far.ts'
import { type BodyOptions, type Found, Frame } from './print-frame.ts'
import type { Helpers } from './print-helpers.ts'
import { accumulatorTypes, bestLoop, declaredIn, type LoopStmt, reductionOps, Variance } from './print-lanes.ts'
import { type LoadExpr, maskedLoads } from './print-loads.ts'
import { everywhere } from './print-prepare.ts'
import { Stores } from './print-stores.ts'
import { chooseUnroll } from './print-unroll.ts'
import { Values } from './print-values.ts'

/** Marks values that read a loop's counter between its iterations. */
const counterReads = 1 << 29

export class BodyPrinter {
  readonly code: Code
  readonly f: FuncBuilder
  private readonly frame: Frame
  private readonly values: Values
  private readonly accumulators: Accumulators
  private readonly stores: Stores
  private readonly types: ReadonlyMap<number, ComputeType>
  private ahead: ReadonlyMap<LoopStmt, readonly Stream[]> = new Map()

  constructor(
    code: Code,
    options: BodyOptions,
    memories: readonly DType[],
    layout: ParamLayout,
    params: Local,
    helpers: Helpers,
    body: readonly Stmt[],
  ) {
    this.code = code
    this.f = code.f
    this.frame = new Frame(code, options, memories, layout, params, helpers)
    this.values = new Values(this.frame)
    this.accumulators = this.values.accumulators
    this.stores = new Stores(this.frame, this.values)
    this.types = accumulatorTypes(body)
  }

  /** Values of axes, by id. */
  get axes(): Map<number, Node> {
    return this.frame.axes
  }

  /** Where a buffer begins, when it is not a parameter of the launch: scratch rows, strips. */
  get bases(): Map<number, Node> {
    return this.frame.bases
  }

  dim(d: Dim): Node {
    return this.frame.dim(d)
  }

  body(body: readonly Stmt[]): void {
    for (const s of body) {
      switch (s.kind) {
        case 'loop':
          this.loop(s)
          break
        case 'declare':
          this.accumulators.declare(s.acc, s.dtype, s.init)
          break
        case 'update':
          this.accumulators.update(s)
          break
        case 'store':
          this.stores.store(s)
          break
        default:
          s satisfies never
      }
    }
  }

  /** A loop of the output: counts from what `counter` holds; statements inside see the writes of `body`. */
  counted(
    counter: Local,
    limit: Node,
    step: number,
    writes: Dependencies,
    print: (counter: Node) => void,
    before?: () => void,
    exit?: Exit,
  ): void {
    const { code } = this
    this.accumulators.touch(writes)
    code.loop(
      counter,
      limit,
      step,
      node => {
        this.accumulators.touch(writes)
        this.frame.open.push({ scope: code.scope, writes })
        print(node)
        this.frame.open.pop()
      },
      before,
      exit,
    )
    this.accumulators.touch(writes)
  }

  private runsInLanes(s: LoopStmt): boolean {
    return bestLoop(s, id => this.types.get(id))?.loop === s
  }

  /** The body of one item, whose loops read memory ahead. */
  item(body: readonly Stmt[], next: NextItem | null): void {
    const loops = body.filter(s => s.kind === 'loop').filter(s => this.runsInLanes(s))
    this.ahead = planAhead(this.frame, loops, next)
    this.body(body)
  }

  private loop(s: LoopStmt): void {
    const { code } = this
    const size = this.dim(s.axis.size)
    const limit = s.end ? code.min(size, this.values.places.index(s.end)) : size
    if (!this.frame.lanes && !this.frame.inTail && this.runsInLanes(s)) {
      const counter = this.f.local('i32')
      code.set(counter, code.i32(0))
      const known = !s.end && isConstant(s.axis.size) ? s.axis.size.factor : null
      this.inLanes(s.axis, counter, limit, s.body, s.reduces, known, this.ahead.get(s))
      return
    }
    const counter = this.f.local('i32')
    code.set(counter, code.i32(0))
    this.counted(counter, limit, 1, changes(s.body), node => {
      this.axes.set(s.axis.id, node)
      this.body(s.body)
    })
  }

  /** Items along the last parallel axis, in lanes, from what `counter` holds to `limit`. */
  itemsInLanes(axis: Axis, counter: Local, limit: Node, body: readonly Stmt[]): void {
    const loads = streamsOf(this.frame, body, new Variance(axis, declaredIn(body)))
    const streams = loads.map(load => ({ load, next: null }))
    const short = isConstant(axis.size) && axis.size.factor < aheadBlock
    this.inLanes(axis, counter, limit, body, [], null, short ? [] : streams)
  }

  /** What a row of items along `axis` reads in order. */
  loadsAlong(axis: Axis, body: readonly Stmt[]): readonly LoadExpr[] {
    return loadsAlong(this.frame, body, new Variance(axis, declaredIn(body)))
  }

  /** Reads `count` items of a row ahead, from its axis's value on. */
  rowAhead(loads: readonly LoadExpr[], count: Node): void {
    readRow(this.frame, this.values.places, loads, count)
  }

  /**
   * Runs `axis` from what `counter` holds to `limit`: unrolled groups of four lanes, single groups, single elements.
   * Reductions keep a partial result in each lane of each unrolled group, combined in a fixed order at the end.
   * @param count iterations when they are known, from 0
   * @param streams what to read ahead, block by block
   */
  inLanes(
    axis: Axis,
    counter: Local,
    limit: Node,
    body: readonly Stmt[],
    reduces: readonly number[],
    count: number | null,
    streams: readonly Stream[] = [],
  ): void {
    const { code } = this
    const writes = changes(body)
    const ops = reductionOps(body, reduces)!
    const varies = new Variance(axis, new Set([...declaredIn(body), ...reduces]))
    const tested = testedFirst(body, varies)
    let unroll = chooseUnroll(body, varies, reduces.length > 0)
    while (unroll > 1 && count !== null && count < 4 * unroll) unroll /= 2
    const blocks = streams.length > 0 && (count === null || count >= aheadBlock)

    const spread = this.accumulators.spread(ops, unroll)
    /** groups of four lanes, `width` side by side, while the counter is below `stop` */
    const groups = (width: number, stop: Node, found: Found = 'anything', within: readonly Stmt[] = body): void => {
      const exit: Exit | undefined = found === 'anything' ? undefined : { label: null }
      this.accumulators.narrow(spread, width)
      const each = (node: Node): void => {
        this.axes.set(axis.id, node)
        this.frame.lanes = { axis, unroll: width, varies, found }
        if (exit)
          for (const e of tested) code.leave(exit, found === 'within' ? this.values.beyond(e) : this.values.between(e))
        this.body(within)
        this.frame.lanes = null
      }
      this.counted(counter, stop, 4 * width, writes, each, undefined, exit)
    }
    /** the first counter at which `width` groups do not fit any more */
    const last = (width: number): Node => code.add(limit, code.i32(1 - 4 * width))
    /** `print` is given where a block that begins at `node` ends, what it reads having been read ahead */
    const inBlocks = (end: Node, print: (stop: Node) => void): void =>
      this.counted(counter, end, 0, writes, node => {
        this.axes.set(axis.id, node)
        if (!blocks) {
          print(last(unroll))
          return
        }
        const stop = code.add(node, code.i32(aheadBlock))
        readAhead(this.frame, this.values.places, streams, code.op('i32_le_s', 'i32', [stop, limit]))
        print(code.min(stop, last(unroll)))
      })
    const masked = tested.length === 0 ? maskedLoads(body) : []
    const rows = masked.length > 0 ? laterBorders.module : null
    const borders = rows?.bordersOf(body, masked, axis, varies)
    if (rows && borders) {
      const { from, to } = rows.interior(this.frame, this.values, axis, borders, limit)
      const fast = code.add(to, code.i32(1 - 4 * unroll))
      // what is left at the end is less than four elements: the last four once more, where that changes nothing
      const again = reduces.length === 0 && rows.repeatable(body)
      const start = this.f.local('i32')
      code.set(start, code.readMutable(counter, code.scope, counterReads))
      const four = code.sub(limit, code.i32(4))
      const begin = code.readMutable(start, code.scope, counterReads)
      const enough = code.op('i32_le_s', 'i32', [begin, four])
      const end = again ? code.op('select', 'i32', [limit, begin, enough]) : last(1)
      this.counted(counter, end, 0, writes, node => {
        if (again) code.set(counter, code.min(node, four))
        const now = code.readMutable(counter, code.scope, counterReads)
        const before = code.op('i32_lt_s', 'i32', [now, from])
        const within = code.op('i32_lt_s', 'i32', [now, fast])
        const behind = code.op('select', 'i32', [now, last(1), within])
        groups(1, code.op('select', 'i32', [code.min(from, last(1)), behind, before]))
        groups(unroll, fast, 'anything', borders.inside)
      })
    } else if (tested.length > 0)
      inBlocks(last(1), stop => {
        groups(unroll, stop, 'within')
        if (tested.every(e => everywhere(e))) {
          groups(unroll, stop, 'ends')
          groups(unroll, stop)
        }
        // single groups for what the loop was left for, or for what is left at the end
        const now = code.readMutable(counter, code.scope, counterReads)
        const early = code.op('i32_lt_s', 'i32', [now, stop])
        const atEnd = code.op('i32_ge_s', 'i32', [now, last(unroll)])
        const rest = code.op('select', 'i32', [last(1), now, atEnd])
        const end = this.f.local('i32')
        code.set(end, code.op('select', 'i32', [code.add(now, code.i32(4 * unroll)), rest, early]))
        groups(1, code.readMutable(end, code.scope, counterReads))
      })
    else {
      if (unroll > 1 || blocks) {
        if (blocks) inBlocks(last(unroll), stop => groups(unroll, stop))
        else groups(unroll, last(unroll))
      }
      if (count === null || count % (4 * unroll) >= 4 || (unroll === 1 && !blocks)) groups(1, last(1))
    }
    this.accumulators.gather(spread)
    if (count !== null && count % 4 === 0) return
    this.frame.inTail = true
    this.counted(counter, limit, 1, writes, node => {
      this.axes.set(axis.id, node)
      this.body(body)
    })
    this.frame.inTail = false
  }
}

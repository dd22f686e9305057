// What the parts of the printer share while one body is printed: the code so far, the launch's parameters, and where printing is: the
// axes that have values, the loops that are open, the axis that runs in lanes.

import type { FuncBuilder, Local } from '@cairn/wasm'
import type { DType } from '../../dtype.ts'
import type { Dependencies } from '../../kernel/depends.ts'
import { type Dim, dimKey, isConstant } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { ParamLayout } from '../../kernel/params.ts'
import type { Code, Node, Scope } from './print-code.ts'
import type { Helpers } from './print-helpers.ts'
import type { Variance } from './print-lanes.ts'
import { ScalarOps } from './print-scalar.ts'
import { VectorOps } from './print-simd.ts'

export interface BodyOptions {
  /** relaxed SIMD: fused multiply-adds and lane selects of one instruction */
  readonly relaxed: boolean
}

export interface OpenLoop {
  readonly scope: Scope
  readonly writes: Dependencies
}

/** Within their limits; there or where the result is 0 or infinite; anything. */
export type Found = 'within' | 'ends' | 'anything'

/** The axis that runs in lanes, `unroll` groups of four side by side. */
export interface Lanes {
  readonly axis: Axis
  readonly unroll: number
  readonly varies: Variance
  /** what operands of functions that are short within a limit have been found to be (print-far.ts) */
  readonly found: Found
}

export class Frame {
  readonly code: Code
  readonly f: FuncBuilder
  readonly memories: readonly DType[]
  readonly layout: ParamLayout
  readonly params: Node
  readonly helpers: Helpers
  readonly scalars: ScalarOps
  readonly vectors: VectorOps
  readonly axes = new Map<number, Node>()
  /** where a buffer begins, when it is not a parameter of the launch: scratch rows, strips */
  readonly bases = new Map<number, Node>()
  readonly open: OpenLoop[] = []
  lanes: Lanes | null = null
  /** in the tail of a loop that runs in lanes, inner loops stay in order as they are there */
  inTail = false

  constructor(
    code: Code,
    options: BodyOptions,
    memories: readonly DType[],
    layout: ParamLayout,
    params: Local,
    helpers: Helpers,
  ) {
    this.code = code
    this.f = code.f
    this.memories = memories
    this.layout = layout
    this.params = code.read(params)
    this.helpers = helpers
    this.scalars = new ScalarOps(code, options.relaxed, helpers)
    this.vectors = new VectorOps(code, options.relaxed, this.scalars)
  }

  dim(d: Dim): Node {
    if (isConstant(d)) return this.code.i32(d.factor)
    return this.code.op('i32_load', 'i32', [this.params], 4 * this.layout.dimWord.get(dimKey(d))!)
  }

  /** Where a buffer begins. */
  base(buffer: number): Node {
    return this.bases.get(buffer) ?? this.code.op('i32_load', 'i32', [this.params], 4 * buffer)
  }

  /** The innermost open loop that stores to a buffer; undefined when no open loop does. */
  storedIn(buffer: number): Scope | undefined {
    return this.open.findLast(loop => loop.writes.buffers.has(buffer))?.scope
  }
}

// Functions of f32 whose short expansion holds up to a limit (print-prepare.ts names them): the expansion everywhere, and beyond the limit,
// behind a branch that is hardly ever taken, 0 or a call of Math, lane by lane.

import type { FuncBuilder, Local } from '@cairn/wasm'
import type { Expr, UnaryOp } from '../../kernel/ir.ts'
import type { Node, Use } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import type { Helpers, MathImport } from './print-helpers.ts'
import { guardOf } from './print-prepare.ts'

export type UnaryExpr = Extract<Expr, { op: UnaryOp }>

/** @param near the expansion of e at x */
export function scalarBeyond({ code, helpers }: Frame, e: UnaryExpr, x: Node, near: Node): Node {
  const { limit, vanishes } = guardOf(e)!
  const far = (f: FuncBuilder, use: Use): void => {
    use(x)
    f.f64_promote_f32()
      .call(helpers.imports.get(e.op as MathImport)!)
      .f32_demote_f64()
  }
  return code.node(
    'f32',
    [x, near],
    (f, use) => {
      use(x)
      f.f32_abs().f32_const(limit).f32_gt()
      f.if(
        'f32',
        () => {
          if (vanishes === undefined) return far(f, use)
          use(x)
          f.f32_const(vanishes).f32_lt()
          f.if(
            'f32',
            () => f.f32_const(0),
            () => far(f, use),
          )
        },
        () => use(near),
      )
    },
    { repeated: true, key: `far ${e.op} ${x.id}` },
  )
}

/** As scalarBeyond, in lanes. */
export function vectorBeyond({ code, vectors, helpers }: Frame, e: UnaryExpr, x: Node, near: Node): Node {
  const { limit, vanishes } = guardOf(e)!
  const limits = vectors.constant('f32', limit)
  const zeros = vanishes === undefined ? limits : vectors.constant('f32', vanishes)
  return code.node(
    'v128',
    [x, near, limits, zeros],
    (f, use) => {
      const all = f.local('v128')
      use(near)
      f.set(all)
      use(x)
      f.f32x4_abs()
      use(limits)
      f.f32x4_gt().v128_any_true()
      f.if(() => {
        if (vanishes !== undefined) {
          f.get(all)
          use(x)
          use(zeros)
          f.f32x4_lt().v128_andnot().set(all)
          use(x)
          f.f32x4_abs()
          use(limits)
          f.f32x4_gt()
          use(x)
          use(zeros)
          f.f32x4_lt().v128_andnot().v128_any_true()
        } else f.i32_const(1)
        f.if(() => {
          for (let lane = 0; lane < 4; lane++) farLane(helpers, f, use, e, x, all, lane)
        })
      })
      f.get(all)
    },
    { repeated: true, key: `far4 ${e.op} ${x.id}` },
  )
}

/** Replaces a lane of `all` where x is beyond the limit. */
function farLane(helpers: Helpers, f: FuncBuilder, use: Use, e: UnaryExpr, x: Node, all: Local, lane: number): void {
  const { limit, vanishes } = guardOf(e)!
  use(x)
  f.f32x4_extract_lane(lane).f32_abs().f32_const(limit).f32_gt()
  if (vanishes !== undefined) {
    use(x)
    f.f32x4_extract_lane(lane).f32_const(vanishes).f32_ge().i32_and()
  }
  f.if(() => {
    f.get(all)
    use(x)
    f.f32x4_extract_lane(lane).f64_promote_f32()
    f.call(helpers.imports.get(e.op as MathImport)!)
      .f32_demote_f64()
      .f32x4_replace_lane(lane)
      .set(all)
  })
}

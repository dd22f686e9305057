// Functions of f32 whose short expansion holds up to a limit (print-prepare.ts names them): the expansion everywhere, and beyond the limit,
// behind a branch that is hardly ever taken, a call of Math, lane by lane. NaN goes there, too.
//
// A loop that tests its operands first (testedFirst) is left where one is beyond its limit. Where there is a longer expansion that holds everywhere (exp)
// it goes on to the end of its block: first with a loop that also knows where results are 0 or infinite (masked scores, steep sigmoids), then, where
// that is left as well, with the longer expansion. For other functions a few elements are computed with calls.

import type { FuncBuilder, Local } from '@cairn/wasm'
import { changes, dependencies, eachExpr, overlap } from '../../kernel/depends.ts'
import type { Expr, Stmt, UnaryOp } from '../../kernel/ir.ts'
import type { Node, Use } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import type { Helpers, MathImport } from './print-helpers.ts'
import type { Variance } from './print-lanes.ts'
import { guardOf } from './print-prepare.ts'

const word = new DataView(new ArrayBuffer(4))

function bitsOf(value: number): number {
  word.setFloat32(0, value)
  return word.getInt32(0)
}

export type UnaryExpr = Extract<Expr, { op: UnaryOp }>

/**
 * The guarded functions of a loop's body that can be tested all at once when an iteration begins, before anything is stored: then the loop that hardly
 * ever ends early has no calls in it, and the engine keeps its values in registers. None where an operand depends on what the body changes, or
 * where there are loops inside.
 */
export function testedFirst(body: readonly Stmt[], varies: Variance): readonly UnaryExpr[] {
  if (body.some(s => s.kind === 'loop')) return []
  const changed = changes(body)
  const found: UnaryExpr[] = []
  let settled = true
  eachExpr(body, e => {
    if (!guardOf(e) || !varies.of(e)) return
    found.push(e as UnaryExpr)
    if (overlap(dependencies((e as UnaryExpr).args[0]), changed)) settled = false
  })
  return settled ? found : []
}

/** @param near the expansion of e at x */
export function scalarBeyond({ code, helpers }: Frame, e: UnaryExpr, x: Node, near: Node): Node {
  const { limit } = guardOf(e)!
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
      f.f32_abs().f32_const(limit).f32_le()
      f.if(
        'f32',
        () => use(near),
        () => far(f, use),
      )
    },
    { repeated: true, key: `far ${e.op} ${x.id}` },
  )
}

/** Lanes of x beyond the limit or NaN, as a mask: bits without their sign compare like magnitudes, NaN above all. */
function beyond({ code, vectors }: Frame, x: Node, limit: number): Node {
  return code.op('i32x4_gt_s', 'v128', [x, vectors.constant('i32', bitsOf(limit))])
}

const magnitude = ({ code, vectors }: Frame, x: Node): Node =>
  code.op('v128_and', 'v128', [x, vectors.constant('i32', 0x7fffffff)])

/**
 * Whether any lane of several vectors is beyond: one test for all groups that run side by side. It took a tenth of a softmax's time when each
 * group tested for itself.
 */
export function anyBeyond(frame: Frame, e: UnaryExpr, xs: readonly Node[]): Node {
  const { code } = frame
  const largest = xs.map(x => magnitude(frame, x)).reduce((a, b) => code.op('i32x4_max_s', 'v128', [a, b]))
  return code.op('v128_any_true', 'i32', [beyond(frame, largest, guardOf(e)!.limit)])
}

/** Whether any lane of several vectors is beyond the limit or NaN, and not where the result is 0 or infinite. */
export function anyBetween(frame: Frame, e: UnaryExpr, xs: readonly Node[]): Node {
  const { code } = frame
  const { limit, ends } = guardOf(e)!
  const either = (a: Node, b: Node): Node => code.op('v128_or', 'v128', [a, b])
  const odd = xs.map(x => {
    const far = beyond(frame, magnitude(frame, x), limit)
    if (!ends) return far
    const [low, high] = endsOf(frame, ends, x)
    return code.op('v128_andnot', 'v128', [far, either(low, high)])
  })
  return code.op('v128_any_true', 'i32', [odd.reduce(either)])
}

/** Where x is so low that the result is 0, and so high that it is infinite. */
function endsOf({ code, vectors }: Frame, [vanishes, overflows]: readonly [number, number], x: Node): [Node, Node] {
  return [
    code.op('f32x4_lt', 'v128', [x, vectors.constant('f32', vanishes)]),
    code.op('f32x4_gt', 'v128', [x, vectors.constant('f32', overflows)]),
  ]
}

/** As vectorBeyond, where `anyBetween` has found nothing. What `near` makes of the ends is finite or NaN, never subnormal, and not kept. */
export function withEnds(frame: Frame, e: UnaryExpr, x: Node, near: Node): Node {
  const { code, vectors } = frame
  const { ends } = guardOf(e)!
  if (!ends) return near
  const [low, high] = endsOf(frame, ends, x)
  const kept = code.op('v128_andnot', 'v128', [near, low])
  return vectors.select(high, vectors.constant('f32', Number.POSITIVE_INFINITY), kept)
}

/** As scalarBeyond, in lanes. @param any not 0 where a lane of x, or of a group beside it, is beyond the limit */
export function vectorBeyond(frame: Frame, e: UnaryExpr, x: Node, near: Node, any: Node): Node {
  const { code, vectors, helpers } = frame
  const { limit } = guardOf(e)!
  const [sign, limits] = [0x7fffffff, bitsOf(limit)].map(bits => vectors.constant('i32', bits))
  return code.node(
    'v128',
    [x, near, any, sign, limits],
    (f, use) => {
      const all = f.local('v128')
      use(near)
      f.set(all)
      use(any)
      f.if(() => {
        use(x)
        use(sign)
        f.v128_and()
        use(limits)
        f.i32x4_gt_s()
        f.v128_any_true().if(() => {
          for (let lane = 0; lane < 4; lane++) farLane(helpers, f, use, e, x, all, lane)
        })
      })
      f.get(all)
    },
    { repeated: true, key: `far4 ${e.op} ${x.id}` },
  )
}

/** Replaces a lane of `all` where x is beyond the limit, or NaN. */
function farLane(helpers: Helpers, f: FuncBuilder, use: Use, e: UnaryExpr, x: Node, all: Local, lane: number): void {
  const { limit } = guardOf(e)!
  use(x)
  f.f32x4_extract_lane(lane).f32_abs().f32_const(limit).f32_le()
  f.i32_eqz()
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

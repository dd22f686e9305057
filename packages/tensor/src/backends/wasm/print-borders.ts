// Rows with borders: padding, windows and shifted reads are loads under a mask, which holds for all but the first and last few elements of a
// row. Conditions that can be told before the row begins make it two bodies: within the part of the row in which all of them hold, one
// without masks; around it (and in rows that lie in the border) the one that was given, a group of four lanes at a time.

import { changes, dependencies, eachExpr, overlap, statementsOf } from '../../kernel/depends.ts'
import { isConstant } from '../../kernel/dim.ts'
import { type Axis, addIndex, type Index, indexKey, strideOf } from '../../kernel/index-expr.ts'
import type { Expr, Stmt } from '../../kernel/ir.ts'
import { rewriter } from '../../kernel/rewrite.ts'
import type { Node } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import type { Variance } from './print-lanes.ts'
import type { LoadExpr } from './print-loads.ts'
import type { Values } from './print-values.ts'

/** 0 <= index < size, as the scheduler writes it: one unsigned comparison. */
interface Bounded {
  readonly index: Index
  readonly size: Index
}

export interface Borders {
  /** hold along the whole row or nowhere in it */
  readonly whole: readonly Expr[]
  /** hold from some place of the row to another; how far the index moves from one element to the next */
  readonly parts: readonly (Bounded & { readonly step: number })[]
  /** the body where all of them hold */
  readonly inside: readonly Stmt[]
}

function boundedOf(e: Expr): Bounded | null {
  if (e.op !== 'lt') return null
  const [index, size] = e.args.map(a => (a.op === 'bitcast' && a.dtype === 'u32' ? a.args[0] : null))
  return index?.op === 'index' && size?.op === 'index' ? { index: index.index, size: size.index } : null
}

/** The conditions that a mask is made of. */
function* conjuncts(e: Expr): Generator<Expr> {
  if (e.op === 'and' && e.dtype === 'bool') for (const a of e.args) yield* conjuncts(a)
  else yield e
}

const holds: Expr = { op: 'const', dtype: 'bool', value: 1 }

/**
 * The borders of rows along an axis, in which `masked` are the loads under a mask; null where there are none, where no load would lose its mask, or where two conditions exclude each other (the
 * parts of a concatenation).
 */
export function bordersOf(
  body: readonly Stmt[],
  masked: readonly LoadExpr[],
  axis: Axis,
  varies: Variance,
): Borders | null {
  // what can be told before the body begins: it does not hang on loops inside, on what is computed there, or on what is stored
  const changed = changes(body)
  const settled = (e: Expr): boolean => !overlap(dependencies(e), changed)
  // What is the same along a row is computed before it, also where no element of it is inside: without its mask it would read, and an index would be
  // checked, where there is nothing.
  if (masked.some(e => !varies.of(e) && settled(e))) return null
  const found = new Map<string, Expr>()
  const partly = new Map<string, Bounded & { step: number }>()
  for (const mask of new Set(masked.map(e => e.valid!)))
    for (const e of conjuncts(mask)) {
      if (!settled(e)) continue
      const bounded = boundedOf(e)
      if (!varies.of(e)) {
        if (!bounded || mostlyHolds(bounded)) found.set(bounded ? keyOf(bounded) : `e${found.size}`, e)
      } else if (bounded) {
        const [step, ...others] = strideOf(bounded.index, axis, value => varies.of(value)) ?? []
        if (!step || others.length > 0 || !isConstant(step) || step.factor < 1 || varies.ofIndex(bounded.size)) continue
        partly.set(keyOf(bounded), { ...bounded, step: step.factor })
      }
    }
  if (found.size + partly.size === 0) return null
  const all = [...[...found.values()].map(boundedOf).filter(b => b !== null), ...partly.values()]
  if (all.some((a, i) => all.slice(i + 1).some(b => exclusive(a, b)))) return null

  const others = new Set(found.values())
  const known = (e: Expr): boolean => {
    const bounded = boundedOf(e)
    if (!bounded) return others.has(e)
    const key = keyOf(bounded)
    return found.has(key) || partly.has(key)
  }
  let bare = false
  const inside = rewriter(e => {
    if (e.dtype === 'bool' && (e.op === 'lt' || others.has(e))) return known(e) ? holds : e
    if (e.op === 'and' && e.dtype === 'bool') {
      const [a, b] = e.args
      return a === holds ? b : b === holds ? a : e
    }
    if (e.op === 'cast' && e.dtype === 'bool' && e.args[0].op === 'const') return e.args[0].value === 0 ? e : holds
    if (e.op === 'where') return e.args[0] === holds ? e.args[1] : e
    if (e.op === 'load' && e.valid === holds) {
      bare = true
      return { ...e, valid: null }
    }
    return e
  }).body(body)
  return bare ? { whole: [...found.values()], parts: [...partly.values()], inside } : null
}

/**
 * Whether a condition holds in most rows: a border is narrow. (One that tells the taps of a strided window apart is not: half of the rows would have no
 * interior.)
 */
function mostlyHolds({ index, size }: Bounded): boolean {
  let [low, high, count] = [0, 0, 0]
  for (const { atom, coef } of size.terms) count += atom ? Number.NaN : coef.sample
  for (const { atom, coef } of index.terms) {
    const reach = atom ? (atom.kind === 'axis' ? atom.axis.size.sample - 1 : Number.NaN) * coef.sample : 0
    low += atom ? Math.min(0, reach) : coef.sample
    high += atom ? Math.max(0, reach) : coef.sample
  }
  // of what is not a sum of axes nothing is known
  if (Number.isNaN(low + high + count)) return true
  return Math.min(high, count - 1) - Math.max(low, 0) + 1 >= mostly * (high - low + 1)
}

const mostly = 0.6

const keyOf = ({ index, size }: Bounded): string => `${indexKey(index)}<${indexKey(size)}`

/** An index less its constant terms, and those. */
function split({ terms }: Index): [moving: Index, constants: Index] {
  return [{ terms: terms.filter(t => t.atom) }, { terms: terms.filter(t => !t.atom) }]
}

const negative = ({ terms }: Index): Index => ({
  terms: terms.map(({ atom, coef }) => ({
    atom,
    coef: { factor: -coef.factor, symbols: coef.symbols, sample: -coef.sample },
  })),
})

/** Whether one range of the same index ends where the other begins, or before: [-c, size - c) of x where x + c is bounded. */
function exclusive(a: Bounded, b: Bounded): boolean {
  const [[x, p], [y, q]] = [split(a.index), split(b.index)]
  if (indexKey(x) !== indexKey(y)) return false
  const before = (first: Bounded, c: Index, d: Index): boolean => {
    // first.size - c <= -d
    const gap = addIndex(addIndex(c, negative(d)), negative(first.size))
    return gap.terms.every(t => !t.atom && t.coef.factor >= 0)
  }
  return before(a, p, q) || before(b, q, p)
}

/** Whether an element may be computed and stored twice: nothing that the body reads is changed by it. */
export function repeatable(body: readonly Stmt[]): boolean {
  const { buffers } = changes(body)
  let clean = true
  eachExpr(body, e => {
    if (e.op === 'load' && buffers.has(e.buffer)) clean = false
  })
  for (const s of statementsOf(body)) if (s.kind === 'store' && s.mode !== 'set') clean = false
  return clean
}

/**
 * From where to where all conditions hold, within what `limit` bounds: an empty range where they do not. The axis has a value of 0 meanwhile, so that
 * what is left of an index is what it begins with.
 */
export function interior(
  frame: Frame,
  values: Values,
  axis: Axis,
  borders: Borders,
  limit: Node,
): { readonly from: Node; readonly to: Node } {
  const { code } = frame
  const counter = frame.axes.get(axis.id)
  frame.axes.set(axis.id, code.i32(0))
  let from = code.i32(0)
  let to = limit
  for (const { index, size, step } of borders.parts) {
    const [first, count] = [index, size].map(i => values.places.index(i))
    // first + step * i >= 0 from ceil(-first / step) on, and < count to ceil((count - first) / step)
    from = code.max(from, ceilDiv(frame, code.sub(code.i32(0), first), step))
    to = code.min(to, ceilDiv(frame, code.sub(count, first), step))
  }
  if (counter) frame.axes.set(axis.id, counter)
  else frame.axes.delete(axis.id)
  if (borders.whole.length === 0) return { from, to }
  const all = borders.whole.map(e => values.scalar(e)).reduce((a, b) => code.op('i32_and', 'i32', [a, b]))
  return { from: code.op('select', 'i32', [from, limit, all]), to }
}

/** ceil(a / by), also of negative numbers. */
function ceilDiv({ code }: Frame, a: Node, by: number): Node {
  if (by === 1) return a
  const up = code.add(a, code.i32(by - 1))
  if (up.constant !== null) return code.i32(Math.floor(up.constant / by))
  if ((by & (by - 1)) === 0) return code.op('i32_shr_s', 'i32', [up, code.i32(31 - Math.clz32(by))])
  // the quotient is cut toward 0: one less below 0, where a rest is left
  const quotient = code.op('i32_div_s', 'i32', [up, code.i32(by)])
  const below = code.op('i32_lt_s', 'i32', [up, code.mul(quotient, code.i32(by))])
  return code.sub(quotient, below)
}

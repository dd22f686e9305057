// Which loop runs in vector lanes. A loop qualifies when every value that varies with its axis has four 32-bit lanes;
// among nested loops the one with the fewest element-by-element accesses wins, the innermost if they are equal.

import type { ComputeType } from '../../dtype.ts'
import { statementsOf } from '../../kernel/depends.ts'
import { isConstant, isDim } from '../../kernel/dim.ts'
import { type Axis, type Index, indexDepends, strideOf } from '../../kernel/index-expr.ts'
import type { Expr, ReduceOp, Stmt } from '../../kernel/ir.ts'
import { isLane } from './print-types.ts'

export type LoopStmt = Extract<Stmt, { kind: 'loop' }>

/** Answers whether a value varies with an axis, given the accumulators that live in its lanes. */
export class Variance {
  readonly axis: Axis
  readonly accumulators: Set<number>
  private readonly known = new Map<Expr, boolean>()

  constructor(axis: Axis, accumulators: Set<number>) {
    this.axis = axis
    this.accumulators = accumulators
  }

  of(e: Expr): boolean {
    let result = this.known.get(e)
    if (result === undefined) {
      result = this.compute(e)
      this.known.set(e, result)
    }
    return result
  }

  private compute(e: Expr): boolean {
    switch (e.op) {
      case 'const':
      case 'scalar':
        return false
      case 'acc':
        return this.accumulators.has(e.id)
      case 'load':
        return this.ofIndex(e.index) || (e.valid !== null && this.of(e.valid))
      case 'index':
        return this.ofIndex(e.index)
      default:
        return e.args.some(a => this.of(a))
    }
  }

  ofIndex(index: Index): boolean {
    return indexDepends(index, this.axis, value => this.of(value))
  }

  /** 1: neighbours in memory; null: neither that nor a fixed distance known to be linear. */
  stride(index: Index): 'contiguous' | 'linear' | null {
    const coefs = strideOf(index, this.axis, value => this.of(value))
    if (!coefs) return null
    return coefs.length === 1 && isDim(coefs[0], 1) ? 'contiguous' : 'linear'
  }
}

/** How far an index moves from one lane to the next, where that is one known number; null elsewhere. */
export function stepOf(index: Index, varies: Variance): number | null {
  const coefs = strideOf(index, varies.axis, value => varies.of(value))
  return coefs?.length === 1 && isConstant(coefs[0]) ? coefs[0].factor : null
}

/** The types of accumulators declared in a body, at any depth. */
export function accumulatorTypes(body: readonly Stmt[]): Map<number, ComputeType> {
  const types = new Map<number, ComputeType>()
  for (const s of statementsOf(body)) if (s.kind === 'declare') types.set(s.acc, s.dtype)
  return types
}

export const declaredIn = (body: readonly Stmt[]): Set<number> => new Set(accumulatorTypes(body).keys())

/** The operation of each accumulator that a loop reduces into; null when one has several. */
export function reductionOps(body: readonly Stmt[], reduces: readonly number[]): Map<number, ReduceOp> | null {
  const ops = new Map<number, ReduceOp>()
  for (const s of statementsOf(body))
    if (s.kind === 'update' && reduces.includes(s.acc)) {
      if ((ops.get(s.acc) ?? s.op) !== s.op) return null
      ops.set(s.acc, s.op)
    }
  return ops
}

/** Cost of running `axis` in lanes over a body: accesses one element at a time; null when it cannot be done. */
export function laneCost(
  axis: Axis,
  body: readonly Stmt[],
  reduces: readonly number[],
  typeOf: (acc: number) => ComputeType | undefined,
): number | null {
  const own = declaredIn(body)
  const varies = new Variance(axis, new Set([...own, ...reduces]))
  if (!reductionOps(body, reduces)) return null
  let cost = 0
  const seen = new Set<Expr>()

  const index = (at: Index): boolean =>
    at.terms.every(({ atom }) =>
      atom?.kind === 'value' ? visit(atom.value) : atom?.kind === 'div' || atom?.kind === 'mod' ? index(atom.of) : true,
    )
  const visit = (e: Expr): boolean => {
    if (seen.has(e)) return true
    seen.add(e)
    if (e.op === 'acc') return !reduces.includes(e.id)
    if (!varies.of(e)) return true
    if (!isLane(e.dtype)) return false
    if (e.op === 'load') {
      if (varies.ofIndex(e.index) && varies.stride(e.index) !== 'contiguous') cost++
      return index(e.index) && (e.valid === null || visit(e.valid))
    }
    if (e.op === 'index') return index(e.index)
    return !('args' in e) || e.args.every(visit)
  }
  const statement = (s: Stmt): boolean => {
    switch (s.kind) {
      case 'loop':
        return (s.end === null || !varies.ofIndex(s.end)) && s.body.every(statement)
      case 'declare':
        return isLane(s.dtype)
      case 'update': {
        if (!own.has(s.acc) && !reduces.includes(s.acc)) return false
        const dtype = own.has(s.acc) ? s.value.dtype : typeOf(s.acc)
        return dtype !== undefined && isLane(dtype) && visit(s.value)
      }
      case 'store': {
        if (!isLane(s.value.dtype)) return false
        // every lane would hit the same place
        if (!varies.ofIndex(s.index)) return false
        const stride = varies.stride(s.index)
        if (stride !== 'contiguous') cost++
        return index(s.index) && visit(s.value) && (s.valid === null || visit(s.valid))
      }
      default:
        return s satisfies never
    }
  }
  return body.every(statement) ? cost : null
}

/** The loop inside `s` (itself included) to run in lanes, with its cost; null if none can. */
export function bestLoop(
  s: LoopStmt,
  typeOf: (acc: number) => ComputeType | undefined,
): { readonly loop: LoopStmt; readonly cost: number } | null {
  let best: { loop: LoopStmt; cost: number } | null = null
  const short = isConstant(s.axis.size) && s.axis.size.factor < 4
  if (!s.ordered && !short) {
    const cost = laneCost(s.axis, s.body, s.reduces, typeOf)
    if (cost !== null) best = { loop: s, cost }
  }
  for (const inner of s.body) {
    if (inner.kind !== 'loop') continue
    const found = bestLoop(inner, typeOf)
    if (found && (!best || found.cost <= best.cost)) best = found
  }
  return best
}

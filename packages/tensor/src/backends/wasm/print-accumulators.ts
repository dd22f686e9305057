// The mutable variables of a body: one local each, or a vector local for each unrolled group of lanes while a loop in lanes reduces into
// them. Partial results are combined in a fixed order, so that results do not depend on how items are cut.

import type { Local } from '@cairn/wasm'
import { type ComputeType, startOf } from '../../dtype.ts'
import type { Dependencies } from '../../kernel/depends.ts'
import type { ReduceOp, Stmt } from '../../kernel/ir.ts'
import { instruct, type Node, type Scope } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import { scalarTypes, vectorBinary } from './print-types.ts'
import type { Values } from './print-values.ts'

/** An accumulator: one local, or a vector local for each unrolled group of lanes. */
export interface Accumulator {
  readonly id: number
  readonly dtype: ComputeType
  readonly locals: readonly Local[]
  readonly lanes: boolean
  /** for maxima and minima of floats: lanes in which a NaN was seen, since the cheap instruction drops it */
  readonly broken: readonly Local[] | null
  readonly scope: Scope
  /** in effects, when its value changed last */
  changed: number
}

/** Accumulators that are reduced into by a loop in lanes, meanwhile. */
interface Spread {
  readonly ops: ReadonlyMap<number, ReduceOp>
  readonly totals: ReadonlyMap<number, Accumulator>
  /** as they were before they were narrowed */
  readonly partials: readonly Accumulator[]
}

export class Accumulators {
  private readonly frame: Frame
  private readonly values: Values
  private readonly known = new Map<number, Accumulator>()

  constructor(frame: Frame, values: Values) {
    this.frame = frame
    this.values = values
  }

  /** Its value now, in group `u` of lanes. */
  read(id: number, u: number): Node {
    const { code, open } = this.frame
    const acc = this.known.get(id)!
    const changing = open.findLast(loop => loop.writes.accumulators.has(id))?.scope
    const at = changing && changing.depth > acc.scope.depth ? changing : acc.scope
    return code.readMutable(acc.locals[u], at, id)
  }

  declare(id: number, dtype: ComputeType, init: number): void {
    const { code, f, lanes, scalars, vectors } = this.frame
    const count = lanes?.unroll ?? 1
    const locals = f.localArray(lanes ? 'v128' : scalarTypes[dtype], count)
    const value = lanes ? vectors.constant(dtype, init) : scalars.constant(dtype, init)
    for (const local of locals) code.set(local, value)
    this.known.set(id, {
      id,
      dtype,
      locals,
      lanes: lanes !== null,
      broken: null,
      scope: code.scope,
      changed: code.effects,
    })
  }

  update(s: Extract<Stmt, { kind: 'update' }>): void {
    const { values } = this
    const { code, lanes, scalars, vectors } = this.frame
    const acc = this.known.get(s.acc)!
    const fused = s.op === 'add' && acc.dtype === 'f32' && s.value.op === 'mul' ? s.value.args : null
    const { broken } = acc
    if (broken) {
      for (const [u, local] of acc.locals.entries()) {
        const value = values.vector(s.value, u)
        const extreme = s.op === 'max' ? 'f32x4_pmax' : 'f32x4_pmin'
        code.set(local, code.op(extreme, 'v128', [this.read(s.acc, u), value]))
        const nan = code.op('f32x4_ne', 'v128', [value, value])
        code.effect([nan], (f, use) => {
          f.get(broken[u])
          use(nan)
          f.v128_or().set(broken[u])
        })
      }
      acc.changed = code.effects
      return
    }
    const next = acc.locals.map((_, u) => {
      const old = this.read(s.acc, u)
      if (!lanes) {
        if (fused) return scalars.multiplyAdd('f32', values.scalar(fused[0]), values.scalar(fused[1]), old)
        return scalars.binary(s.op, acc.dtype, old, values.scalar(s.value))
      }
      if (fused) return vectors.multiplyAdd(values.vector(fused[0], u), values.vector(fused[1], u), old)
      return vectors.reduce(s.op, acc.dtype, old, values.vector(s.value, u))
    })
    for (const [u, local] of acc.locals.entries()) code.set(local, next[u])
    acc.changed = code.effects
  }

  /** The named accumulators may have changed. */
  touch(writes: Dependencies): void {
    for (const id of writes.accumulators) {
      const acc = this.known.get(id)
      if (acc) acc.changed = this.frame.code.effects
    }
  }

  /** In effects, when its value changed last. */
  changed(id: number): number {
    return this.known.get(id)!.changed
  }

  /** Accumulators of `unroll` groups of lanes take the places of the reduced ones. */
  spread(ops: ReadonlyMap<number, ReduceOp>, unroll: number): Spread {
    const { code, f, vectors } = this.frame
    const totals = new Map<number, Accumulator>()
    for (const [id, op] of ops) {
      const total = this.known.get(id)!
      totals.set(id, total)
      const locals = f.localArray('v128', unroll)
      const start = vectors.constant(total.dtype, startOf(op, total.dtype))
      for (const local of locals) code.set(local, start)
      const broken = total.dtype === 'f32' && (op === 'max' || op === 'min') ? f.localArray('v128', unroll) : null
      for (const local of broken ?? []) code.set(local, vectors.constant('i32', 0))
      this.known.set(id, { ...total, locals, broken, lanes: true, changed: code.effects })
    }
    return { ops, totals, partials: [...totals.keys()].map(id => this.known.get(id)!) }
  }

  /** From here on only the first `width` groups of lanes take part. */
  narrow({ partials }: Spread, width: number): void {
    for (const { id, locals, broken } of partials) {
      const acc = this.known.get(id)!
      this.known.set(id, { ...acc, locals: locals.slice(0, width), broken: broken?.slice(0, width) ?? null })
    }
  }

  /** Combines what was spread, and puts it back. */
  gather({ ops, totals, partials }: Spread): void {
    for (const partial of partials) this.combine(totals.get(partial.id)!, ops.get(partial.id)!, partial)
    for (const [id, total] of totals) {
      total.changed = this.frame.code.effects
      this.known.set(id, total)
    }
  }

  /** total = total op partial results, pairwise. */
  private combine(total: Accumulator, op: ReduceOp, { locals, broken }: Accumulator): void {
    const { dtype } = total
    const [target] = total.locals
    this.frame.code.effect([], f => {
      const pairs = vectorBinary[dtype]![op]!
      for (let width = locals.length >> 1; width >= 1; width >>= 1)
        for (let i = 0; i < width; i++) {
          f.get(locals[i]).get(locals[i + width])
          instruct(f, pairs)
          f.set(locals[i])
        }
      const first = locals[0]
      const swap = (bytes: number): void => {
        f.get(first).get(first).get(first)
        f.i8x16_shuffle(Array.from({ length: 16 }, (_, i) => (i + bytes) % 16))
        instruct(f, pairs)
        f.set(first)
      }
      swap(8)
      swap(4)
      f.get(target)
      if (dtype === 'f32') f.f32x4_splat()
      else if (dtype === 'bool') f.i32x4_splat().i32x4_neg()
      else f.i32x4_splat()
      f.get(first)
      instruct(f, pairs)
      if (dtype === 'f32') f.f32x4_extract_lane(0)
      else f.i32x4_extract_lane(0)
      if (dtype === 'bool') f.i32_const(1).i32_and()
      f.set(target)
      if (!broken) return
      for (const [i, local] of broken.entries()) {
        f.get(local)
        if (i > 0) f.v128_or()
      }
      f.v128_any_true().if(() => f.f32_const(Number.NaN).set(target))
    })
  }
}

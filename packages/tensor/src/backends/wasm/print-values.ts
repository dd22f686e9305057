// Expressions as values: in scalar form, the same in all lanes, or for a group of four lanes. Each is made once while the scope
// that has it is open and nothing that it reads has changed.

import type { Mnemonic } from '@cairn/wasm'
import type { BinaryOp, Expr, UnaryOp } from '../../kernel/ir.ts'
import { Accumulators } from './print-accumulators.ts'
import { scalarBounded, vectorBounded } from './print-bounded.ts'
import type { Node } from './print-code.ts'
import { anyBetween, anyBeyond, scalarBeyond, type UnaryExpr, vectorBeyond, withEnds } from './print-far.ts'
import type { Frame } from './print-frame.ts'
import { bufferReads, Loads } from './print-loads.ts'
import { Places } from './print-places.ts'
import { everywhere, guardOf, withinLimit } from './print-prepare.ts'
import { scalarTypes, storages } from './print-types.ts'

/** where(x < y, y, x) is pmax(x, y) and where(y < x, y, x) is pmin(x, y), NaN and zeros included: one instruction each. */
function pseudo([condition, y, x]: readonly [Expr, Expr, Expr]): 'f32x4_pmax' | 'f32x4_pmin' | null {
  if (condition.op !== 'lt' || y.dtype !== 'f32') return null
  const [a, b] = condition.args
  return a === x && b === y ? 'f32x4_pmax' : a === y && b === x ? 'f32x4_pmin' : null
}

export class Values {
  readonly places: Places
  readonly loads: Loads
  readonly accumulators: Accumulators
  private readonly frame: Frame
  /** scalar at 0, the same in all lanes at 1, unrolled groups of lanes from 2 */
  private readonly memo = new Map<Expr, (Node | undefined)[]>()

  constructor(frame: Frame) {
    this.frame = frame
    this.places = new Places(frame, this)
    this.loads = new Loads(frame, this, this.places)
    this.accumulators = new Accumulators(frame, this)
  }

  /** A value made before, if its scope is still open and nothing that it reads has changed. */
  private remembered(e: Expr, form: number): Node | undefined {
    const node = this.memo.get(e)?.[form]
    return node && this.frame.code.stack[node.scope.depth] === node.scope && this.current(node) ? node : undefined
  }

  private current(node: Node): boolean {
    if (node.reads)
      for (const id of node.reads) if (id < bufferReads && this.accumulators.changed(id) > node.made) return false
    return true
  }

  private remember(e: Expr, form: number, node: Node): Node {
    const forms = this.memo.get(e)
    if (forms) forms[form] = node
    else {
      const fresh: (Node | undefined)[] = [undefined, undefined, undefined]
      fresh[form] = node
      this.memo.set(e, fresh)
    }
    return node
  }

  scalar(e: Expr): Node {
    return this.remembered(e, 0) ?? this.remember(e, 0, this.makeScalar(e))
  }

  private makeScalar(e: Expr): Node {
    const { code, layout, params, scalars } = this.frame
    switch (e.op) {
      case 'const':
        return scalars.constant(e.dtype, e.value)
      case 'scalar': {
        const word = layout.scalarWord[e.slot]
        const load = e.dtype === 'bool' ? 'i32_load' : storages[e.dtype].load
        return code.op(load, scalarTypes[e.dtype], [params], 4 * word)
      }
      case 'load':
        return this.loads.scalar(e)
      case 'index':
        return this.places.index(e.index)
      case 'acc':
        return this.accumulators.read(e.id, 0)
      case 'where': {
        const [condition, then, otherwise] = e.args.map(a => this.scalar(a))
        return code.op('select', scalarTypes[e.dtype], [then, otherwise, condition])
      }
      case 'fma': {
        const [a, b, c] = e.args.map(x => this.scalar(x))
        return scalars.multiplyAdd(e.dtype, a, b, c)
      }
      case 'bounded':
        return scalarBounded(this.frame, e, this.scalar(e.args[0]))
      case 'cast':
        return scalars.cast(e.args[0].dtype, e.dtype, this.scalar(e.args[0]))
      case 'bitcast': {
        const [from, to] = [scalarTypes[e.args[0].dtype], scalarTypes[e.dtype]]
        const value = this.scalar(e.args[0])
        if (from === to) return value
        return code.op(`${to}_reinterpret_${from}` as Mnemonic, to, [value])
      }
      case 'roundTo':
        throw new TypeError('print: roundTo is expanded before printing')
      default:
        if (guardOf(e)) {
          const all = everywhere(e)
          if (all) return this.scalar(all)
          return scalarBeyond(
            this.frame,
            e as UnaryExpr,
            this.scalar((e as UnaryExpr).args[0]),
            this.scalar(withinLimit(e)),
          )
        }
        if (e.args.length === 1) return scalars.unary(e.op as UnaryOp, e.args[0].dtype, this.scalar(e.args[0]))
        return scalars.binary(
          e.op as BinaryOp,
          e.args[0].dtype,
          this.scalar(e.args[0]),
          this.scalar((e.args as readonly Expr[])[1]),
        )
    }
  }

  /** Group `u` of four lanes. */
  vector(e: Expr, u: number): Node {
    if (!this.frame.lanes!.varies.of(e)) return this.remembered(e, 1) ?? this.remember(e, 1, this.uniform(e))
    return this.remembered(e, u + 2) ?? this.remember(e, u + 2, this.makeVector(e, u))
  }

  /** A value that is the same in all lanes. */
  private uniform(e: Expr): Node {
    const { code, memories, vectors } = this.frame
    if (e.op === 'const') return vectors.constant(e.dtype, e.value)
    if (e.op === 'load' && !e.valid && this.frame.storedIn(e.buffer) === undefined) {
      const storage = storages[memories[e.buffer]]
      if (storage.widen[0] === 'v128_load') {
        const { base, offset } = this.places.address(e.buffer, e.index, 0)
        return code.op('v128_load32_splat', 'v128', [base], offset)
      }
    }
    return vectors.splat(e.dtype, this.scalar(e))
  }

  private makeVector(e: Expr, u: number): Node {
    const { code, vectors } = this.frame
    switch (e.op) {
      case 'const':
      case 'scalar':
        throw new TypeError('print: a constant does not vary')
      case 'load':
        return this.loads.vector(e, u)
      case 'index':
        return this.places.vectorIndex(e.index, u)
      case 'acc':
        return this.accumulators.read(e.id, u)
      case 'where': {
        const pick = pseudo(e.args)
        if (pick) return code.op(pick, 'v128', [this.vector(e.args[2], u), this.vector(e.args[1], u)])
        const [condition, then, otherwise] = e.args.map(a => this.vector(a, u))
        return vectors.select(condition, then, otherwise)
      }
      case 'fma': {
        const [a, b, c] = e.args.map(x => this.vector(x, u))
        return vectors.multiplyAdd(a, b, c)
      }
      case 'bounded':
        return vectorBounded(this.frame, e, this.vector(e.args[0], u))
      case 'cast':
        return vectors.cast(e.args[0].dtype, e.dtype, this.vector(e.args[0], u))
      case 'bitcast':
        return this.vector(e.args[0], u)
      case 'roundTo':
        throw new TypeError('print: roundTo is expanded before printing')
      default: {
        if (guardOf(e)) return this.vectorFar(e as UnaryExpr, u)
        const dtype = e.args[0].dtype
        const [a, b] = e.args as readonly Expr[]
        if (!b) return vectors.unary(e.op as UnaryOp, dtype, this.vector(a, u))
        const op = e.op as BinaryOp
        if ((op === 'shl' || op === 'shr') && !this.frame.lanes!.varies.of(b)) {
          const shift = op === 'shl' ? 'i32x4_shl' : dtype === 'u32' ? 'i32x4_shr_u' : 'i32x4_shr_s'
          return code.op(shift, 'v128', [this.vector(a, u), this.scalar(b)])
        }
        return vectors.binary(op, dtype, e.dtype, this.vector(a, u), this.vector(b, u))
      }
    }
  }

  private vectorFar(e: UnaryExpr, u: number): Node {
    const { found } = this.frame.lanes!
    const all = found === 'anything' ? everywhere(e) : null
    if (all) return this.vector(all, u)
    const near = this.vector(withinLimit(e), u)
    if (found === 'within') return near
    const x = this.vector(e.args[0], u)
    return found === 'ends' ? withEnds(this.frame, e, x, near) : vectorBeyond(this.frame, e, x, near, this.beyond(e))
  }

  /** Whether the operand of a function is neither within its limit nor where the result is 0 or infinite in any lane of any group. */
  between(e: UnaryExpr): Node {
    const groups = Array.from({ length: this.frame.lanes!.unroll }, (_, u) => this.vector(e.args[0], u))
    return anyBetween(this.frame, e, groups)
  }

  /** Whether the operand of a function is beyond its limit in any lane of any group. */
  beyond(e: UnaryExpr): Node {
    const groups = Array.from({ length: this.frame.lanes!.unroll }, (_, u) => this.vector(e.args[0], u))
    return anyBeyond(this.frame, e, groups)
  }
}

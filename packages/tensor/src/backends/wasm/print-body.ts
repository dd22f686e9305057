// Prints the statements of a kernel: expressions in scalar form, or in vector form where a loop (or the last parallel
// axis) runs in lanes. Unrolling prints a statement for several groups of four lanes side by side.
//
// The same element gets the same bits from the vector code and from the scalar tail, so results do not depend on
// where a range of items is cut: multiply-adds are fused in both or in neither, sums over rows are never cut.

import type { Func, FuncBuilder, Local, Mnemonic } from '@cairn/wasm'
import { type ComputeType, computeType, type DType } from '../../dtype.ts'
import { type Dim, dimKey, isConstant } from '../../kernel/dim.ts'
import type { Atom, Axis, Index } from '../../kernel/index-expr.ts'
import type { BinaryOp, Bounded, Expr, ReduceOp, Stmt, UnaryOp } from '../../kernel/ir.ts'
import type { ParamLayout } from '../../kernel/params.ts'
import type { Code, Node, Scope, Use } from './print-code.ts'
import type { Helper, Helpers, MathImport } from './print-helpers.ts'
import { mathImports } from './print-helpers.ts'
import { guardOf, type Writes, withinLimit, writesOf } from './print-prepare.ts'
import {
  scalarBinary,
  scalarCasts,
  scalarTypes,
  scalarUnary,
  storages,
  vectorBinary,
  vectorCasts,
  vectorUnary,
} from './print-types.ts'
import { bestLoop, declaredIn, type LoopStmt, reductionOps, Variance } from './print-vector.ts'

export interface BodyOptions {
  /** relaxed SIMD: fused multiply-adds and lane selects of one instruction */
  readonly relaxed: boolean
}

type UnaryExpr = Extract<Expr, { op: UnaryOp }>

/** An accumulator: one local, or a vector local for each unrolled group of lanes. */
interface Accumulator {
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

interface OpenLoop {
  readonly scope: Scope
  readonly writes: Writes
}

interface Lanes {
  readonly axis: Axis
  readonly unroll: number
  readonly varies: Variance
}

/** Ids that tell buffers from accumulators among the mutable things a value reads. */
const bufferReads = 1 << 20

const identities: Record<ReduceOp, Record<'float' | 'i32' | 'u32' | 'bool', number>> = {
  add: { float: 0, i32: 0, u32: 0, bool: 0 },
  mul: { float: 1, i32: 1, u32: 1, bool: 1 },
  max: { float: Number.NEGATIVE_INFINITY, i32: -(2 ** 31), u32: 0, bool: 0 },
  min: { float: Number.POSITIVE_INFINITY, i32: 2 ** 31 - 1, u32: 0xffffffff, bool: 1 },
}

const identity = (op: ReduceOp, dtype: ComputeType): number =>
  identities[op][dtype === 'f32' || dtype === 'f64' ? 'float' : dtype === 'i64' ? 'i32' : dtype]

export class BodyPrinter {
  readonly code: Code
  readonly f: FuncBuilder
  readonly axes = new Map<number, Node>()
  /** where a buffer begins, when it is not a parameter of the launch: scratch rows, strips */
  readonly bases = new Map<number, Node>()
  private readonly options: BodyOptions
  private readonly memories: readonly DType[]
  private readonly layout: ParamLayout
  private readonly params: Node
  private readonly helpers: Helpers
  private readonly accumulators = new Map<number, Accumulator>()
  private readonly accumulatorTypes = new Map<number, ComputeType>()
  private readonly open: OpenLoop[] = []
  private lanes: Lanes | null = null
  /** in the tail of a loop that runs in lanes, inner loops stay in order as they are there */
  private inTail = false
  /** values of expressions: scalar at 0, the same in all lanes at 1, unrolled groups of lanes from 2 */
  private readonly memo = new Map<Expr, (Node | undefined)[]>()

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
    this.options = options
    this.memories = memories
    this.layout = layout
    this.params = code.read(params)
    this.helpers = helpers
    this.collectTypes(body)
  }

  private collectTypes(body: readonly Stmt[]): void {
    for (const s of body) {
      if (s.kind === 'declare') this.accumulatorTypes.set(s.acc, s.dtype)
      else if (s.kind === 'loop') this.collectTypes(s.body)
    }
  }

  // ---- parameters and indices

  dim(d: Dim): Node {
    if (isConstant(d)) return this.code.i32(d.factor)
    return this.code.op('i32_load', 'i32', [this.params], 4 * this.layout.dimWord.get(dimKey(d))!)
  }

  private base(buffer: number): Node {
    return this.bases.get(buffer) ?? this.code.op('i32_load', 'i32', [this.params], 4 * buffer)
  }

  /** An atom for lane `lane` of the axis that runs in lanes. */
  private atom(atom: Atom, lane: number): Node {
    const { code } = this
    switch (atom.kind) {
      case 'axis': {
        const value = this.axes.get(atom.axis.id)!
        return this.lanes?.axis.id === atom.axis.id ? code.add(value, code.i32(lane)) : value
      }
      case 'div':
        return code.div(this.index(atom.of, lane), this.dim(atom.by))
      case 'mod':
        return code.mod(this.index(atom.of, lane), this.dim(atom.by))
      case 'value': {
        const { value } = atom
        if (this.lanes?.varies.of(value)) return this.extract(value.dtype, this.vector(value, lane >> 2), lane & 3)
        const node = this.scalar(value)
        return value.dtype === 'i64' ? code.op('i32_wrap_i64', 'i32', [node]) : node
      }
      default:
        return atom satisfies never
    }
  }

  /** An index as an i32. */
  index(index: Index, lane = 0): Node {
    const { code } = this
    return this.sum(
      index.terms.map(({ atom, coef }) => (atom ? code.mul(this.atom(atom, lane), this.dim(coef)) : this.dim(coef))),
    )
  }

  /** Adds what is known furthest out first, so that partial sums leave the loops. */
  private sum(parts: readonly Node[]): Node {
    const sorted = parts.toSorted((a, b) => a.scope.depth - b.scope.depth)
    return sorted.reduce((a, b) => this.code.add(a, b), this.code.i32(0))
  }

  /** The address of an element less a constant that goes into the instruction. */
  private address(buffer: number, index: Index, lane: number): { readonly base: Node; readonly offset: number } {
    const { code } = this
    const { shift } = storages[this.memories[buffer]]
    const parts = [this.base(buffer)]
    let offset = 0
    for (const { atom, coef } of index.terms) {
      const constant = isConstant(coef) ? coef.factor << shift : null
      const scaled = constant === null ? code.shl(this.dim(coef), shift) : code.i32(constant)
      if (!atom) parts.push(scaled)
      else if (atom.kind === 'axis') {
        parts.push(code.mul(this.axes.get(atom.axis.id)!, scaled))
        if (lane && atom.axis.id === this.lanes?.axis.id) {
          // a small distance forward goes into the instruction; buffers lie higher than that, so nothing wraps around
          if (constant !== null && constant >= 0 && constant * lane < 1024) offset += constant * lane
          else parts.push(code.mul(scaled, code.i32(lane)))
        }
      } else parts.push(code.mul(this.atom(atom, lane), scaled))
    }
    return { base: this.sum(parts), offset }
  }

  // ---- expressions, scalar

  /** A value made before, if its scope is still open and nothing that it reads has changed. */
  private remembered(e: Expr, form: number): Node | undefined {
    const node = this.memo.get(e)?.[form]
    return node && this.code.stack[node.scope.depth] === node.scope && this.current(node) ? node : undefined
  }

  private current(node: Node): boolean {
    if (node.reads)
      for (const id of node.reads) if (id < bufferReads && this.accumulators.get(id)!.changed > node.made) return false
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
    const { code } = this
    switch (e.op) {
      case 'const':
        return this.constant(e.dtype, e.value)
      case 'scalar': {
        const word = this.layout.scalarWord[e.slot]
        const load = e.dtype === 'bool' ? 'i32_load' : storages[e.dtype].load
        return code.op(load, scalarTypes[e.dtype], [this.params], 4 * word)
      }
      case 'load':
        return this.scalarLoad(e)
      case 'index':
        return this.index(e.index)
      case 'acc':
        return this.readAccumulator(e.id, 0)
      case 'where': {
        const [condition, then, otherwise] = e.args.map(a => this.scalar(a))
        return code.op('select', scalarTypes[e.dtype], [then, otherwise, condition])
      }
      case 'fma': {
        const [a, b, c] = e.args.map(x => this.scalar(x))
        return this.multiplyAdd(e.dtype, a, b, c)
      }
      case 'bounded':
        return this.bounded(e, this.scalar(e.args[0]))
      case 'cast':
        return this.scalarCast(e.args[0].dtype, e.dtype, this.scalar(e.args[0]))
      case 'bitcast': {
        const [from, to] = [scalarTypes[e.args[0].dtype], scalarTypes[e.dtype]]
        const value = this.scalar(e.args[0])
        if (from === to) return value
        return code.op(`${to}_reinterpret_${from}` as Mnemonic, to, [value])
      }
      case 'roundTo':
        throw new TypeError('print: roundTo is expanded before printing')
      default:
        if (guardOf(e)) return this.scalarGuarded(e as UnaryExpr)
        if (e.args.length === 1) return this.scalarUnary(e.op as UnaryOp, e.args[0].dtype, this.scalar(e.args[0]))
        return this.scalarBinary(
          e.op as BinaryOp,
          e.args[0].dtype,
          this.scalar(e.args[0]),
          this.scalar((e.args as readonly Expr[])[1]),
        )
    }
  }

  constant(dtype: ComputeType, value: number): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    switch (type) {
      case 'i32':
        return code.i32(dtype === 'bool' ? Number(value !== 0) : value)
      case 'i64':
        return code.node(type, [], f => f.i64_const(BigInt(value)), { trivial: true, key: `i64 ${value}` })
      case 'f32':
        return code.node(type, [], f => f.f32_const(value), { trivial: true, key: `f32 ${keyOf(value)}` })
      case 'f64':
        return code.node(type, [], f => f.f64_const(value), { trivial: true, key: `f64 ${keyOf(value)}` })
      default:
        return type satisfies never
    }
  }

  /** The innermost open loop that stores to a buffer; undefined when no open loop does. */
  private storedIn(buffer: number): Scope | undefined {
    return this.open.findLast(loop => loop.writes.buffers.has(buffer))?.scope
  }

  /** One element, as its compute type. */
  private element(buffer: number, { base, offset }: { base: Node; offset: number }): Node {
    const { code } = this
    const dtype = this.memories[buffer]
    const { load } = storages[dtype]
    const type = scalarTypes[computeTypeOfMemory(dtype)]
    const at = this.storedIn(buffer)
    const node = at
      ? code.node(
          type,
          [base],
          (f, use) => {
            use(base)
            call(f, load, offset)
          },
          { at, reads: new Set([bufferReads + buffer]) },
        )
      : code.op(load, type, [base], offset)
    return dtype === 'bool' ? code.op('i32_ne', 'i32', [node, code.i32(0)]) : node
  }

  private scalarLoad(e: Extract<Expr, { op: 'load' }>): Node {
    const place = this.address(e.buffer, e.index, 0)
    if (!e.valid) return this.element(e.buffer, place)
    return this.guardedLoad(e, this.scalar(e.valid), place)
  }

  /** An element that is read only where `valid` holds, else 0. */
  private guardedLoad(
    e: Extract<Expr, { op: 'load' }>,
    valid: Node,
    { base, offset }: ReturnType<typeof this.address>,
  ): Node {
    const { code } = this
    const dtype = this.memories[e.buffer]
    const type = scalarTypes[computeTypeOfMemory(dtype)]
    const zero = this.constant(e.dtype, 0)
    const at = this.storedIn(e.buffer)
    const node = code.node(
      type,
      [valid, base, zero],
      (f, use) => {
        use(valid)
        f.if(
          type,
          () => {
            use(base)
            call(f, storages[dtype].load, offset)
          },
          () => use(zero),
        )
      },
      {
        repeated: true,
        ...(at
          ? { at, reads: new Set([bufferReads + e.buffer]) }
          : { key: `masked ${e.buffer} ${valid.id} ${base.id} ${offset}` }),
      },
    )
    return dtype === 'bool' ? code.op('i32_ne', 'i32', [node, code.i32(0)]) : node
  }

  private scalarCast(from: ComputeType, to: ComputeType, x: Node): Node {
    const { code } = this
    if (from === to) return x
    if (to === 'bool') return this.scalarBinary('ne', from, x, this.constant(from, 0))
    const op = scalarCasts[`${from} ${to}`]
    return op ? code.op(op, scalarTypes[to], [x]) : x
  }

  private scalarUnary(op: UnaryOp, dtype: ComputeType, x: Node): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    const one = scalarUnary[dtype]?.[op]
    if (one) return code.op(one, type, [x])
    const float = dtype === 'f32' || dtype === 'f64'
    switch (op) {
      case 'neg':
        return code.op(`${type}_sub` as Mnemonic, type, [this.constant(dtype, 0), x])
      case 'abs': {
        if (dtype === 'u32' || dtype === 'bool') return x
        const negative = this.scalarBinary('lt', dtype, x, this.constant(dtype, 0))
        return code.op('select', type, [this.scalarUnary('neg', dtype, x), x, negative])
      }
      case 'not':
        return code.op(`${type}_xor` as Mnemonic, type, [x, this.constant(dtype, -1)])
      case 'isNaN':
        return float ? code.op(`${type}_ne` as Mnemonic, 'i32', [x, x]) : code.i32(0)
      case 'reciprocal':
        return code.op(`${type}_div` as Mnemonic, type, [this.constant(dtype, 1), x])
      case 'rsqrt':
        return this.scalarUnary('reciprocal', dtype, this.scalarUnary('sqrt', dtype, x))
      case 'floor':
      case 'ceil':
      case 'round':
      case 'trunc':
        if (!float) return x
        break
      case 'erf':
        if (dtype === 'f64') return this.callHelper('erf f64', type, [x])
        break
    }
    if (dtype === 'f64' && op in mathImports) return this.callMath(op as MathImport, [x])
    throw new TypeError(`print: ${op} is not defined on ${dtype}`)
  }

  private scalarBinary(op: BinaryOp, dtype: ComputeType, a: Node, b: Node): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    const compares = op === 'lt' || op === 'le' || op === 'eq' || op === 'ne'
    const one = scalarBinary[dtype]?.[op]
    if (one) return code.op(one, compares ? 'i32' : type, [a, b])
    switch (op) {
      case 'max':
      case 'min': {
        const less = this.scalarBinary('lt', dtype, a, b)
        return code.op('select', type, op === 'min' ? [a, b, less] : [b, a, less])
      }
      case 'div':
      case 'mod':
        if (dtype === 'f32' || dtype === 'f64') return this.callHelper(`mod ${dtype}`, type, [a, b])
        return this.integerDivision(op, dtype, a, b)
      case 'pow':
        if (dtype === 'f64') {
          // Math.pow gives NaN for 1 to the power NaN and for 1 and -1 to an infinite one
          const power = this.callMath('pow', [a, b])
          const one = this.constant('f64', 1)
          const infinite = code.op('f64_eq', 'i32', [
            code.op('f64_abs', 'f64', [b]),
            this.constant('f64', Number.POSITIVE_INFINITY),
          ])
          const unit = code.op('f64_eq', 'i32', [code.op('f64_abs', 'f64', [a]), one])
          const always = code.op('f64_eq', 'i32', [a, one])
          return code.op('select', 'f64', [
            one,
            power,
            code.op('i32_or', 'i32', [always, code.op('i32_and', 'i32', [unit, infinite])]),
          ])
        }
        return this.callHelper(dtype === 'i64' ? 'pow i64' : 'pow i32', type, [a, b])
      case 'atan2':
        return this.callMath('atan2', [a, b])
      default:
        throw new TypeError(`print: ${op} is not defined on ${dtype}`)
    }
  }

  /** Division by zero gives 0 and the one quotient that overflows wraps; the instructions would trap. */
  private integerDivision(op: 'div' | 'mod', dtype: ComputeType, a: Node, b: Node): Node {
    const { code } = this
    const type = dtype === 'i64' ? 'i64' : 'i32'
    const instruction = `${type}_${op === 'div' ? 'div' : 'rem'}_${dtype === 'u32' ? 'u' : 's'}` as Mnemonic
    if (b.constant !== null && b.constant !== 0 && b.constant !== -1) return code.op(instruction, type, [a, b])
    const zero = (f: FuncBuilder): FuncBuilder => (type === 'i64' ? f.i64_const(0) : f.i32_const(0))
    const minusOne = (f: FuncBuilder): FuncBuilder => (type === 'i64' ? f.i64_const(-1) : f.i32_const(-1))
    const divide = (f: FuncBuilder, use: Use): void => {
      use(a)
      use(b)
      call(f, instruction)
    }
    return code.node(
      type,
      [a, b],
      (f, use) => {
        use(b)
        f[`${type}_eqz`]().if(
          type,
          () => zero(f),
          () => {
            if (op === 'mod' || dtype === 'u32') return divide(f, use)
            use(b)
            minusOne(f)
              [`${type}_eq`]()
              .if(
                type,
                () => {
                  zero(f)
                  use(a)
                  f[`${type}_sub`]()
                },
                () => divide(f, use),
              )
          },
        )
      },
      { repeated: true, key: `${instruction} ${a.id} ${b.id}` },
    )
  }

  /** An index outside is written to its word of the parameters, which the host looks at when the run has ended. */
  private bounded(check: Bounded, at: Node): Node {
    const { code, params } = this
    const size = this.dim(check.size)
    const word = this.layout.checkWord(check)
    return code.node(
      'i32',
      [at, size, params],
      (f, use) => {
        use(at)
        use(size)
        f.i32_lt_u().if(
          'i32',
          () => use(at),
          () => {
            use(params)
            use(at)
            f.i32_store(4 * word).i32_const(0)
            use(size)
            f.i32_const(1).i32_sub()
            use(at)
            f.i32_const(0).i32_lt_s().select()
          },
        )
      },
      { repeated: true, key: `bounded ${word} ${at.id}` },
    )
  }

  private vectorBounded(check: Bounded, at: Node): Node {
    const { code, params } = this
    const size = this.dim(check.size)
    const top = this.splat('i32', code.sub(size, code.i32(1)))
    const zero = this.vectorConstant('i32', 0)
    const word = this.layout.checkWord(check)
    return code.node(
      'v128',
      [at, top, zero, params, size],
      (f, use) => {
        const inside = f.local('v128')
        use(at)
        use(top)
        f.i32x4_min_s()
        use(zero)
        f.i32x4_max_s().tee(inside)
        use(at)
        f.i32x4_ne()
          .v128_any_true()
          .if(() => {
            use(params)
            f.i32_const(4 * word).i32_add()
            use(at)
            use(size)
            f.call(this.helpers.helpers.get('tell outside')!)
          })
        f.get(inside)
      },
      { repeated: true, key: `bounded4 ${word} ${at.id}` },
    )
  }

  private callMath(name: MathImport, args: readonly Node[]): Node {
    return this.call(this.helpers.imports.get(name)!, name, 'f64', args)
  }

  private callHelper(name: Helper, type: 'i32' | 'i64' | 'f32' | 'f64', args: readonly Node[]): Node {
    return this.call(this.helpers.helpers.get(name)!, name, type, args)
  }

  private call(func: Func, name: string, type: 'i32' | 'i64' | 'f32' | 'f64', args: readonly Node[]): Node {
    return this.code.node(
      type,
      args,
      (f, use) => {
        for (const arg of args) use(arg)
        f.call(func)
      },
      { key: `call ${name} ${args.map(a => a.id)}` },
    )
  }

  private scalarGuarded(e: UnaryExpr): Node {
    const { limit, vanishes } = guardOf(e)!
    const [x, near] = [this.scalar(e.args[0]), this.scalar(withinLimit(e))]
    const far = (f: FuncBuilder, use: Use): void => {
      use(x)
      f.f64_promote_f32()
        .call(this.helpers.imports.get(e.op as MathImport)!)
        .f32_demote_f64()
    }
    return this.code.node(
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

  private vectorGuarded(e: UnaryExpr, u: number): Node {
    const { code } = this
    const { limit, vanishes } = guardOf(e)!
    const [x, near] = [this.vector(e.args[0], u), this.vector(withinLimit(e), u)]
    const limits = this.vectorConstant('f32', limit)
    const zeros = vanishes === undefined ? limits : this.vectorConstant('f32', vanishes)
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
            for (let lane = 0; lane < 4; lane++) this.farLane(f, use, e, x, all, lane)
          })
        })
        f.get(all)
      },
      { repeated: true, key: `far4 ${e.op} ${x.id}` },
    )
  }

  /** Replaces a lane of `all` where x is beyond the limit. */
  private farLane(f: FuncBuilder, use: Use, e: UnaryExpr, x: Node, all: Local, lane: number): void {
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
      f.call(this.helpers.imports.get(e.op as MathImport)!)
        .f32_demote_f64()
        .f32x4_replace_lane(lane)
        .set(all)
    })
  }

  /** a * b + c; one lane of the vector instruction where that is fused, so that tails agree with vectors. */
  private multiplyAdd(dtype: ComputeType, a: Node, b: Node, c: Node): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    if (dtype !== 'f32' || !this.options.relaxed)
      return code.op(`${type}_add` as Mnemonic, type, [code.op(`${type}_mul` as Mnemonic, type, [a, b]), c])
    return code.node(
      'f32',
      [a, b, c],
      (f, use) => {
        for (const x of [a, b, c]) {
          use(x)
          f.f32x4_splat()
        }
        f.f32x4_relaxed_madd().f32x4_extract_lane(0)
      },
      { key: `fma ${a.id} ${b.id} ${c.id}` },
    )
  }

  // ---- expressions, vector

  private vectorConstant(dtype: ComputeType, value: number): Node {
    const float = dtype === 'f32'
    const bits = dtype === 'bool' ? -Number(value !== 0) : value
    return this.code.node(
      'v128',
      [],
      f => (float ? f.f32x4_const(bits, bits, bits, bits) : f.i32x4_const(bits, bits, bits, bits)),
      { key: `v128 ${float ? 'f' : 'i'} ${float ? keyOf(bits) : bits | 0}` },
    )
  }

  private splat(dtype: ComputeType, x: Node): Node {
    const { code } = this
    if (dtype === 'f32') return code.op('f32x4_splat', 'v128', [x])
    if (dtype === 'bool') return code.op('i32x4_splat', 'v128', [code.sub(code.i32(0), x)])
    return code.op('i32x4_splat', 'v128', [x])
  }

  private extract(dtype: ComputeType, x: Node, lane: number): Node {
    const { code } = this
    if (dtype === 'f32') return code.op('f32x4_extract_lane', 'f32', [x], lane)
    const word = code.op('i32x4_extract_lane', 'i32', [x], lane)
    return dtype === 'bool' ? code.op('i32_and', 'i32', [word, code.i32(1)]) : word
  }

  private fromLanes(dtype: ComputeType, lanes: readonly Node[]): Node {
    const { code } = this
    const words = dtype === 'bool' ? lanes.map(x => code.sub(code.i32(0), x)) : lanes
    const shape = dtype === 'f32' ? 'f32x4' : 'i32x4'
    let all = code.op(`${shape}_splat`, 'v128', [words[0]])
    for (let lane = 1; lane < 4; lane++) all = code.op(`${shape}_replace_lane`, 'v128', [all, words[lane]], lane)
    return all
  }

  /** Group `u` of four lanes. */
  private vector(e: Expr, u: number): Node {
    if (!this.lanes!.varies.of(e)) return this.remembered(e, 1) ?? this.remember(e, 1, this.uniform(e))
    return this.remembered(e, u + 2) ?? this.remember(e, u + 2, this.makeVector(e, u))
  }

  /** A value that is the same in all lanes. */
  private uniform(e: Expr): Node {
    if (e.op === 'const') return this.vectorConstant(e.dtype, e.value)
    if (e.op === 'load' && !e.valid && this.storedIn(e.buffer) === undefined) {
      const storage = storages[this.memories[e.buffer]]
      if (storage.widen[0] === 'v128_load') {
        const { base, offset } = this.address(e.buffer, e.index, 0)
        return this.code.op('v128_load32_splat', 'v128', [base], offset)
      }
    }
    return this.splat(e.dtype, this.scalar(e))
  }

  private makeVector(e: Expr, u: number): Node {
    const { code } = this
    switch (e.op) {
      case 'const':
      case 'scalar':
        throw new TypeError('print: a constant does not vary')
      case 'load':
        return this.vectorLoad(e, u)
      case 'index':
        return this.vectorIndex(e.index, u)
      case 'acc':
        return this.readAccumulator(e.id, u)
      case 'where': {
        const pick = pseudo(e.args)
        if (pick) return code.op(pick, 'v128', [this.vector(e.args[2], u), this.vector(e.args[1], u)])
        const [condition, then, otherwise] = e.args.map(a => this.vector(a, u))
        return this.select(condition, then, otherwise)
      }
      case 'fma': {
        const [a, b, c] = e.args.map(x => this.vector(x, u))
        return this.vectorMultiplyAdd(a, b, c)
      }
      case 'bounded':
        return this.vectorBounded(e, this.vector(e.args[0], u))
      case 'cast':
        return this.vectorCast(e.args[0].dtype, e.dtype, this.vector(e.args[0], u))
      case 'bitcast':
        return this.vector(e.args[0], u)
      case 'roundTo':
        throw new TypeError('print: roundTo is expanded before printing')
      default: {
        if (guardOf(e)) return this.vectorGuarded(e as UnaryExpr, u)
        const dtype = e.args[0].dtype
        const [a, b] = e.args as readonly Expr[]
        if (!b) return this.vectorUnary(e.op as UnaryOp, dtype, this.vector(a, u))
        const op = e.op as BinaryOp
        if ((op === 'shl' || op === 'shr') && !this.lanes!.varies.of(b)) {
          const shift = op === 'shl' ? 'i32x4_shl' : dtype === 'u32' ? 'i32x4_shr_u' : 'i32x4_shr_s'
          return code.op(shift, 'v128', [this.vector(a, u), this.scalar(b)])
        }
        const one = vectorBinary[dtype]?.[op]
        const [x, y] = [this.vector(a, u), this.vector(b, u)]
        if (one) return code.op(one, 'v128', [x, y])
        return this.eachLane(e.dtype, lane =>
          this.scalarBinary(op, dtype, this.extract(dtype, x, lane), this.extract(dtype, y, lane)),
        )
      }
    }
  }

  private eachLane(dtype: ComputeType, make: (lane: number) => Node): Node {
    return this.fromLanes(dtype, [0, 1, 2, 3].map(make))
  }

  private select(condition: Node, then: Node, otherwise: Node): Node {
    const op = this.options.relaxed ? 'i32x4_relaxed_laneselect' : 'v128_bitselect'
    return this.code.op(op, 'v128', [then, otherwise, condition])
  }

  private vectorMultiplyAdd(a: Node, b: Node, c: Node): Node {
    const { code } = this
    if (this.options.relaxed) return code.op('f32x4_relaxed_madd', 'v128', [a, b, c])
    return code.op('f32x4_add', 'v128', [code.op('f32x4_mul', 'v128', [a, b]), c])
  }

  private vectorCast(from: ComputeType, to: ComputeType, x: Node): Node {
    const { code } = this
    if (from === to) return x
    if (to === 'bool')
      return code.op(from === 'f32' ? 'f32x4_ne' : 'i32x4_ne', 'v128', [x, this.vectorConstant(from, 0)])
    if (from === 'bool') return code.op('v128_and', 'v128', [x, this.vectorConstant(to, 1)])
    const op = vectorCasts[`${from} ${to}`]
    return op ? code.op(op, 'v128', [x]) : x
  }

  private vectorUnary(op: UnaryOp, dtype: ComputeType, x: Node): Node {
    const { code } = this
    const one = vectorUnary[dtype]?.[op]
    if (one) return code.op(one, 'v128', [x])
    if (dtype === 'f32') {
      if (op === 'isNaN') return code.op('f32x4_ne', 'v128', [x, x])
      if (op === 'reciprocal') return code.op('f32x4_div', 'v128', [this.vectorConstant('f32', 1), x])
      if (op === 'rsqrt') return this.vectorUnary('reciprocal', dtype, this.vectorUnary('sqrt', dtype, x))
    }
    return this.eachLane(op === 'isNaN' ? 'bool' : dtype, lane =>
      this.scalarUnary(op, dtype, this.extract(dtype, x, lane)),
    )
  }

  private vectorIndex(index: Index, u: number): Node {
    const { code } = this
    if (this.lanes!.varies.stride(index) === null)
      return this.fromLanes(
        'i32',
        [0, 1, 2, 3].map(lane => this.index(index, 4 * u + lane)),
      )
    const { id } = this.lanes!.axis
    const strides = index.terms.filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === id).map(t => this.dim(t.coef))
    const stride = this.sum(strides)
    const steps = code.node('v128', [], f => f.i32x4_const(0, 1, 2, 3), { key: 'v128 steps' })
    const distances = stride.constant === 1 ? steps : code.op('i32x4_mul', 'v128', [this.splat('i32', stride), steps])
    return code.op('i32x4_add', 'v128', [this.splat('i32', this.index(index, 4 * u)), distances])
  }

  private vectorLoad(e: Extract<Expr, { op: 'load' }>, u: number): Node {
    const { code } = this
    const { varies } = this.lanes!
    const dtype = this.memories[e.buffer]
    const { widen } = storages[dtype]
    const contiguous = varies.stride(e.index) === 'contiguous'
    if (!e.valid) {
      if (!contiguous) return this.gather(e, u)
      const place = this.address(e.buffer, e.index, 4 * u)
      return this.widened(dtype, this.contiguous(e.buffer, widen[0], place))
    }
    if (!varies.of(e.valid) || !contiguous) return this.maskedGather(e, u)
    // all four lanes at once where they are all valid
    const mask = this.vector(e.valid, u)
    const { base, offset } = this.address(e.buffer, e.index, 4 * u)
    const at = this.storedIn(e.buffer)
    const { shift } = storages[dtype]
    const lane = `v128_load${8 << shift}_lane` as Mnemonic
    const node = code.node(
      'v128',
      [mask, base],
      (f, use) => {
        const sum = f.local('v128')
        use(mask)
        f.i32x4_all_true().if(
          'v128',
          () => {
            use(base)
            call(f, widen[0], offset)
          },
          () => {
            f.i32x4_const(0, 0, 0, 0).set(sum)
            for (let i = 0; i < 4; i++) {
              use(mask)
              f.i32x4_extract_lane(i).if(() => {
                use(base)
                f.get(sum)
                call(f, lane, narrowLane(dtype, i), offset + (i << shift))
                f.set(sum)
              })
            }
            f.get(sum)
          },
        )
      },
      {
        repeated: true,
        ...(at
          ? { at, reads: new Set([bufferReads + e.buffer]) }
          : { key: `masked4 ${e.buffer} ${mask.id} ${base.id} ${offset}` }),
      },
    )
    return this.widened(dtype, node)
  }

  /** Sixteen bytes or fewer from one place. */
  private contiguous(buffer: number, load: Mnemonic, { base, offset }: { base: Node; offset: number }): Node {
    const at = this.storedIn(buffer)
    if (!at) return this.code.op(load, 'v128', [base], offset)
    return this.code.node(
      'v128',
      [base],
      (f, use) => {
        use(base)
        call(f, load, offset)
      },
      { at, reads: new Set([bufferReads + buffer]) },
    )
  }

  private widened(dtype: DType, x: Node): Node {
    for (const op of storages[dtype].widen.slice(1)) x = this.code.op(op, 'v128', [x])
    return dtype === 'bool' ? this.code.op('i32x4_ne', 'v128', [x, this.vectorConstant('i32', 0)]) : x
  }

  private gather(e: Extract<Expr, { op: 'load' }>, u: number): Node {
    const { code } = this
    const dtype = this.memories[e.buffer]
    const places = [0, 1, 2, 3].map(lane => this.address(e.buffer, e.index, 4 * u + lane))
    if (storages[dtype].widen[0] !== 'v128_load' || this.storedIn(e.buffer))
      return this.fromLanes(
        e.dtype,
        places.map(place => this.element(e.buffer, place)),
      )
    let all = code.op('v128_load32_zero', 'v128', [places[0].base], places[0].offset)
    for (let lane = 1; lane < 4; lane++)
      all = code.op('v128_load32_lane', 'v128', [places[lane].base, all], lane, places[lane].offset)
    return all
  }

  private maskedGather(e: Extract<Expr, { op: 'load' }>, u: number): Node {
    const { varies } = this.lanes!
    const varying = varies.of(e.valid!)
    const valid = varying ? this.vector(e.valid!, u) : this.scalar(e.valid!)
    const lanes = [0, 1, 2, 3].map(lane =>
      this.guardedLoad(
        e,
        varying ? this.extract('bool', valid, lane) : valid,
        this.address(e.buffer, e.index, 4 * u + lane),
      ),
    )
    return this.fromLanes(e.dtype, lanes)
  }

  // ---- accumulators

  private readAccumulator(id: number, u: number): Node {
    const acc = this.accumulators.get(id)!
    const changing = this.open.findLast(loop => loop.writes.accumulators.has(id))?.scope
    const at = changing && changing.depth > acc.scope.depth ? changing : acc.scope
    return this.code.readMutable(acc.locals[u], at, id)
  }

  private declareAcc(id: number, dtype: ComputeType, init: number): void {
    const { code, lanes } = this
    const count = lanes?.unroll ?? 1
    const locals = this.f.localArray(lanes ? 'v128' : scalarTypes[dtype], count)
    const value = lanes ? this.vectorConstant(dtype, init) : this.constant(dtype, init)
    for (const local of locals) code.set(local, value)
    this.accumulators.set(id, {
      id,
      dtype,
      locals,
      lanes: lanes !== null,
      broken: null,
      scope: code.scope,
      changed: code.effects,
    })
  }

  private update(s: Extract<Stmt, { kind: 'update' }>): void {
    const { code, lanes } = this
    const acc = this.accumulators.get(s.acc)!
    const fused = s.op === 'add' && acc.dtype === 'f32' && s.value.op === 'mul' ? s.value.args : null
    const { broken } = acc
    if (broken) {
      for (const [u, local] of acc.locals.entries()) {
        const value = this.vector(s.value, u)
        const extreme = s.op === 'max' ? 'f32x4_pmax' : 'f32x4_pmin'
        code.set(local, code.op(extreme, 'v128', [this.readAccumulator(s.acc, u), value]))
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
      const old = this.readAccumulator(s.acc, u)
      if (!lanes) {
        if (fused) return this.multiplyAdd('f32', this.scalar(fused[0]), this.scalar(fused[1]), old)
        return this.scalarBinary(s.op, acc.dtype, old, this.scalar(s.value))
      }
      if (fused) return this.vectorMultiplyAdd(this.vector(fused[0], u), this.vector(fused[1], u), old)
      return this.reduceVector(s.op, acc.dtype, old, this.vector(s.value, u))
    })
    for (const [u, local] of acc.locals.entries()) code.set(local, next[u])
    acc.changed = code.effects
  }

  private reduceVector(op: ReduceOp, dtype: ComputeType, a: Node, b: Node): Node {
    return this.code.op(vectorBinary[dtype]![op]!, 'v128', [a, b])
  }

  private touch(writes: Writes): void {
    for (const id of writes.accumulators) {
      const acc = this.accumulators.get(id)
      if (acc) acc.changed = this.code.effects
    }
  }

  // ---- statements

  body(body: readonly Stmt[]): void {
    for (const s of body) {
      switch (s.kind) {
        case 'loop':
          this.loop(s)
          break
        case 'declare':
          this.declareAcc(s.acc, s.dtype, s.init)
          break
        case 'update':
          this.update(s)
          break
        case 'store':
          this.store(s)
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
    writes: Writes,
    print: (counter: Node) => void,
    before?: () => void,
  ): void {
    const { code } = this
    this.touch(writes)
    code.loop(
      counter,
      limit,
      step,
      node => {
        this.touch(writes)
        this.open.push({ scope: code.scope, writes })
        print(node)
        this.open.pop()
      },
      before,
    )
    this.touch(writes)
  }

  private loop(s: LoopStmt): void {
    const { code } = this
    const size = this.dim(s.axis.size)
    const limit = s.end ? code.min(size, this.index(s.end)) : size
    if (!this.lanes && !this.inTail && bestLoop(s, id => this.accumulatorTypes.get(id))?.loop === s) {
      const counter = this.f.local('i32')
      code.set(counter, code.i32(0))
      const known = !s.end && isConstant(s.axis.size) ? s.axis.size.factor : null
      this.inLanes(s.axis, counter, limit, s.body, s.reduces, known)
      return
    }
    const counter = this.f.local('i32')
    code.set(counter, code.i32(0))
    this.counted(counter, limit, 1, writesOf(s.body), node => {
      this.axes.set(s.axis.id, node)
      this.body(s.body)
    })
  }

  /**
   * Runs `axis` from what `counter` holds to `limit`: unrolled groups of four lanes, single groups, single elements.
   * Reductions keep a partial result in each lane of each unrolled group, combined in a fixed order at the end.
   * @param count iterations when they are known, from 0
   */
  inLanes(
    axis: Axis,
    counter: Local,
    limit: Node,
    body: readonly Stmt[],
    reduces: readonly number[],
    count: number | null,
  ): void {
    const { code, f } = this
    const writes = writesOf(body)
    const ops = reductionOps(body, reduces)!
    const variance = new Variance(axis, new Set([...declaredIn(body), ...reduces]))
    let unroll = chooseUnroll(body, variance, reduces.length > 0)
    while (unroll > 1 && count !== null && count < 4 * unroll) unroll /= 2

    // partial accumulators take the places of the reduced ones
    const totals = new Map<number, Accumulator>()
    for (const [id, op] of ops) {
      const total = this.accumulators.get(id)!
      totals.set(id, total)
      const locals = f.localArray('v128', unroll)
      const start = this.vectorConstant(total.dtype, identity(op, total.dtype))
      for (const local of locals) code.set(local, start)
      const broken = total.dtype === 'f32' && (op === 'max' || op === 'min') ? f.localArray('v128', unroll) : null
      for (const local of broken ?? []) code.set(local, this.vectorConstant('i32', 0))
      this.accumulators.set(id, { ...total, locals, broken, lanes: true, changed: code.effects })
    }
    const groups = (width: number): void => {
      const last = code.add(limit, code.i32(1 - 4 * width))
      // with fewer groups only the first partial accumulators take part
      for (const id of totals.keys()) {
        const acc = this.accumulators.get(id)!
        this.accumulators.set(id, {
          ...acc,
          locals: acc.locals.slice(0, width),
          broken: acc.broken?.slice(0, width) ?? null,
        })
      }
      this.counted(counter, last, 4 * width, writes, node => {
        this.axes.set(axis.id, node)
        this.lanes = { axis, unroll: width, varies: variance }
        this.body(body)
        this.lanes = null
      })
    }
    const partials = [...totals.keys()].map(id => this.accumulators.get(id)!)
    if (unroll > 1) groups(unroll)
    if (count === null || count % (4 * unroll) >= 4 || unroll === 1) groups(1)
    for (const partial of partials) this.combine(totals.get(partial.id)!, ops.get(partial.id)!, partial)
    for (const [id, total] of totals) {
      total.changed = code.effects
      this.accumulators.set(id, total)
    }
    if (count !== null && count % 4 === 0) return
    this.inTail = true
    this.counted(counter, limit, 1, writes, node => {
      this.axes.set(axis.id, node)
      this.body(body)
    })
    this.inTail = false
  }

  /** total = total op partial results, pairwise. */
  private combine(total: Accumulator, op: ReduceOp, { locals, broken }: Accumulator): void {
    const { dtype } = total
    const [target] = total.locals
    this.code.effect([], f => {
      const pairs = vectorBinary[dtype]![op]!
      for (let width = locals.length >> 1; width >= 1; width >>= 1)
        for (let i = 0; i < width; i++) {
          f.get(locals[i]).get(locals[i + width])
          call(f, pairs)
          f.set(locals[i])
        }
      const first = locals[0]
      const swap = (bytes: number): void => {
        f.get(first).get(first).get(first)
        f.i8x16_shuffle(Array.from({ length: 16 }, (_, i) => (i + bytes) % 16))
        call(f, pairs)
        f.set(first)
      }
      swap(8)
      swap(4)
      f.get(target)
      if (dtype === 'f32') f.f32x4_splat()
      else if (dtype === 'bool') f.i32x4_splat().i32x4_neg()
      else f.i32x4_splat()
      f.get(first)
      call(f, pairs)
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

  // ---- stores

  private store(s: Extract<Stmt, { kind: 'store' }>): void {
    if (!this.lanes) {
      this.storeElement(s)
      return
    }
    const contiguous = this.lanes.varies.stride(s.index) === 'contiguous'
    for (let u = 0; u < this.lanes.unroll; u++) {
      if (contiguous && !s.valid) this.storeVector(s, u)
      else this.storeLanes(s, u, contiguous)
    }
  }

  private storeElement(s: Extract<Stmt, { kind: 'store' }>): void {
    const { code } = this
    const dtype = this.memories[s.buffer]
    const { base, offset } = this.address(s.buffer, s.index, 0)
    const valid = s.valid && this.scalar(s.valid)
    const given = this.scalar(s.value)
    if (!valid) {
      const value =
        s.mode === 'set'
          ? given
          : this.scalarBinary(s.mode, s.value.dtype, this.element(s.buffer, { base, offset }), given)
      this.write(dtype, base, offset, value)
      return
    }
    code.effect(
      [valid, base, given],
      (f, use) => {
        use(valid)
        f.if(() => this.writeInBranch(f, use, s, dtype, base, offset, given))
      },
      true,
    )
  }

  private write(dtype: DType, base: Node, offset: number, value: Node): void {
    this.code.effect([base, value], (f, use) => {
      use(base)
      use(value)
      call(f, storages[dtype].store, offset)
    })
  }

  /** A store, or read-modify-write, inside a branch, where no new values can be placed. */
  private writeInBranch(
    f: FuncBuilder,
    use: Use,
    s: Extract<Stmt, { kind: 'store' }>,
    dtype: DType,
    base: Node,
    offset: number,
    given: Node,
  ): void {
    use(base)
    if (s.mode === 'set') use(given)
    else {
      const load = (): void => {
        use(base)
        call(f, storages[dtype].load, offset)
        if (dtype === 'bool') f.i32_const(0).i32_ne()
      }
      const compute = s.value.dtype
      const one = scalarBinary[compute]?.[s.mode]
      if (one) {
        load()
        use(given)
        call(f, one)
      } else {
        // the larger or smaller of two integers
        if (s.mode === 'min') {
          load()
          use(given)
        } else {
          use(given)
          load()
        }
        load()
        use(given)
        call(f, scalarBinary[compute]!.lt!)
        f.select()
      }
    }
    call(f, storages[dtype].store, offset)
  }

  private storeVector(s: Extract<Stmt, { kind: 'store' }>, u: number): void {
    const { code } = this
    const dtype = this.memories[s.buffer]
    const place = this.address(s.buffer, s.index, 4 * u)
    const given = this.vector(s.value, u)
    const old = (): Node => this.widened(dtype, this.contiguous(s.buffer, storages[dtype].widen[0], place))
    const value = s.mode === 'set' ? given : this.reduceVector(s.mode, s.value.dtype, old(), given)
    const { base, offset } = place
    code.effect([base, value], (f, use) => {
      use(base)
      use(value)
      switch (storages[dtype].shift) {
        case 2:
          f.v128_store(offset)
          break
        case 1: {
          const words = this.spareVectorLocal(f)
          f.tee(words).get(words).i16x8_narrow_i32x4_u().v128_store64_lane(0, offset)
          break
        }
        default: {
          const bytes = this.spareVectorLocal(f)
          const mask = dtype === 'bool' ? 1 : 0xff
          f.i32x4_const(mask, mask, mask, mask).v128_and().tee(bytes).get(bytes).i16x8_narrow_i32x4_u()
          f.tee(bytes).get(bytes).i8x16_narrow_i16x8_u().v128_store32_lane(0, offset)
        }
      }
    })
  }

  private spareVector: Local | null = null
  private spareVectorLocal(f: FuncBuilder): Local {
    return (this.spareVector ??= f.local('v128'))
  }

  /** Lane by lane, in order: scattered or masked. */
  private storeLanes(s: Extract<Stmt, { kind: 'store' }>, u: number, contiguous: boolean): void {
    const { code } = this
    const { varies } = this.lanes!
    const dtype = this.memories[s.buffer]
    const value = this.vector(s.value, u)
    const varying = s.valid !== null && varies.of(s.valid)
    const valid = s.valid && (varying ? this.vector(s.valid, u) : this.scalar(s.valid))
    const first = contiguous ? this.address(s.buffer, s.index, 4 * u) : null
    for (let lane = 0; lane < 4; lane++) {
      const { base, offset } = first
        ? { base: first.base, offset: first.offset + (lane << storages[dtype].shift) }
        : this.address(s.buffer, s.index, 4 * u + lane)
      const given = this.extract(s.value.dtype, value, lane)
      const condition = valid && (varying ? this.extract('bool', valid, lane) : valid)
      const args = condition ? [base, given, condition] : [base, given]
      code.effect(
        args,
        (f, use) => {
          if (!condition) return this.writeInBranch(f, use, s, dtype, base, offset, given)
          use(condition)
          f.if(() => this.writeInBranch(f, use, s, dtype, base, offset, given))
        },
        true,
      )
    }
  }
}

/** where(x < y, y, x) is pmax(x, y) and where(y < x, y, x) is pmin(x, y), NaN and zeros included: one instruction each. */
function pseudo([condition, y, x]: readonly [Expr, Expr, Expr]): 'f32x4_pmax' | 'f32x4_pmin' | null {
  if (condition.op !== 'lt' || y.dtype !== 'f32') return null
  const [a, b] = condition.args
  return a === x && b === y ? 'f32x4_pmax' : a === y && b === x ? 'f32x4_pmin' : null
}

const keyOf = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

/** Calls an instruction by name with its immediates. */
function call(f: FuncBuilder, name: Mnemonic, ...immediates: readonly number[]): void {
  ;(f[name] as (...values: number[]) => unknown)(...immediates)
}

/** What an element of memory is once loaded; f16 and bf16 are bits here. */
const computeTypeOfMemory = (dtype: DType): ComputeType =>
  dtype === 'f16' || dtype === 'bf16' ? 'u32' : computeType(dtype)

/** Where an element of lane `lane` goes in what the widening load would have given: 16-bit elements are spread by it. */
const narrowLane = (dtype: DType, lane: number): number => (storages[dtype].shift === 1 ? 2 * lane : lane)

/**
 * Groups of lanes side by side. Light bodies are bound by latency (reductions) or loop overhead: four groups. Longer ones
 * are bound by throughput: two groups, or one where registers run out anyway.
 */
function chooseUnroll(body: readonly Stmt[], varies: Variance, reduces: boolean): number {
  const seen = new Set<Expr>()
  let operations = 0
  let nested = false
  const visit = (e: Expr): void => {
    if (seen.has(e) || !varies.of(e)) return
    seen.add(e)
    operations += guardOf(e) ? 20 : 1
    if ('args' in e) e.args.forEach(visit)
  }
  const statement = (s: Stmt): void => {
    if (s.kind === 'loop') {
      nested = true
      s.body.forEach(statement)
    } else if (s.kind === 'update' || s.kind === 'store') visit(s.value)
  }
  body.forEach(statement)
  // a loop inside lanes (column sums) jumps from row to row: two cache lines a jump, 0.21 ns an element instead of 0.33
  if (nested && operations <= 6) return 8
  if (operations <= (reduces || nested ? 16 : 12)) return 4
  return operations <= 120 ? 2 : 1
}

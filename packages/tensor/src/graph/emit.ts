// Values as kernel expressions: what a node is at an index, in terms of loads, accumulators and arithmetic. Views
// vanish into indices, sharing becomes object identity, and nodes stored by other kernels become loads.

import { type ComputeType, computeType, type DType, isFloat, rangeOf } from '../dtype.ts'
import { type Dim, dim, isConstant, isDim } from '../kernel/dim.ts'
import { addIndex, dimIndex, type Index, indexKey, scaleIndex, valueIndex } from '../kernel/index-expr.ts'
import { type BinaryOp, binaryOps, type Expr, type PickingOp, type UnaryOp, unaryOps } from '../kernel/ir.ts'
import { threefryParity, threefryRotations } from '../kernel/threefry.ts'
import type { GNode } from './gnode.ts'
import { type Bound, flatIndex, through, viewOps } from './views.ts'

/** A place in memory that a kernel binds: a leaf's storage, a stored value, or partial results between two kernels. */
export interface Ref {
  readonly key: string
  readonly dtype: DType
  readonly shape: readonly Dim[]
}

export const leafRef = (node: GNode): Ref => ({ key: `L${node.leaf}`, dtype: node.dtype, shape: node.shape })
export const valueRef = (node: GNode): Ref => ({ key: `V${node.id}`, dtype: node.dtype, shape: node.shape })

export interface Access {
  readonly ref: Ref
  readonly index: Index
}

/** What the kernel around it decides: which nodes are in memory, in accumulators or in scratch, and which buffer number a Ref has. */
export interface Scope {
  /** true: the node is loaded; it was stored by another kernel */
  stored(node: GNode): boolean
  /** the accumulator that holds a reduction or product, or a scratch load, or null */
  local(node: GNode, index: readonly Index[]): Expr | null
  buffer(ref: Ref): number
  scalar(slot: number, dtype: ComputeType): number
}

const unary: ReadonlySet<string> = new Set(unaryOps)
const binary: ReadonlySet<string> = new Set(binaryOps)

export const constant = (value: number, dtype: ComputeType): Expr => ({ op: 'const', dtype, value })
const op2 = (op: BinaryOp, dtype: ComputeType, a: Expr, b: Expr): Expr => ({ op, dtype, args: [a, b] })
const position = (index: Index): Expr => ({ op: 'index', dtype: 'i32', index })
export const and = (a: Expr | null, b: Expr): Expr => (a ? op2('and', 'bool', a, b) : b)

/** 0 <= index < size, as one unsigned comparison. */
const inside = ({ index, size }: Bound): Expr =>
  op2(
    'lt',
    'bool',
    { op: 'bitcast', dtype: 'u32', args: [position(index)] },
    { op: 'bitcast', dtype: 'u32', args: [position(dimIndex(size))] },
  )

export class Emitter {
  readonly #scope: Scope
  readonly #known = new Map<string, Expr>()
  /** every load, for in-place decisions and layout choices */
  readonly loads: Access[] = []
  readonly #masks = new Map<Expr, number>()

  constructor(scope: Scope) {
    this.#scope = scope
  }

  value(node: GNode, index: readonly Index[], valid: Expr | null = null): Expr {
    const key = `${node.id}@${index.map(indexKey).join()}@${valid ? this.#mask(valid) : ''}`
    const known = this.#known.get(key)
    if (known) return known
    const made = this.#scope.local(node, index) ?? this.#emit(node, index, valid)
    this.#known.set(key, made)
    return made
  }

  /** Accumulators changed their meaning (another loop): what was made from them must be made again. */
  forget(): void {
    this.#known.clear()
  }

  #mask(valid: Expr): number {
    let id = this.#masks.get(valid)
    if (id === undefined) this.#masks.set(valid, (id = this.#masks.size))
    return id
  }

  #emit(node: GNode, index: readonly Index[], valid: Expr | null): Expr {
    if (node.op === 'storage') return this.#load(leafRef(node), index, valid)
    if (this.#scope.stored(node)) return this.#load(valueRef(node), index, valid)
    const dtype = computeType(node.dtype)
    if (node.op === 'scalar') return { op: 'scalar', dtype, slot: this.#scope.scalar(node.leaf, dtype) }
    if (node.op === 'constant') return constant(node.value, dtype)
    if (viewOps.has(node.op)) return this.#view(node, index, valid)
    const [a, b, c] = node.sources
    const arg = (s: GNode) => this.value(s, s.shape.length === 0 && node.shape.length > 0 ? [] : index, valid)
    switch (node.op) {
      case 'copy':
        return arg(a)
      case 'where':
        return { op: 'where', dtype, args: [arg(a), arg(b), arg(c)] }
      case 'cast':
        return convert(arg(a), a.dtype, node.dtype)
      case 'bitcast':
        return { op: 'bitcast', dtype, args: [arg(a)] }
      case 'iota':
        return position(index[node.axis])
      case 'gather':
        return this.#gather(node, index, valid)
      case 'cat':
        return this.#cat(node, index, valid)
      case 'randomBits':
        return threefryExpr(arg(a), arg(b), position(flatIndex(index, node.shape)), arg(c))
      default:
        if (unary.has(node.op)) return narrow({ op: node.op as UnaryOp, dtype, args: [arg(a)] }, node.dtype)
        if (binary.has(node.op)) return narrow({ op: node.op as BinaryOp, dtype, args: [arg(a), arg(b)] }, node.dtype)
        throw new Error(`cannot lower ${node.op} inside a kernel`)
    }
  }

  #load(ref: Ref, index: readonly Index[], valid: Expr | null): Expr {
    const flat = flatIndex(index, ref.shape)
    this.loads.push({ ref, index: flat })
    return { op: 'load', dtype: computeType(ref.dtype), buffer: this.#scope.buffer(ref), index: flat, valid }
  }

  #view(node: GNode, index: readonly Index[], valid: Expr | null): Expr {
    const seen = through(node, index)
    const [x] = node.sources
    if (seen.moved) {
      const { axis, start, limit } = seen.moved
      const first = clampIndex(this.value(start, [], valid), limit)
      const place = seen.index.map((at, d) => (d === axis ? addIndex(at, valueIndex(first)) : at))
      return this.value(x, place, valid)
    }
    if (seen.bounds.length === 0) return this.value(x, seen.index, valid)
    const condition = seen.bounds
      .map(b => this.#shared(inside(b)))
      .reduce<Expr | null>((all, c) => (all ? this.#shared(and(all, c)) : c), null)!
    const both = valid ? this.#shared(and(valid, condition)) : condition
    const inner = this.value(x, seen.index, both)
    if (inner.op === 'load') return inner
    return { op: 'where', dtype: inner.dtype, args: [condition, inner, constant(0, inner.dtype)] }
  }

  readonly #conditions = new Map<string, Expr>()
  /** Equal conditions are one object, so that masks are computed once. */
  #shared(e: Expr): Expr {
    const key = conditionKey(e)
    const known = this.#conditions.get(key)
    if (known) return known
    this.#conditions.set(key, e)
    return e
  }

  #gather(node: GNode, index: readonly Index[], valid: Expr | null): Expr {
    const [x, picks] = node.sources
    const at = bounded(node, this.value(picks, index, valid), x.shape[node.axis], valid)
    const found = this.value(x, index.with(node.axis, valueIndex(at)), valid)
    if (found.op === 'load' && found.index.terms.some(({ atom }) => atom?.kind === 'value' && atom.value === at))
      return found
    // an axis of one element, or a view that repeats one: the place does not hang on the index, but the index is looked at
    const inside = op2('le', 'bool', constant(0, 'i32'), at)
    return { op: 'where', dtype: found.dtype, args: [inside, found, found] }
  }

  /** The part that an index falls into, by comparisons from the left. */
  #cat(node: GNode, index: readonly Index[], valid: Expr | null): Expr {
    const along = position(index[node.axis])
    let offset: Index = { terms: [] }
    const parts = node.sources.map(s => {
      const start = offset
      offset = addIndex(offset, dimIndex(s.shape[node.axis]))
      const local = addIndex(index[node.axis], scaleIndex(start, dim(-1)))
      const here = this.#shared(inside({ index: local, size: s.shape[node.axis] }))
      const both = valid ? this.#shared(and(valid, here)) : here
      return {
        end: offset,
        value: this.value(s, index.with(node.axis, local), both),
      }
    })
    return parts.reduceRight<Expr | null>(
      (rest, { end, value }) =>
        rest
          ? { op: 'where', dtype: value.dtype, args: [op2('lt', 'bool', along, position(end)), value, rest] }
          : value,
      null,
    )!
  }
}

function conditionKey(e: Expr): string {
  if (e.op === 'index') return indexKey(e.index)
  if (e.op === 'bounded') return indexKey(valueIndex(e))
  if ('args' in e) return `${e.op}(${(e.args as readonly Expr[]).map(conditionKey).join()})`
  return JSON.stringify(e)
}

/** An index that is data; where `valid` does not hold it may be anything, and is 0. */
export function bounded(node: GNode, pick: Expr, size: Dim, valid: Expr | null): Expr {
  const at: Expr = pick.dtype === 'i32' ? pick : { op: 'cast', dtype: 'i32', args: [pick] }
  // what is loaded under the mask is 0 already
  const masked = valid === null || (at.op === 'load' && at.valid === valid)
  const seen: Expr = masked ? at : { op: 'where', dtype: 'i32', args: [valid, at, constant(0, 'i32')] }
  return { op: 'bounded', dtype: 'i32', args: [seen], size, by: node.op as PickingOp, axis: node.axis }
}

/** An i32 clamped to [0, limit - width]. */
function clampIndex(value: Expr, [limit, width]: readonly [Dim, Dim]): Expr {
  const picked: Expr = value.dtype === 'i32' ? value : { op: 'cast', dtype: 'i32', args: [value] }
  if (isConstant(limit) && isConstant(width) && isDim(limit, 0)) return constant(0, 'i32')
  const top = position(addIndex(dimIndex(limit), scaleIndex(dimIndex(width), dim(-1))))
  return op2('max', 'i32', op2('min', 'i32', picked, top), constant(0, 'i32'))
}

/** Rounds or wraps a computed value to a narrow dtype, as storing it would. */
function narrow(e: Expr, dtype: DType): Expr {
  switch (dtype) {
    case 'f16':
    case 'bf16':
      return e.dtype === 'f32' ? { op: 'roundTo', dtype: 'f32', to: dtype, args: [e] } : e
    case 'i8': {
      const by = constant(24, 'i32')
      return op2('shr', 'i32', op2('shl', 'i32', e, by), by)
    }
    case 'u8':
      return op2('and', 'u32', e, constant(255, 'u32'))
    default:
      return e
  }
}

/** Conversion of values between dtypes: floats truncate and saturate, integers wrap. */
function convert(e: Expr, from: DType, to: DType): Expr {
  const target = computeType(to)
  const cast = (x: Expr): Expr => (x.dtype === target ? x : { op: 'cast', dtype: target, args: [x] })
  if ((to === 'i8' || to === 'u8') && isFloat(from)) {
    const limits = rangeOf(to)
    const clamped = op2(
      'max',
      e.dtype,
      op2('min', e.dtype, e, constant(limits[1], e.dtype)),
      constant(limits[0], e.dtype),
    )
    return cast(clamped)
  }
  return to === 'bool' ? cast(e) : narrow(cast(e), to)
}

/** The steps of kernel/threefry.ts as u32 expressions. */
function threefryExpr(low: Expr, high: Expr, element: Expr, draw: Expr): Expr {
  const u32 = (value: number) => constant(value >>> 0, 'u32')
  const add = (a: Expr, b: Expr) => op2('add', 'u32', a, b)
  const xor = (a: Expr, b: Expr) => op2('xor', 'u32', a, b)
  const keys = [low, high, xor(xor(u32(threefryParity), low), high)]
  let x = add({ op: 'bitcast', dtype: 'u32', args: [element] }, keys[0])
  let y = add(draw, keys[1])
  for (let group = 0; group < 5; group++) {
    for (const turn of threefryRotations[group % 2]) {
      x = add(x, y)
      y = xor(op2('or', 'u32', op2('shl', 'u32', y, u32(turn)), op2('shr', 'u32', y, u32(32 - turn))), x)
    }
    x = add(x, keys[(group + 1) % 3])
    y = add(add(y, keys[(group + 2) % 3]), u32(group + 1))
  }
  return x
}

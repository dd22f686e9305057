// Runs a kernel with plain loops over typed arrays: the meaning of the kernel language in one file, and what printers
// are compared with. Every operation rounds to its compute type; transcendental functions are those of JavaScript, so
// printers that expand them are compared either within ULPs or on a kernel expanded by kernel/math.ts.

import { type ComputeType, computeType, type DType, type TypedArray } from '../dtype.ts'
import { DeviceError, outsideAxis } from '../errors.ts'
import { attentionForward, attentionGradients } from './attention-loops.ts'
import { type Dim, evaluateDim } from './dim.ts'
import { erf } from './erf.ts'
import { bf16ToNumber, f16ToNumber, numberToBf16, numberToF16, roundHalfEven } from './half.ts'
import type { Axis, Index } from './index-expr.ts'
import type {
  AttentionKernel,
  BinaryOp,
  Expr,
  Kernel,
  LoopKernel,
  MatmulKernel,
  Place,
  ReduceOp,
  Stmt,
  UnaryOp,
} from './ir.ts'

/** A value while it is computed: bool is 0 or 1, i64 a bigint. */
type Value = number | bigint

export interface InterpretOptions {
  readonly scalars?: ArrayLike<number>
  readonly symbols?: ArrayLike<number>
  /** the items to run of a loop kernel, all of them by default */
  readonly begin?: number
  readonly end?: number
}

/** Runs `kernel` on `buffers` (arrays of the stored types: f16 and bf16 as bits, bool as bytes), in place. */
export function interpret(kernel: Kernel, buffers: readonly TypedArray[], options: InterpretOptions = {}): void {
  if (kernel.kind === 'custom')
    throw new DeviceError('interpret', 'cannot run a kernel of a user', { kernel: kernel.name })
  if (kernel.kind === 'loop') interpretLoops(kernel, buffers, options)
  else if (kernel.kind === 'matmul') interpretMatmul(kernel, buffers, options)
  else interpretAttention(kernel, buffers, options)
}

function interpretLoops(kernel: LoopKernel, buffers: readonly TypedArray[], options: InterpretOptions): void {
  const run = new Run(kernel, buffers, options)
  const sizes = kernel.parallel.map(axis => run.size(axis.size))
  const items = sizes.reduce((a, b) => a * b, 1)
  const end = Math.min(options.end ?? items, items)
  for (let item = options.begin ?? 0; item < end; item++) {
    let rest = item
    for (let i = sizes.length - 1; i >= 0; i--) {
      run.axes.set(kernel.parallel[i].id, rest % sizes[i])
      rest = Math.floor(rest / sizes[i])
    }
    run.body(kernel.body)
  }
}

function interpretMatmul(kernel: MatmulKernel, buffers: readonly TypedArray[], options: InterpretOptions): void {
  const run = new Run(kernel, buffers, options)
  const load = (buffer: number, index: Index): number =>
    Number(run.evaluate({ op: 'load', dtype: 'f32', buffer, index, valid: null }))
  const over = (axes: readonly Axis[], then: () => void): void => {
    if (axes.length === 0) {
      then()
      return
    }
    const size = run.size(axes[0].size)
    for (let i = 0; i < size; i++) {
      run.axes.set(axes[0].id, i)
      over(axes.slice(1), then)
    }
  }
  over([...kernel.batch, kernel.m, kernel.n], () => {
    let sum = 0
    over([kernel.k], () => {
      sum += load(kernel.a.buffer, kernel.a.index) * load(kernel.b.buffer, kernel.b.index)
    })
    run.accumulators.set(0, { dtype: 'f32', value: Math.fround(sum) })
    run.body(kernel.body)
  })
}

function interpretAttention(kernel: AttentionKernel, buffers: readonly TypedArray[], options: InterpretOptions): void {
  const run = new Run(kernel, buffers, options)
  const { batch, head, group, query, key, width, out } = kernel.axes
  const place = (axes: readonly Axis[], at: readonly number[]) => {
    axes.forEach((axis, i) => run.axes.set(axis.id, at[i]))
  }
  const read = (from: Place | null, ...axes: readonly Axis[]) =>
    from &&
    ((...at: readonly number[]): number => {
      place(axes, at)
      return run.element(from)
    })
  const write = (to: Place | null, ...axes: readonly Axis[]) =>
    to &&
    ((value: number, ...at: readonly number[]): void => {
      place(axes, at)
      run.put(to, value)
    })
  const { operands: x, results: y } = kernel
  const size = Object.fromEntries(
    Object.entries(kernel.axes).map(([name, axis]) => [name, run.size(axis.size)]),
  ) as Record<keyof typeof kernel.axes, number>
  const reads = {
    q: read(x.q, batch, query, head, group, width)!,
    k: read(x.k, batch, key, head, width)!,
    v: read(x.v, batch, key, head, out)!,
    scale: Number(run.evaluate(kernel.scale)),
    starts: read(x.starts, batch, query),
    ends: read(x.ends, batch, query),
    mask: read(x.mask, batch, head, group, query, key),
  }
  if (kernel.pass === 'forward')
    attentionForward(size, reads, write(y.out, batch, query, head, group, out), write(y.lse, batch, query, head, group))
  else
    attentionGradients(
      size,
      {
        ...reads,
        g: read(x.g, batch, query, head, group, out)!,
        lse: read(x.lse, batch, query, head, group)!,
        delta: read(x.delta, batch, query, head, group)!,
      },
      write(y.dq, batch, query, head, group, width),
      write(y.dk, batch, key, head, width),
      write(y.dv, batch, key, head, out),
    )
}

class Run {
  readonly axes = new Map<number, number>()
  readonly accumulators = new Map<number, { dtype: ComputeType; value: Value }>()
  private readonly arrays: readonly TypedArray[]
  private readonly stored: readonly DType[]
  private readonly options: InterpretOptions
  /** values of expressions, one map an open body: an Expr object has one value in a pass through a body */
  private known: Map<Expr, Value>[] = []

  constructor(
    kernel: LoopKernel | MatmulKernel | AttentionKernel,
    buffers: readonly TypedArray[],
    options: InterpretOptions,
  ) {
    this.options = options
    const scratch = kernel.kind === 'loop' ? kernel.scratch : []
    this.stored = [...kernel.buffers, ...scratch].map(b => b.dtype)
    this.arrays = [...buffers, ...scratch.map(s => allocate(s.dtype, this.size(s.size)))]
  }

  size(d: Dim): number {
    return evaluateDim(d, this.options.symbols ?? [])
  }

  element({ buffer, index }: Place): number {
    return Number(this.read(buffer, this.index(index)))
  }
  put({ buffer, index }: Place, value: number): void {
    this.write(buffer, this.index(index), value)
  }

  body(statements: readonly Stmt[]): void {
    this.known.push(new Map())
    for (const s of statements) this.statement(s)
    this.known.pop()
  }

  private statement(s: Stmt): void {
    switch (s.kind) {
      case 'loop': {
        const size = this.size(s.axis.size)
        const end = s.end ? Math.min(size, this.index(s.end)) : size
        for (let i = 0; i < end; i++) {
          this.axes.set(s.axis.id, i)
          this.body(s.body)
        }
        break
      }
      case 'declare':
        this.setAccumulator(s.acc, s.dtype, s.dtype === 'i64' ? BigInt(s.init) : convert(s.init, s.dtype))
        break
      case 'update': {
        const { dtype, value } = this.accumulators.get(s.acc)!
        this.setAccumulator(s.acc, dtype, reduce(s.op, dtype, value, this.evaluate(s.value)))
        break
      }
      case 'store': {
        if (s.valid && !this.evaluate(s.valid)) break
        const at = this.index(s.index)
        const dtype = this.stored[s.buffer]
        let value = this.evaluate(s.value)
        if (s.mode !== 'set') value = reduce(s.mode, computeType(dtype), this.read(s.buffer, at), value)
        this.write(s.buffer, at, value)
        break
      }
      default:
        s satisfies never
    }
  }

  private setAccumulator(id: number, dtype: ComputeType, value: Value): void {
    this.accumulators.set(id, { dtype, value })
    for (const values of this.known) for (const e of values.keys()) if (readsAccumulator(e, id)) values.delete(e)
  }

  index(index: Index): number {
    let sum = 0
    for (const { atom, coef } of index.terms) {
      const by = this.size(coef)
      if (!atom) sum += by
      else if (atom.kind === 'axis') sum += by * this.axes.get(atom.axis.id)!
      else if (atom.kind === 'value') sum += by * Number(this.evaluate(atom.value))
      else {
        const of = this.index(atom.of)
        const divisor = this.size(atom.by)
        sum += by * (atom.kind === 'div' ? Math.floor(of / divisor) : of % divisor)
      }
    }
    return sum
  }

  evaluate(e: Expr): Value {
    for (const values of this.known) {
      const value = values.get(e)
      if (value !== undefined) return value
    }
    const value = this.compute(e)
    this.known.at(-1)?.set(e, value)
    return value
  }

  private compute(e: Expr): Value {
    switch (e.op) {
      case 'const':
        return e.dtype === 'i64' ? BigInt(e.value) : convert(e.value, e.dtype)
      case 'scalar': {
        const value = this.options.scalars![e.slot]
        return e.dtype === 'i64' ? BigInt(value) : convert(value, e.dtype)
      }
      case 'load':
        if (e.valid && !this.evaluate(e.valid)) return e.dtype === 'i64' ? 0n : 0
        return this.read(e.buffer, this.index(e.index))
      case 'index':
        return this.index(e.index) | 0
      case 'acc':
        return this.accumulators.get(e.id)!.value
      case 'where':
        return this.evaluate(e.args[0]) ? this.evaluate(e.args[1]) : this.evaluate(e.args[2])
      case 'fma': {
        const [a, b, c] = e.args.map(x => this.evaluate(x))
        return typeof a === 'bigint'
          ? BigInt.asIntN(64, a * (b as bigint) + (c as bigint))
          : convert((a as number) * (b as number) + (c as number), e.dtype) // only floats are written with it
      }
      case 'cast':
        return convert(this.evaluate(e.args[0]), e.dtype, e.args[0].dtype)
      case 'roundTo': {
        const value = Number(this.evaluate(e.args[0]))
        return e.to === 'f16' ? f16ToNumber(numberToF16(value)) : bf16ToNumber(numberToBf16(value))
      }
      case 'bounded': {
        const at = Number(this.evaluate(e.args[0]))
        const size = this.size(e.size)
        if (at < 0 || at >= size) throw outsideAxis(e.by, e.axis, at, size)
        return at
      }
      case 'bitcast':
        return bitcast(this.evaluate(e.args[0]), e.args[0].dtype, e.dtype)
      default:
        if (e.args.length === 1) return unary(e.op as UnaryOp, e.dtype, this.evaluate(e.args[0]))
        return binary(e.op as BinaryOp, e.args[0].dtype, this.evaluate(e.args[0]), this.evaluate(e.args[1]))
    }
  }

  private read(buffer: number, at: number): Value {
    const stored = this.arrays[buffer][at]
    if (stored === undefined) throw new RangeError(`interpret: index ${at} is outside of buffer ${buffer}`)
    const dtype = this.stored[buffer]
    if (dtype === 'f16') return f16ToNumber(Number(stored))
    if (dtype === 'bf16') return bf16ToNumber(Number(stored))
    return dtype === 'bool' ? Number(stored !== 0) : stored
  }

  private write(buffer: number, at: number, value: Value): void {
    if (!(at >= 0 && at < this.arrays[buffer].length))
      throw new RangeError(`interpret: index ${at} is outside of buffer ${buffer}`)
    const dtype = this.stored[buffer]
    const bits = dtype === 'f16' ? numberToF16(Number(value)) : dtype === 'bf16' ? numberToBf16(Number(value)) : value
    this.arrays[buffer][at] = bits as never
  }
}

const accumulatorsOf = new WeakMap<Expr, ReadonlySet<number>>()

function readsAccumulator(e: Expr, id: number): boolean {
  return accumulators(e).has(id)
}

function accumulators(e: Expr): ReadonlySet<number> {
  const known = accumulatorsOf.get(e)
  if (known) return known
  const found = new Set<number>()
  const see = (x: Expr): void => accumulators(x).forEach(id => void found.add(id))
  const seeIndex = (index: Index): void => {
    for (const { atom } of index.terms) {
      if (atom?.kind === 'value') see(atom.value)
      else if (atom?.kind === 'div' || atom?.kind === 'mod') seeIndex(atom.of)
    }
  }
  if (e.op === 'acc') found.add(e.id)
  else if (e.op === 'load') {
    seeIndex(e.index)
    if (e.valid) see(e.valid)
  } else if (e.op === 'index') seeIndex(e.index)
  else if ('args' in e) e.args.forEach(see)
  accumulatorsOf.set(e, found)
  return found
}

function allocate(dtype: DType, elements: number): TypedArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(elements)
    case 'f64':
      return new Float64Array(elements)
    case 'f16':
    case 'bf16':
      return new Uint16Array(elements)
    case 'i32':
      return new Int32Array(elements)
    case 'u32':
      return new Uint32Array(elements)
    case 'i64':
      return new BigInt64Array(elements)
    case 'i8':
      return new Int8Array(elements)
    case 'u8':
    case 'bool':
      return new Uint8Array(elements)
    default:
      return dtype satisfies never
  }
}

const clamp = (value: number, low: number, high: number): number =>
  Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), low), high)

/** Value conversion: integers wrap among each other, floats saturate to integers. */
function convert(value: Value, to: ComputeType, from: ComputeType = 'f64'): Value {
  if (to === 'bool') return Number(typeof value === 'bigint' ? value !== 0n : value !== 0)
  if (typeof value === 'bigint') {
    if (to === 'i64') return BigInt.asIntN(64, value)
    if (to === 'i32') return Number(BigInt.asIntN(32, value))
    if (to === 'u32') return Number(BigInt.asUintN(32, value))
    return to === 'f64' ? Number(value) : bigintToF32(value)
  }
  switch (to) {
    case 'f32':
      return Math.fround(value)
    case 'f64':
      return value
    case 'i32':
      return from === 'u32' ? value | 0 : clamp(value, -(2 ** 31), 2 ** 31 - 1)
    case 'u32':
      return from === 'i32' ? value >>> 0 : clamp(value, 0, 2 ** 32 - 1)
    case 'i64': {
      if (Number.isNaN(value)) return 0n
      if (value >= 2 ** 63) return 2n ** 63n - 1n
      return value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(value))
    }
    default:
      return to satisfies never
  }
}

/** Rounds once, to nearest even, where going through f64 could round twice. */
function bigintToF32(value: bigint): number {
  const size = value < 0n ? -value : value
  const shift = BigInt(Math.max(0, size.toString(2).length - 30))
  const sticky = (size & ((1n << shift) - 1n)) !== 0n ? 1n : 0n
  const short = Number(((size >> shift) << 1n) | sticky)
  return Math.fround(Number(value < 0n ? -1 : 1) * short * 2 ** (Number(shift) - 1))
}

const words = new DataView(new ArrayBuffer(4))
function bitcast(value: Value, from: ComputeType, to: ComputeType): Value {
  if (from === 'f32') words.setFloat32(0, value as number)
  else words.setUint32(0, (value as number) >>> 0)
  return to === 'f32' ? words.getFloat32(0) : to === 'i32' ? words.getInt32(0) : words.getUint32(0)
}

/** An integer result in its type: wraps. */
function wrap(value: number | bigint, dtype: ComputeType): Value {
  if (dtype === 'i64') return BigInt.asIntN(64, value as bigint)
  return dtype === 'i32' ? (value as number) | 0 : dtype === 'u32' ? (value as number) >>> 0 : value
}

const reduceOps = { add: 'add', mul: 'mul', max: 'max', min: 'min' } as const

function reduce(op: ReduceOp, dtype: ComputeType, a: Value, b: Value): Value {
  // on bool, a sum is "any" and a product "all"
  if (dtype === 'bool') return op === 'add' || op === 'max' ? Number(a || b) : Number(a && b)
  return binary(reduceOps[op], dtype, a, b)
}

const functions: Partial<Record<UnaryOp, (x: number) => number>> = {
  neg: x => -x,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  expm1: Math.expm1,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  erf,
  sqrt: Math.sqrt,
  reciprocal: x => 1 / x,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  trunc: Math.trunc,
}

function unary(op: UnaryOp, dtype: ComputeType, x: Value): Value {
  if (op === 'isNaN') return Number(Number.isNaN(x))
  if (op === 'not') {
    if (dtype === 'bool') return Number(!x)
    return typeof x === 'bigint' ? ~x : wrap(~x, dtype)
  }
  if (typeof x === 'bigint') return wrap(op === 'neg' ? -x : x < 0n ? -x : x, dtype)
  const round = dtype === 'f32' ? Math.fround : (y: number): number => Number(wrap(y, dtype))
  if (op === 'rsqrt') return round(1 / round(Math.sqrt(x)))
  return round(functions[op]!(x))
}

const comparisons: Partial<Record<BinaryOp, (a: Value, b: Value) => boolean>> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
}

function binary(op: BinaryOp, dtype: ComputeType, a: Value, b: Value): Value {
  const compare = comparisons[op]
  if (compare) return Number(compare(a, b))
  if (typeof a === 'bigint') return bigintBinary(op, a, b as bigint)
  const y = b as number
  if (dtype === 'f32') return Math.fround(floatBinary(op, a, y))
  if (dtype === 'f64') return floatBinary(op, a, y)
  return wrap(integerBinary(op, dtype, a, y), dtype)
}

function floatBinary(op: BinaryOp, a: number, b: number): number {
  switch (op) {
    case 'add':
      return a + b
    case 'sub':
      return a - b
    case 'mul':
      return a * b
    case 'div':
      return a / b
    case 'mod':
      return a % b
    case 'pow':
      // IEEE and torch: 1 to any power is 1, and -1 to an infinite one too; JavaScript says NaN
      return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b
    case 'max':
      return Math.max(a, b)
    case 'min':
      return Math.min(a, b)
    case 'atan2':
      return Math.atan2(a, b)
    default:
      throw new TypeError(`interpret: ${op} is not defined on floats`)
  }
}

function integerBinary(op: BinaryOp, dtype: ComputeType, a: number, b: number): number {
  switch (op) {
    case 'add':
      return a + b
    case 'sub':
      return a - b
    case 'mul':
      return dtype === 'bool' ? a & b : Math.imul(a, b)
    case 'div':
      return b === 0 ? 0 : Math.trunc(a / b)
    case 'mod':
      return b === 0 ? 0 : a % b
    case 'pow':
      return Number(BigInt.asIntN(32, bigintBinary('pow', BigInt(a), BigInt(b))))
    case 'max':
      return Math.max(a, b)
    case 'min':
      return Math.min(a, b)
    case 'and':
      return a & b
    case 'or':
      return a | b
    case 'xor':
      return a ^ b
    case 'shl':
      return a << b
    case 'shr':
      return dtype === 'u32' ? a >>> b : a >> b
    default:
      throw new TypeError(`interpret: ${op} is not defined on integers`)
  }
}

function bigintBinary(op: BinaryOp, a: bigint, b: bigint): bigint {
  const result = (): bigint => {
    switch (op) {
      case 'add':
        return a + b
      case 'sub':
        return a - b
      case 'mul':
        return a * b
      case 'div':
        return b === 0n ? 0n : a / b
      case 'mod':
        return b === 0n ? 0n : a % b
      case 'pow':
        return integerPower(a, b)
      case 'max':
        return a > b ? a : b
      case 'min':
        return a < b ? a : b
      case 'and':
        return a & b
      case 'or':
        return a | b
      case 'xor':
        return a ^ b
      case 'shl':
        return a << (b & 63n)
      case 'shr':
        return a >> (b & 63n)
      default:
        throw new TypeError(`interpret: ${op} is not defined on i64`)
    }
  }
  return BigInt.asIntN(64, result())
}

/** Wraps at 64 bits; a negative exponent gives the truncated quotient: 0 unless the base is 1 or -1. */
function integerPower(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) return base === 1n ? 1n : base === -1n ? (exponent % 2n ? -1n : 1n) : 0n
  let result = 1n
  for (let b = base, e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = BigInt.asIntN(64, result * b)
    b = BigInt.asIntN(64, b * b)
  }
  return result
}

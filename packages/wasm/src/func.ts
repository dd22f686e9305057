// FuncBuilder: the body of one function, written instruction by instruction.
// Plain instructions come from the opcode table; what has structure (blocks, branches, locals, calls) is written here.

import { Bytes } from './bytes.ts'
import { type Immediate, type Mnemonic, type Opcode, opcodes } from './opcodes.ts'
import {
  type DataSegment,
  type Func,
  type Global,
  type Label,
  type Local,
  type Signature,
  type Table,
  type ValueType,
  valueTypes,
} from './types.ts'

type Args<I> = I extends 'i32' | 'f32' | 'f64'
  ? [value: number]
  : I extends 'i64'
    ? [value: number | bigint]
    : I extends 'v128' | 'lanes16'
      ? [bytes: ArrayLike<number>]
      : I extends 'lane'
        ? [lane: number]
        : I extends 'data' | 'dataindex'
          ? [segment: DataSegment]
          : I extends `memlane${number}`
            ? [lane: number, offset?: number, align?: number]
            : I extends `mem${number}`
              ? [offset?: number, align?: number]
              : []

type ImmediateOf<R> = R extends readonly [number, string, infer I] ? I : undefined

/** One method an instruction of the table, each returning the builder. */
export type Instructions = {
  [K in Mnemonic]: (...args: Args<ImmediateOf<(typeof opcodes)[K]>>) => FuncBuilder
}

/** A block's type: nothing, one result, or parameters and results. */
export type BlockType = ValueType | Signature | undefined

const log2 = (n: number): number => 31 - Math.clz32(n)

/** The method of one row: the opcode's bytes are encoded once, here. */
function method([code, , immediate]: Opcode): (this: { code: Bytes }, ...args: never[]) => unknown {
  const bytes = new Bytes(4)
  if (code < 0x100) bytes.u8(code)
  else bytes.u8(code >> 12).u32(code & 0xfff)
  const op = bytes.toUint8Array()
  const plain =
    op.length === 1
      ? (out: Bytes): Bytes => out.u8(code)
      : (out: Bytes): Bytes => {
          for (let i = 0; i < op.length; i++) out.u8(op[i])
          return out
        }
  const write = immediateWriter(immediate)
  if (!write)
    return function () {
      plain(this.code)
      return this
    }
  return function (...args) {
    write(plain(this.code), args)
    return this
  }
}

type Write = (out: Bytes, args: readonly never[]) => void

const immediateWriters: Partial<Record<Immediate, Write>> = {
  zero: out => out.u8(0),
  zero2: out => out.u8(0).u8(0),
  data: (out, [segment]: readonly DataSegment[]) => out.u32(segment.index).u8(0),
  dataindex: (out, [segment]: readonly DataSegment[]) => out.u32(segment.index),
  i32: (out, [value]: readonly number[]) => out.s32(value),
  i64: (out, [value]: readonly (number | bigint)[]) => out.s64(value),
  f32: (out, [value]: readonly number[]) => out.f32(value),
  f64: (out, [value]: readonly number[]) => out.f64(value),
  v128: (out, [bytes]: readonly ArrayLike<number>[]) => out.raw(sixteen(bytes)),
  lanes16: (out, [bytes]: readonly ArrayLike<number>[]) => out.raw(sixteen(bytes)),
  lane: (out, [lane]: readonly number[]) => out.u8(lane),
}

function immediateWriter(immediate: Immediate | undefined): Write | undefined {
  if (!immediate) return undefined
  const memory = /^mem(lane)?(\d+)$/.exec(immediate)
  if (!memory) return immediateWriters[immediate]
  const natural = Number(memory[2])
  if (memory[1])
    return (out, [lane, offset = 0, align = natural]: readonly number[]) => out.u32(log2(align)).u32(offset).u8(lane)
  return (out, [offset = 0, align = natural]: readonly number[]) => out.u32(log2(align)).u32(offset)
}

function sixteen(bytes: ArrayLike<number>): ArrayLike<number> {
  if (bytes.length !== 16) throw new RangeError(`wasm: a v128 immediate has 16 bytes, not ${bytes.length}`)
  return bytes
}

/** The class that carries the table's methods; FuncBuilder extends it. */
function instructionBase(): new () => Instructions {
  class Base {}
  for (const [name, row] of Object.entries<Opcode>(opcodes))
    Object.defineProperty(Base.prototype, name, { value: method(row) })
  return Base as new () => Instructions
}

const InstructionBase = /* @__PURE__ */ instructionBase()

/** What a builder asks of its module. */
export interface TypeInterner {
  typeIndex(signature: Signature): number
}

/**
 * Writes one function body. Every instruction of `opcodes` is a method with its immediates as arguments; operands come
 * from the stack, so code reads in the order of the text format: `f.get(a).get(b).i32_add().set(c)`.
 */
export class FuncBuilder extends InstructionBase {
  /** The instructions so far. */
  readonly code: Bytes = new Bytes(256)
  private readonly interner: TypeInterner
  private readonly locals: ValueType[] = []
  private readonly paramCount: number
  private depth = 0
  private readonly open: Label[] = []

  constructor(interner: TypeInterner, params: readonly ValueType[]) {
    super()
    this.interner = interner
    this.paramCount = params.length
  }

  // ---- locals and globals

  /** Declares a local, zero at entry. */
  local<T extends ValueType>(type: T): Local<T> {
    const index = this.paramCount + this.locals.length
    this.locals.push(type)
    return { index, type }
  }

  /** Declares `count` locals of one type. */
  localArray<T extends ValueType>(type: T, count: number): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type))
  }

  get(local: Local): this {
    this.code.u8(0x20).u32(local.index)
    return this
  }

  set(local: Local): this {
    this.code.u8(0x21).u32(local.index)
    return this
  }

  tee(local: Local): this {
    this.code.u8(0x22).u32(local.index)
    return this
  }

  global_get(global: Global): this {
    this.code.u8(0x23).u32(global.index)
    return this
  }

  global_set(global: Global): this {
    this.code.u8(0x24).u32(global.index)
    return this
  }

  // ---- control

  /** A block: branches to its label leave it. */
  block(body: (label: Label) => void): this
  block(type: BlockType, body: (label: Label) => void): this
  block(a: BlockType | ((label: Label) => void), b?: (label: Label) => void): this {
    return this.structure(0x02, a, b)
  }

  /** A loop: branches to its label start it again; falling off its end leaves it. */
  loop(body: (label: Label) => void): this
  loop(type: BlockType, body: (label: Label) => void): this
  loop(a: BlockType | ((label: Label) => void), b?: (label: Label) => void): this {
    return this.structure(0x03, a, b)
  }

  /** Takes an i32 condition from the stack. Branches to the label leave the whole if. */
  if(then: (label: Label) => void, otherwise?: (label: Label) => void): this
  if(type: BlockType, then: (label: Label) => void, otherwise?: (label: Label) => void): this
  if(a: BlockType | ((label: Label) => void), b?: (label: Label) => void, c?: (label: Label) => void): this {
    return typeof a === 'function' ? this.structure(0x04, undefined, a, b) : this.structure(0x04, a, b, c)
  }

  /** `while (condition) body`: tested before the first round and at the end of each, so a round has one branch. */
  while(condition: () => void, body: () => void): this {
    condition()
    return this.if(() => {
      this.loop(again => {
        body()
        condition()
        this.br_if(again)
      })
    })
  }

  private structure(
    opcode: number,
    type: BlockType | ((label: Label) => void),
    body?: (label: Label) => void,
    otherwise?: (label: Label) => void,
  ): this {
    if (typeof type === 'function') {
      body = type
      type = undefined
    }
    this.code.u8(opcode)
    if (type === undefined) this.code.u8(0x40)
    else if (typeof type === 'string') this.code.u8(valueTypes[type])
    else this.code.s32(this.interner.typeIndex(type))
    const label: Label = { depth: this.depth++ }
    this.open.push(label)
    body?.(label)
    if (otherwise) {
      this.code.u8(0x05)
      otherwise(label)
    }
    this.open.pop()
    this.depth--
    this.code.u8(0x0b)
    return this
  }

  private distance(label: Label): number {
    if (this.open[label.depth] !== label)
      throw new RangeError('wasm: a branch to a label outside its block; branch only from inside the callback')
    return this.depth - 1 - label.depth
  }

  br(label: Label): this {
    this.code.u8(0x0c).u32(this.distance(label))
    return this
  }

  br_if(label: Label): this {
    this.code.u8(0x0d).u32(this.distance(label))
    return this
  }

  br_table(labels: readonly Label[], fallback: Label): this {
    this.code.u8(0x0e).u32(labels.length)
    for (const label of labels) this.code.u32(this.distance(label))
    this.code.u32(this.distance(fallback))
    return this
  }

  return(): this {
    this.code.u8(0x0f)
    return this
  }

  call(func: Func): this {
    this.code.u8(0x10).u32(func.index)
    return this
  }

  /** Takes the table index last from the stack. */
  call_indirect(signature: Signature, table?: Table): this {
    this.code
      .u8(0x11)
      .u32(this.interner.typeIndex(signature))
      .u32(table?.index ?? 0)
    return this
  }

  // ---- constants in parts

  f32x4_const(a: number, b: number, c: number, d: number): this {
    this.code.u8(0xfd).u8(0x0c).f32(a).f32(b).f32(c).f32(d)
    return this
  }

  f64x2_const(a: number, b: number): this {
    this.code.u8(0xfd).u8(0x0c).f64(a).f64(b)
    return this
  }

  i32x4_const(a: number, b: number, c: number, d: number): this {
    this.v128_const(new Uint8Array(Int32Array.of(a, b, c, d).buffer))
    return this
  }

  /** The body as the code section has it: locals, instructions, end. */
  encode(): Bytes {
    const runs: [ValueType, number][] = []
    for (const type of this.locals) {
      const last = runs.at(-1)
      if (last?.[0] === type) last[1]++
      else runs.push([type, 1])
    }
    const out = new Bytes(this.code.length + 16)
    out.u32(runs.length)
    for (const [type, count] of runs) out.u32(count).u8(valueTypes[type])
    return out.append(this.code).u8(0x0b)
  }
}

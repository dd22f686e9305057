// ModuleBuilder: collects types, imports, functions and exports, and writes the binary module.
// Format: https://webassembly.github.io/spec/core/binary/modules.html

import { Bytes } from './bytes.ts'
import { FuncBuilder } from './func.ts'
import {
  type DataSegment,
  type Func,
  type Global,
  type Limits,
  type Local,
  type MemoryType,
  type Signature,
  type Table,
  type ValueType,
  valueTypes,
} from './types.ts'

const kinds = { func: 0, table: 1, memory: 2, global: 3 } as const
const sections = {
  custom: 0,
  type: 1,
  import: 2,
  func: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
} as const

type Locals<P extends readonly ValueType[]> = { [I in keyof P]: Local<P[I]> }

/** Writes a function's instructions; receives one local a parameter. */
export type Body<P extends readonly ValueType[]> = (f: FuncBuilder, ...params: Locals<P>) => void

export interface FuncOptions<P extends readonly ValueType[]> {
  readonly params?: P
  readonly results?: readonly ValueType[]
  /** Shown in stack traces and profiles. */
  readonly name?: string
  /** Exports the function under this name. */
  readonly export?: string
}

export interface GlobalOptions<T extends ValueType> {
  readonly type: T
  readonly mutable?: boolean
  /** The first value; 0 if not given. A v128 starts at 0, a funcref at null. */
  readonly init?: number | bigint
  readonly export?: string
}

/** A list that becomes a section: entries written as they come, counted. */
class Entries {
  count = 0
  readonly bytes = new Bytes(32)
  add(): Bytes {
    this.count++
    return this.bytes
  }
}

/** A function declared before its body, so that functions can call each other in any order. */
export interface DeclaredFunc<P extends readonly ValueType[]> extends Func {
  /** Gives the body; once. */
  define(body: Body<P>): this
}

export class ModuleBuilder {
  private readonly typeIndices = new Map<string, number>()
  private readonly types = new Entries()
  private readonly imports = new Entries()
  private readonly funcTypes = new Entries()
  private readonly bodies: (FuncBuilder | undefined)[] = []
  private readonly tables = new Entries()
  private readonly memories = new Entries()
  private readonly globals = new Entries()
  private readonly exports = new Entries()
  private readonly elementSegments = new Entries()
  private readonly dataSegments = new Entries()
  private readonly names: [index: number, name: string][] = []
  private importedFuncs = 0
  private tableCount = 0
  private globalCount = 0
  private startFunc: Func | undefined

  /** The index of a function type; equal types share one. */
  typeIndex({ params = [], results = [] }: Signature): number {
    const key = `${params}>${results}`
    let index = this.typeIndices.get(key)
    if (index === undefined) {
      index = this.types.count
      this.typeIndices.set(key, index)
      const out = this.types.add().u8(0x60)
      for (const list of [params, results]) {
        out.u32(list.length)
        for (const type of list) out.u8(valueTypes[type])
      }
    }
    return index
  }

  // ---- functions

  /** Imports come before the first `func`, since they share one numbering. */
  importFunc(module: string, name: string, signature: Signature): Func {
    if (this.bodies.length > 0)
      throw new Error(`wasm: import of function ${module}.${name} after a definition; import functions first`)
    this.imports.add().name(module).name(name).u8(kinds.func).u32(this.typeIndex(signature))
    return { index: this.importedFuncs++, signature, name }
  }

  /** Declares a function, with its body now or later by `define`. */
  func<const P extends readonly ValueType[] = readonly []>(options: FuncOptions<P>, body?: Body<P>): DeclaredFunc<P> {
    const slot = this.bodies.length
    const index = this.importedFuncs + slot
    const { params, results = [], name = options.export } = options
    const signature: Signature = { params, results }
    this.bodies.push(undefined)
    this.funcTypes.add().u32(this.typeIndex(signature))
    if (name) this.names.push([index, name])
    const func: DeclaredFunc<P> = {
      index,
      signature,
      name,
      define: body => {
        if (this.bodies[slot]) throw new Error(`wasm: function ${name ?? index} is defined twice`)
        const types: readonly ValueType[] = params ?? []
        const builder = new FuncBuilder(this, types)
        this.bodies[slot] = builder
        body(builder, ...(types.map((type, i) => ({ index: i, type })) as unknown as Locals<P>))
        return func
      },
    }
    if (options.export) this.exportFunc(options.export, func)
    return body ? func.define(body) : func
  }

  exportFunc(name: string, func: Func): this {
    this.exports.add().name(name).u8(kinds.func).u32(func.index)
    return this
  }

  /** Called when the module is instantiated. */
  start(func: Func): this {
    this.startFunc = func
    return this
  }

  // ---- memory and data

  importMemory(module: string, name: string, type: MemoryType): this {
    memoryType(this.imports.add().name(module).name(name).u8(kinds.memory), type)
    return this
  }

  memory(type: MemoryType, options: { export?: string } = {}): this {
    memoryType(this.memories.add(), type)
    if (options.export) this.exports.add().name(options.export).u8(kinds.memory).u32(0)
    return this
  }

  /** Bytes copied to `offset` at instantiation, or a passive segment for `memory_init` without an offset. */
  data(bytes: ArrayLike<number>, offset?: number): DataSegment {
    const index = this.dataSegments.count
    const out = this.dataSegments.add()
    if (offset === undefined) out.u8(1)
    else out.u8(0).u8(0x41).s32(offset).u8(0x0b)
    out.u32(bytes.length).raw(bytes)
    return { index }
  }

  // ---- tables and globals

  importTable(module: string, name: string, limits: Limits): Table {
    if (this.tables.count > 0) throw new Error(`wasm: import of table ${module}.${name} after a definition`)
    limitsTo(this.imports.add().name(module).name(name).u8(kinds.table).u8(valueTypes.funcref), limits)
    return { index: this.tableCount++ }
  }

  table(limits: Limits, options: { export?: string } = {}): Table {
    limitsTo(this.tables.add().u8(valueTypes.funcref), limits)
    const index = this.tableCount++
    if (options.export) this.exports.add().name(options.export).u8(kinds.table).u32(index)
    return { index }
  }

  /** Functions put into a table from `offset` on at instantiation. */
  elements(table: Table, offset: number, funcs: readonly Func[]): this {
    const out = this.elementSegments.add()
    if (table.index === 0) out.u8(0)
    else out.u8(2).u32(table.index)
    out.u8(0x41).s32(offset).u8(0x0b)
    if (table.index !== 0) out.u8(0)
    out.u32(funcs.length)
    for (const func of funcs) out.u32(func.index)
    return this
  }

  importGlobal<T extends ValueType>(module: string, name: string, type: T, mutable = false): Global<T> {
    if (this.globals.count > 0) throw new Error(`wasm: import of global ${module}.${name} after a definition`)
    this.imports
      .add()
      .name(module)
      .name(name)
      .u8(kinds.global)
      .u8(valueTypes[type])
      .u8(mutable ? 1 : 0)
    return { index: this.globalCount++, type }
  }

  global<T extends ValueType>({ type, mutable = false, init = 0, export: exported }: GlobalOptions<T>): Global<T> {
    const out = this.globals
      .add()
      .u8(valueTypes[type])
      .u8(mutable ? 1 : 0)
    constant(out, type, init)
    out.u8(0x0b)
    const index = this.globalCount++
    if (exported) this.exports.add().name(exported).u8(kinds.global).u32(index)
    return { index, type }
  }

  // ---- output

  /** The module's bytes. */
  build(): Uint8Array<ArrayBuffer> {
    const out = new Bytes(1024).raw([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    const section = (id: number, entries: Entries): void => {
      if (entries.count === 0) return
      const count = new Bytes(8).u32(entries.count)
      out
        .u8(id)
        .u32(count.length + entries.bytes.length)
        .append(count)
        .append(entries.bytes)
    }
    section(sections.type, this.types)
    section(sections.import, this.imports)
    section(sections.func, this.funcTypes)
    section(sections.table, this.tables)
    section(sections.memory, this.memories)
    section(sections.global, this.globals)
    section(sections.export, this.exports)
    if (this.startFunc) {
      const index = new Bytes(8).u32(this.startFunc.index)
      out.u8(sections.start).u32(index.length).append(index)
    }
    section(sections.element, this.elementSegments)
    if (this.dataSegments.count > 0) {
      const count = new Bytes(8).u32(this.dataSegments.count)
      out.u8(sections.dataCount).u32(count.length).append(count)
    }
    section(sections.code, this.code())
    section(sections.data, this.dataSegments)
    if (this.names.length > 0) {
      const map = new Bytes().u32(this.names.length)
      for (const [index, name] of this.names) map.u32(index).name(name)
      const body = new Bytes().name('name').u8(1).u32(map.length).append(map)
      out.u8(sections.custom).u32(body.length).append(body)
    }
    return out.toUint8Array()
  }

  private code(): Entries {
    const code = new Entries()
    this.bodies.forEach((builder, slot) => {
      if (!builder) {
        const index = this.importedFuncs + slot
        const name = this.names.find(([i]) => i === index)?.[1] ?? index
        throw new Error(`wasm: function ${name} has no body; call define() before build()`)
      }
      const body = builder.encode()
      code.add().u32(body.length).append(body)
    })
    return code
  }
}

function limitsTo(out: Bytes, { min, max }: Limits, flags = 0): void {
  out.u8(flags | (max === undefined ? 0 : 1)).u32(min)
  if (max !== undefined) out.u32(max)
}

function memoryType(out: Bytes, type: MemoryType): void {
  if (type.shared && type.max === undefined) throw new RangeError('wasm: a shared memory needs a maximum size')
  limitsTo(out, type, type.shared ? 2 : 0)
}

function constant(out: Bytes, valueType: ValueType, value: number | bigint): void {
  switch (valueType) {
    case 'i32':
      out.u8(0x41).s32(Number(value))
      break
    case 'i64':
      out.u8(0x42).s64(value)
      break
    case 'f32':
      out.u8(0x43).f32(Number(value))
      break
    case 'f64':
      out.u8(0x44).f64(Number(value))
      break
    case 'v128':
      out.u8(0xfd).u8(0x0c).f64(0).f64(0)
      break
    case 'funcref':
      out.u8(0xd0).u8(0x70)
      break
    default:
      valueType satisfies never
  }
}

// Value types and the handles that a module hands out: locals, labels, functions, globals, tables, data segments.

export const valueTypes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, funcref: 0x70 } as const

/** The type of a value on the stack, in a local or in a global. */
export type ValueType = keyof typeof valueTypes

/** A local variable or parameter of one function. */
export interface Local<T extends ValueType = ValueType> {
  readonly index: number
  readonly type: T
}

/** The target of a branch: the end of a block or an if, the start of a loop. */
export interface Label {
  readonly depth: number
}

/** Parameter and result types of a function or of a block. */
export interface Signature {
  readonly params?: readonly ValueType[]
  readonly results?: readonly ValueType[]
}

/** A function of the module, imported or defined: what `call`, `exportFunc` and `elements` take. */
export interface Func {
  readonly index: number
  readonly signature: Signature
  readonly name?: string
}

export interface Global<T extends ValueType = ValueType> {
  readonly index: number
  readonly type: T
}

export interface Table {
  readonly index: number
}

export interface DataSegment {
  readonly index: number
}

/** Sizes in pages of 64 KiB (memories) or in entries (tables). */
export interface Limits {
  readonly min: number
  readonly max?: number
}

export interface MemoryType extends Limits {
  /** A shared memory needs `max`. */
  readonly shared?: boolean
}

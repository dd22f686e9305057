export { type Features, features } from './features.ts'
export { type BlockType, FuncBuilder, type Instructions } from './func.ts'
export { type Body, type DeclaredFunc, type FuncOptions, type GlobalOptions, ModuleBuilder } from './module.ts'
export { type Mnemonic, opcodes } from './opcodes.ts'
export * from './pool/index.ts'
export type {
  DataSegment,
  Func,
  Global,
  Label,
  Limits,
  Local,
  MemoryType,
  Signature,
  Table,
  ValueType,
} from './types.ts'

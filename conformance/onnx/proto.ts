// The messages of an ONNX file, with the field numbers of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
import { bigints, doubles, type Field, float, floats, int, ints, many, message, one, raw, text, texts } from './wire.ts'

export interface Model {
  readonly opsets: readonly { readonly domain?: string; readonly version?: number }[]
  readonly graph: Graph
}
export interface Graph {
  readonly nodes: readonly NodeProto[]
  readonly name: string
  readonly initializers: readonly TensorProto[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
}
export interface NodeProto {
  /** names of values; '' stands for an optional one that is left out */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly name: string
  readonly op: string
  readonly domain: string
  readonly attributes: readonly AttributeProto[]
}
export interface AttributeProto {
  readonly name: string
  readonly f?: number
  readonly i?: number
  readonly s?: string
  readonly t?: TensorProto
  readonly g?: Graph
  readonly floats?: readonly number[]
  readonly ints?: readonly number[]
  readonly strings?: readonly string[]
}
export interface TensorProto {
  readonly name: string
  readonly dims: readonly number[]
  /** a key of `elementTypes` */
  readonly type: number
  readonly raw?: Uint8Array
  readonly floats?: readonly number[]
  /** also smaller integers, bools and the bits of f16 */
  readonly int32s?: readonly number[]
  readonly int64s?: readonly bigint[]
  readonly uint64s?: readonly bigint[]
  readonly doubles?: readonly number[]
  readonly strings?: readonly string[]
}
/** What a graph says of an input or output. */
export interface ValueInfo {
  readonly name: string
  readonly kind: 'tensor' | 'sequence' | 'optional' | 'other'
  /** of a tensor: a key of `elements`; 0 where nothing is said */
  readonly element: number
}

/** A field that is named even where a file leaves it out. */
type Names = Readonly<Record<number, readonly [string, Field<unknown>]>>

const tensorFields: Names = {
  1: ['dims', ints],
  2: ['type', int],
  4: ['floats', floats],
  5: ['int32s', ints],
  6: ['strings', texts],
  7: ['int64s', bigints],
  8: ['name', text],
  9: ['raw', raw],
  10: ['doubles', doubles],
  11: ['uint64s', bigints],
}
export const readTensor = (bytes: Uint8Array): TensorProto => ({
  name: '',
  dims: [],
  type: 0,
  ...message<TensorProto>(bytes, tensorFields),
})

const attributeFields: Names = {
  1: ['name', text],
  2: ['f', float],
  3: ['i', int],
  4: ['s', text],
  5: ['t', one(readTensor)],
  6: ['g', one(readGraph)],
  7: ['floats', floats],
  8: ['ints', ints],
  9: ['strings', texts],
}
const readAttribute = (bytes: Uint8Array): AttributeProto => ({
  name: '',
  ...message<AttributeProto>(bytes, attributeFields),
})

const nodeFields: Names = {
  1: ['inputs', texts],
  2: ['outputs', texts],
  3: ['name', text],
  4: ['op', text],
  5: ['attributes', many(readAttribute)],
  7: ['domain', text],
}
const readNode = (bytes: Uint8Array): NodeProto => ({
  inputs: [],
  outputs: [],
  name: '',
  op: '',
  domain: '',
  attributes: [],
  ...message<NodeProto>(bytes, nodeFields),
})

const kinds = ['tensor', 'sequence', 'optional'] as const
function readType(bytes: Uint8Array): Pick<ValueInfo, 'kind' | 'element'> {
  const fields: Names = { 1: ['tensor', raw], 4: ['sequence', raw], 9: ['optional', raw] }
  const found = message<Record<ValueInfo['kind'], Uint8Array>>(bytes, fields)
  const kind = kinds.find(k => found[k]) ?? 'other'
  const { element = 0 } = found.tensor ? message<ValueInfo>(found.tensor, { 1: ['element', int] }) : {}
  return { kind, element }
}
function readValueInfo(bytes: Uint8Array): ValueInfo {
  const fields: Names = { 1: ['name', text], 2: ['type', one(readType)] }
  const { name = '', type } = message<{ name: string; type: ReturnType<typeof readType> }>(bytes, fields)
  return { name, kind: 'other', element: 0, ...type }
}

function readGraph(bytes: Uint8Array): Graph {
  const fields: Names = {
    1: ['nodes', many(readNode)],
    2: ['name', text],
    5: ['initializers', many(readTensor)],
    11: ['inputs', many(readValueInfo)],
    12: ['outputs', many(readValueInfo)],
  }
  return { nodes: [], name: '', initializers: [], inputs: [], outputs: [], ...message<Graph>(bytes, fields) }
}

export function readModel(bytes: Uint8Array): Model {
  const opset: Names = { 1: ['domain', text], 2: ['version', int] }
  const { graph, opsets = [] } = message<Model>(bytes, {
    7: ['graph', one(readGraph)],
    8: ['opsets', many(each => message(each, opset))],
  })
  if (!graph) throw new Error('the file holds no graph; is it an ONNX model?')
  return { graph, opsets }
}

// TensorFlow.js graph models: model.json with a frozen graph and a manifest of weights, whose bytes lie in shards beside it
// (https://www.tensorflow.org/js/guide/save_load, tensorflow/core/framework/graph.proto). A graph is walked once for each run, and
// each node hands its tensors on; a plan is compiled from those as from any other program.

import { CairnError, FormatError, Tensor, tensor } from '@cairn/tensor'
import { filesOf, type Json, type ModelSource, readJson } from '../pretrained.ts'
import { HostArray, sizeOf } from './host.ts'
import { type Attributes, ops, type Value } from './ops.ts'

interface Node {
  readonly name: string
  readonly op: string
  /** The node of each operand, and which of its outputs. */
  readonly inputs: readonly { readonly from: string; readonly output: number }[]
  readonly attributes: Attributes
}

const bad = (problem: string): FormatError => new FormatError('GraphModel', `model.json: ${problem}`)
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0

/** Types by number and by name, as writers of either kind leave them. */
const typeNames: Readonly<Record<string, string>> = {
  1: 'float',
  3: 'int32',
  9: 'int64',
  10: 'bool',
  DT_FLOAT: 'float',
  DT_INT32: 'int32',
  DT_INT64: 'int64',
  DT_BOOL: 'bool',
}

function attributesOf(name: string, given: Json): Attributes {
  const wrong = (key: string, wanted: string): never => {
    throw bad(`${key} of node ${name} is not ${wanted}: ${JSON.stringify(given[key])?.slice(0, 60)}`)
  }
  const field = (key: string, kind: string): unknown => {
    const value = given[key]
    return isObject(value) ? value[kind] : undefined
  }
  const integer = (key: string, value: unknown): number => {
    const n = Number(value)
    return Number.isSafeInteger(n) ? n : wrong(key, 'an integer')
  }
  return {
    int: (key, fallback) => (given[key] === undefined ? fallback : integer(key, field(key, 'i') ?? 0)),
    ints(key) {
      const values = field(key, 'list')
      if (given[key] === undefined) return []
      if (!isObject(values)) return wrong(key, 'a list')
      const items = values.i ?? []
      return Array.isArray(items) ? items.map(item => integer(key, item)) : wrong(key, 'a list of integers')
    },
    flag: key => field(key, 'b') === true,
    text(key, fallback) {
      // Bytes, in base64 or as a list.
      const value = field(key, 's')
      if (value === undefined) return fallback
      if (typeof value === 'string') return atob(value)
      return Array.isArray(value) ? String.fromCharCode(...value.map(byte => integer(key, byte))) : wrong(key, 'a text')
    },
    type: key => typeNames[String(field(key, 'type'))] ?? wrong(key, 'a data type that is supported'),
  }
}

function nodesOf(json: Json): Map<string, Node> {
  const topology = json.modelTopology
  const list = isObject(topology) ? topology.node : undefined
  if (!Array.isArray(list)) throw bad('modelTopology.node is not a list; is it a graph model?')
  const nodes = new Map<string, Node>()
  for (const entry of list as unknown[]) {
    if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.op !== 'string')
      throw bad('a node has no name or no op')
    const { name, op, input = [], attr = {} } = entry
    if (!Array.isArray(input) || !input.every(from => typeof from === 'string') || !isObject(attr))
      throw bad(`node ${name} is malformed`)
    if (nodes.has(name)) throw bad(`there are two nodes ${name}`)
    // An input is `name`, `name:output`, or `^name`, which is an order without a value.
    const inputs = (input as string[])
      .filter(from => !from.startsWith('^'))
      .map(from => {
        const [, source, output] = /^(.*?)(?::(\d+))?$/s.exec(from)!
        return { from: source, output: Number(output ?? 0) }
      })
    nodes.set(name, { name, op, inputs, attributes: attributesOf(name, attr) })
  }
  return nodes
}

/** Names so that each comes after its operands. */
function order(nodes: ReadonlyMap<string, Node>): Node[] {
  const sorted: Node[] = []
  const state = new Map<string, 'open' | 'done'>()
  for (const root of nodes.keys()) {
    const stack = [root]
    while (stack.length > 0) {
      const name = stack[stack.length - 1]
      const node = nodes.get(name)
      if (!node) throw bad(`there is no node ${name}`)
      const before = state.get(name)
      if (before !== undefined) {
        stack.pop()
        if (before === 'open') {
          state.set(name, 'done')
          sorted.push(node)
        }
        continue
      }
      state.set(name, 'open')
      for (const { from } of node.inputs) {
        if (state.get(from) === 'open') throw bad(`node ${from} is its own operand`)
        if (!state.has(from)) stack.push(from)
      }
    }
  }
  return sorted
}

async function weightsOf(json: Json, source: ModelSource): Promise<Map<string, Value>> {
  const groups = json.weightsManifest
  if (!Array.isArray(groups)) throw bad('weightsManifest is not a list')
  const read = filesOf(source)
  const weights = new Map<string, Value>()
  for (const group of groups as unknown[]) {
    if (!isObject(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights))
      throw bad('a group of weights has no paths or no weights')
    const shards: Uint8Array[] = []
    for (const path of group.paths as unknown[]) {
      if (typeof path !== 'string' || !/^\w[\w.-]*$/.test(path))
        throw bad(`'${String(path).slice(0, 60)}' is not the name of a file beside it`)
      const bytes = await read(path)
      if (!bytes) throw new CairnError('GraphModel', `${path}, which model.json names, is not there`)
      shards.push(bytes)
    }
    const bytes = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0))
    let at = 0
    for (const shard of shards) {
      bytes.set(shard, at)
      at += shard.length
    }
    at = 0
    for (const entry of group.weights as unknown[]) {
      if (!isObject(entry) || typeof entry.name !== 'string') throw bad('a weight has no name')
      const { name, shape, dtype } = entry
      if (!Array.isArray(shape) || !shape.every(isSize)) throw bad(`the shape of ${name} is not a list of sizes`)
      if (dtype !== 'float32' && dtype !== 'int32')
        throw bad(`${name} is ${String(dtype)}: float32 and int32 are supported`)
      if (entry.quantization) throw bad(`${name} is quantized, which is not supported`)
      const end = at + 4 * sizeOf(shape)
      if (end > bytes.length) throw bad(`${name} ends at byte ${end} of ${bytes.length}`)
      const own = bytes.slice(at, end).buffer
      weights.set(
        name,
        dtype === 'int32' ? new HostArray(shape, new Int32Array(own)) : tensor(new Float32Array(own), shape),
      )
      at = end
    }
    if (at !== bytes.length) throw bad(`the weights take ${at} bytes of ${bytes.length}`)
  }
  return weights
}

/** A frozen graph and its weights. */
export class GraphModel {
  readonly #nodes: readonly Node[]
  readonly #weights: ReadonlyMap<string, Value>
  /** Names of the nodes that take what a caller gives. */
  readonly inputs: readonly string[]
  /** Names of the nodes whose value no other node takes. */
  readonly outputs: readonly string[]

  private constructor(nodes: readonly Node[], weights: ReadonlyMap<string, Value>) {
    const taken = new Set(nodes.flatMap(({ inputs }) => inputs.map(({ from }) => from)))
    this.#nodes = nodes
    this.#weights = weights
    this.inputs = nodes.filter(({ op }) => op === 'Placeholder').map(({ name }) => name)
    this.outputs = nodes.map(({ name }) => name).filter(name => !taken.has(name))
  }

  /**
   * Reads model.json and its shards from a folder, a URL or a map of files.
   * @throws CairnError where a file is missing; FormatError for what is malformed, and names an op that is not supported
   */
  static async load(source: ModelSource): Promise<GraphModel> {
    const json = await readJson(filesOf(source), 'model.json')
    if (!json)
      throw new CairnError(
        'GraphModel',
        `there is no model.json in ${typeof source === 'string' ? source : 'the given files'}`,
      )
    const nodes = order(nodesOf(json))
    const weights = await weightsOf(json, source)
    for (const { name, op } of nodes) {
      if (op === 'Const' ? !weights.has(name) : op !== 'Placeholder' && !Object.hasOwn(ops, op))
        throw bad(op === 'Const' ? `there are no weights for ${name}` : `op ${op} of node ${name} is not supported`)
    }
    return new GraphModel(nodes, weights)
  }

  /**
   * The value of each output.
   * @param inputs for each placeholder its integers or its tensor
   */
  run(inputs: Readonly<Record<string, Value>>): Map<string, Value> {
    const values = new Map<string, readonly Value[]>()
    for (const { name, op, inputs: operands, attributes } of this.#nodes) {
      const given = op === 'Placeholder' ? inputs[name] : op === 'Const' ? this.#weights.get(name) : undefined
      if (op === 'Placeholder' && !given) throw new CairnError('GraphModel', `input ${name} is not given`)
      const value =
        given ??
        ops[op](
          operands.map(({ from, output }) => {
            const operand = values.get(from)?.[output]
            if (!operand) throw bad(`node ${name} takes output ${output} of ${from}, which has none`)
            return operand
          }),
          attributes,
        )
      values.set(name, value instanceof Tensor || value instanceof HostArray ? [value] : value)
    }
    return new Map(this.outputs.map(name => [name, values.get(name)![0]]))
  }
}

// The device 'reference': evaluates the graph node by node with the plain loops of the primitives, in plain numbers rounded
// to each dtype. No scheduling, no memory plan. It is the oracle that every other device is compared with.

import type { TypedArray } from '../dtype.ts'
import { decode, encode, roundTo } from '../numeric.ts'
import { primitiveOf } from '../primitives/table.ts'
import type { Value } from '../primitives/types.ts'
import { sizeOf } from '../shape.ts'
import type { Executor, Root } from './executor.ts'
import type { Node } from './node.ts'
import type { Memory, Storage } from './storage.ts'

interface Values {
  readonly bytes: number
  readonly values: Float64Array
}

export class ReferenceExecutor implements Executor {
  bytesInUse = 0
  readonly #taken = new WeakSet<Storage>()

  execute(roots: readonly Root[], resolve: (node: Node) => Node, visited: (node: Node) => void): Promise<void> {
    const done = new Map<Node, Value>()
    const results = roots.map(root => evaluate(resolve(root.value), resolve, done))
    for (const node of done.keys()) {
      if (node.storage?.host) this.#take(node.storage)
      visited(node)
    }
    roots.forEach(({ target }, i) => {
      this.#give(target, results[i].data)
    })
    return Promise.resolve()
  }

  read(storage: Storage): Promise<TypedArray> {
    // what came from the host goes back bit for bit: numbers would lose the end of an i64
    const values = storage.host ? (storage.host.slice() as TypedArray) : encode(storage.dtype, valuesOf(storage))
    return Promise.resolve(values)
  }

  free(memory: unknown): void {
    const owned = memory as Memory
    if (!owned.binding) return
    this.bytesInUse -= owned.binding.bytes
    owned.binding = null
  }

  dispose(): Promise<void> {
    return Promise.resolve()
  }

  /** A buffer that was borrowed is the caller's again once it has been used. */
  #take(storage: Storage): void {
    if (this.#taken.has(storage)) return
    this.#taken.add(storage)
    storage.host = storage.host!.slice() as TypedArray
  }

  #give(target: Storage, data: Float64Array): void {
    const bytes = data.byteLength
    const buffer: Values = { bytes, values: data }
    if (!target.memory) target.adopt({ binding: null })
    this.bytesInUse += bytes - (target.memory!.binding?.bytes ?? 0)
    target.memory!.binding = { buffer, offset: 0, bytes }
    target.host = null
  }
}

function valuesOf(storage: Storage): Float64Array {
  if (storage.host) return decode(storage.dtype, storage.host)
  return (storage.memory!.binding!.buffer as unknown as Values).values
}

function evaluate(root: Node, resolve: (node: Node) => Node, done: Map<Node, Value>): Value {
  const stack = [root]
  while (stack.length) {
    const node = stack[stack.length - 1]
    if (done.has(node)) {
      stack.pop()
      continue
    }
    const sources = node.sources.map(resolve)
    const missing = sources.filter(s => !done.has(s))
    if (missing.length) {
      stack.push(...missing)
      continue
    }
    stack.pop()
    done.set(
      node,
      compute(
        node,
        sources.map(s => done.get(s)!),
      ),
    )
  }
  return done.get(root)!
}

function compute(node: Node, sources: readonly Value[]): Value {
  const { shape, dtype } = node
  if (node.op === 'storage') return { shape, dtype, data: valuesOf(node.storage!) }
  const data = new Float64Array(sizeOf(shape))
  if (node.op === 'scalar') data[0] = node.scalar
  else if (node.op === 'constant') data[0] = node.attributes.value!
  else primitiveOf(node.op).evaluate(sources, { shape, dtype, data }, node.attributes)
  const round = roundTo(dtype)
  for (let i = 0; i < data.length; i++) data[i] = round(data[i])
  return { shape, dtype, data }
}

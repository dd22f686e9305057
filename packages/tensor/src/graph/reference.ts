// The device 'reference': evaluates the graph node by node with the plain loops of the primitives, in plain numbers rounded
// to each dtype. No scheduling, no memory plan. It is the oracle that every other device is compared with.

import type { TypedArray } from '../dtype.ts'
import { decode, encode, roundTo } from '../numeric.ts'
import { primitiveOf, type TableName } from '../primitives/table.ts'
import type { Value } from '../primitives/types.ts'
import { values as rules } from '../primitives/values/table.ts'
import { sizeOf } from '../shape.ts'
import type { Captured, CapturedNode } from './capture.ts'
import type { Bound, Executor, Prepared } from './executor.ts'
import type { Memory, Storage } from './storage.ts'

interface Values {
  readonly bytes: number
  readonly values: Float64Array
}

interface Program extends Prepared {
  readonly nodes: readonly CapturedNode[]
  readonly sizes: readonly number[]
  /** number of the node of each root */
  readonly results: readonly number[]
}

export class ReferenceExecutor implements Executor {
  bytesInUse = 0
  readonly #taken = new WeakSet<Storage>()

  prepare({ nodes, sizes, results, storages, scalars }: Captured): Program {
    return {
      nodes,
      sizes,
      results,
      storages: storages.length,
      scalars: scalars.length,
      roots: results.length,
    }
  }

  run(prepared: Prepared, { storages, scalars, targets }: Bound): Promise<void> {
    const { nodes, sizes, results } = prepared as Program
    const values: Value[] = []
    for (const node of nodes) values.push(compute(node, sizes, values, storages, scalars))
    for (const storage of storages) if (storage.host) this.#take(storage)
    targets.forEach((target, i) => {
      this.#give(target, values[results[i]].data)
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

function compute(
  { op, sources, dtype, rank, attributes, sizesAt, leaf }: CapturedNode,
  sizes: readonly number[],
  values: readonly Value[],
  storages: readonly Storage[],
  scalars: readonly number[],
): Value {
  const shape = sizes.slice(sizesAt, sizesAt + rank)
  if (op === 'storage') return { shape, dtype, data: valuesOf(storages[leaf]) }
  const data = new Float64Array(sizeOf(shape))
  const out = { shape, dtype, data }
  if (op === 'scalar') data[0] = scalars[leaf]
  else if (op === 'constant') data[0] = attributes.value!
  else {
    const evaluate = primitiveOf(op).evaluate ?? rules[op as TableName]
    evaluate(
      sources.map(s => values[s]),
      out,
      attributes,
    )
  }
  const round = roundTo(dtype)
  for (let i = 0; i < data.length; i++) data[i] = round(data[i])
  return out
}

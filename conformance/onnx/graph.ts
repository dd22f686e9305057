// Runs a graph node by node: names to tensors. Ops describe, so everything between two reads is one lazy graph.
import type { Tensor } from '@cairn/tensor'
import { Call } from './call.ts'
import { tensorOf, Unsupported } from './elements.ts'
import type { Graph, Model } from './proto.ts'
import { opOf, unsupported } from './table.ts'

/** The graph's outputs, in order. @throws Unsupported for an op that is declared so */
export async function runModel(model: Model, inputs: ReadonlyMap<string, Tensor>): Promise<Tensor[]> {
  const versions = new Map(model.opsets.map(o => [o.domain ?? '', o.version ?? 1]))
  const values = new Map(inputs)
  for (const each of model.graph.initializers) if (!values.has(each.name)) values.set(each.name, tensorOf(each))
  for (const node of model.graph.nodes) {
    const why = unsupported[node.op]
    if (why) throw new Unsupported(`${node.op} (${why})`)
    const op = opOf(node.op)
    if (!op) throw new Error(`there is no op ${node.domain}${node.domain && '.'}${node.op}`)
    const call = new Call(
      node,
      node.inputs.map(name => (name === '' ? undefined : valueNamed(values, name))),
      versions.get(node.domain) ?? 1,
    )
    const result = await op(call)
    const unread = call.unread()
    if (unread.length) throw new Error(`${node.op}: attributes not understood: ${unread.join(', ')}`)
    const results = Array.isArray(result) ? (result as readonly (Tensor | undefined)[]) : [result as Tensor]
    node.outputs.forEach((name, i) => {
      if (name === '') return
      const value = results[i]
      if (!value) throw new Error(`${node.op}: there is no output ${i}`)
      values.set(name, value)
    })
  }
  return model.graph.outputs.map(o => valueNamed(values, o.name))
}

function valueNamed(values: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const found = values.get(name)
  if (!found) throw new Error(`no node computes '${name}' before it is used`)
  return found
}

/** What stops a graph before it runs: an op that is declared as not supported, or a value that is no tensor. */
export function obstacle(graph: Graph): string | null {
  for (const each of [...graph.inputs, ...graph.outputs])
    if (each.kind !== 'tensor') return `'${each.name}' is a ${each.kind}, not a tensor`
  for (const node of graph.nodes) if (unsupported[node.op]) return `${node.op} (${unsupported[node.op]})`
  return null
}

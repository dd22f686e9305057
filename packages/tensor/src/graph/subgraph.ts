// A graph with its leaves left open, built once and used again with other values in their places: a node 'call' stands for all of it, and a node
// 'result' for each of its values. So a step that differs from the last one in its data alone makes, walks and hashes a few nodes where it had a thousand.
// Whoever compiles or evaluates a graph sees the nodes themselves (`Captured.nodes`): there is no second way of computing anything.

import type { DType } from '../dtype.ts'
import type { Shape } from '../shape.ts'
import { hasHistory, Tensor } from '../tensor.ts'
import { Capture, type CapturedNode } from './capture.ts'
import { type Attributes, Node, noSources } from './node.ts'
import { type Bounds, recall, remember } from './remember.ts'
import { sameKey } from './words.ts'

interface Result {
  /** its node's place in `nodes` */
  readonly node: number
  readonly shape: Shape
  readonly dtype: DType
  /** of the node 'result' */
  readonly attributes: Attributes
}

/** How the derivative of a call is found. */
export interface Derivation {
  /** the value of a call with these sources, as nodes that have derivatives */
  readonly again: (sources: readonly Node[]) => Tensor
  /** most nodes that it makes */
  readonly reserved: number
}

let subgraphs = 0

export class Subgraph {
  /** of all that there ever were */
  readonly id = subgraphs++
  /** what it is, for errors: 'backward', 'AdamW' */
  readonly name: string
  /** sources before users; what is left open are nodes 'open', whose `axis` is the number of the call's source */
  readonly nodes: readonly CapturedNode[]
  readonly results: readonly Result[]
  /** the same number for graphs of the same key, whatever their sizes and numbers */
  readonly structure: number
  readonly sizes: readonly number[]
  readonly scalars: readonly number[]
  /** whether random numbers are drawn in it: called again it would draw the same */
  readonly draws: boolean
  /** of the node 'call' */
  readonly attributes: Attributes
  /** null: a call has no gradient history */
  readonly derivation: Derivation | null
  /** numbers of nodes behind that of a call: what it stands for counts, too, where the length of a graph decides when it is run */
  readonly span: number

  constructor(
    name: string,
    nodes: readonly CapturedNode[],
    results: readonly Result[],
    structure: number,
    sizes: readonly number[],
    scalars: readonly number[],
    derivation: Derivation | null = null,
  ) {
    this.name = name
    this.nodes = nodes
    this.results = results
    this.structure = structure
    this.sizes = sizes
    this.scalars = scalars
    this.draws = nodes.some(n => n.op === 'randomBits' && n.sources.some(s => nodes[s].op === 'scalar'))
    this.attributes = { subgraph: this }
    this.derivation = derivation
    this.span = derivation ? derivation.reserved : nodes.length
  }

  /** The same, its calls with gradient history. It has one result. */
  derivedBy(derivation: Derivation): Subgraph {
    const { name, nodes, results, structure, sizes, scalars } = this
    return new Subgraph(name, nodes, results, structure, sizes, scalars, derivation)
  }

  /** Its values with these in the open places. */
  call(sources: readonly Node[]): Tensor[] {
    const { device } = sources[0]
    const node = new Node('call', sources, noShape, 'f32', device, this.attributes)
    node.requiresGrad = this.derivation !== null && hasHistory(sources, this.results[0].dtype)
    const from = [node]
    return this.results.map(r => {
      const result = new Node('result', from, r.shape, r.dtype, device, r.attributes)
      result.requiresGrad = node.requiresGrad
      return new Tensor(result)
    })
  }
}

const noShape: Shape = []

/** What is data at each call: storages, values of other calls, what was there before, and numbers that are looked up. Constants are part of the graph. */
function isOpen(node: Node, isInside: (node: Node) => boolean): boolean {
  if (node.storage !== null || node.op === 'result') return true
  if (node.op === 'constant') return false
  return !isInside(node) || (node.leaf !== null && (node.leaf.origin !== null || node.leaf.live !== null))
}

/**
 * The graph of `results` down to what is open: storages, values of other calls, live numbers, draws, and what is not inside.
 * @param instead of a node, the one that stands for it
 * @returns it with the nodes that are in the open places now; null when nothing is open
 */
export function subgraphOf(
  name: string,
  results: readonly Node[],
  isInside: (node: Node) => boolean,
  instead: (node: Node) => Node = node => node,
): { readonly subgraph: Subgraph; readonly open: readonly Node[] } | null {
  const open: Node[] = []
  const inner: Node[] = []
  const copies = new Map<Node, Node>()
  const seen = new Set<Node>()
  const stack = results.map(instead).reverse()
  while (stack.length) {
    const node = stack.pop()!
    if (seen.has(node)) continue
    seen.add(node)
    if (isOpen(node, isInside)) {
      const attributes = { axis: open.push(node) - 1 }
      copies.set(node, new Node('open', noSources, node.shape, node.dtype, node.device, attributes))
    } else {
      inner.push(node)
      for (let i = node.sources.length - 1; i >= 0; i--) stack.push(instead(node.sources[i]))
    }
  }
  if (open.length === 0) return null
  for (const node of inner.sort((a, b) => a.id - b.id)) {
    const { op, shape, dtype, device, leaf } = node
    // a derivative may hold values of the pass that it was made in, which what is remembered must not
    const { rule, form, ...attributes } = node.attributes
    const sources = node.sources.map(s => copies.get(instead(s))!)
    copies.set(node, new Node(op, sources, shape, dtype, device, rule ? attributes : node.attributes, leaf))
  }
  const capture = new Capture(node => node)
  const numbers = results.map(r => capture.walk(copies.get(instead(r))!))
  const captured = capture.finish([])
  const { key, sizes } = captured.hold()
  const subgraph = new Subgraph(
    name,
    captured.nodes,
    results.map(({ shape, dtype }, axis) => ({ node: numbers[axis], shape, dtype, attributes: { axis } })),
    structureOf(captured.hash, key, numbers),
    sizes,
    captured.scalars,
  )
  return { subgraph, open }
}

/** Structures that are remembered. Of one that was forgotten plans are compiled again. */
const kept: Bounds<Structure> = { entries: 1000, bytes: 2 ** 25, bytesOf: ({ key }) => key.byteLength }
let structures = 0

interface Structure {
  readonly key: Int32Array
  readonly results: readonly number[]
  readonly number: number
}
const known = new Map<number, Structure>()

/** The number of a structure: what stands for its key in the keys of plans. Where two hashes meet, the later one counts. */
function structureOf(hash: number, key: Int32Array, results: readonly number[]): number {
  const found = recall(known, hash)
  const same = found && results.length === found.results.length && results.every((n, i) => n === found.results[i])
  if (same && sameKey(found.key, key)) return found.number
  remember(known, hash, { key, results, number: structures }, kept)
  return structures++
}

// An op that is made of other ops, as one node: what it is made of is built once for given shapes, and called with other operands (subgraph.ts). A
// layer norm is 22 nodes, and a step that is built anew makes, walks and hashes each of them. Where its derivative is asked for, the function is
// called again, plainly, in the place of the call: the numbers of nodes that it may need are reserved, so that sorting by number stays a topological
// order, and from then on the nodes that it made stand for the call.

import type { DType } from '../dtype.ts'
import { type Shape, sameShape } from '../shape.ts'
import { Tensor } from '../tensor.ts'
import type { Engine } from './engine.ts'
import { type Node, nodeCount, numberedFrom } from './node.ts'
import { remember } from './remember.ts'
import { state, within } from './scope.ts'
import { type Derivation, type Subgraph, subgraphOf } from './subgraph.ts'

/** The graph of an op for operands of these shapes and dtypes. */
interface Form {
  readonly shapes: readonly Shape[]
  readonly dtypes: readonly DType[]
  /** null: it has to be built each time */
  readonly graph: { readonly subgraph: Subgraph; readonly places: readonly number[] } | null
}

type Build = (...given: Tensor[]) => Tensor

/** Forms that are remembered of one op with the same options: as many as passes (autograd/history.ts), which know them by number. And such ops. */
const formsKept = 100
const opsKept = 200

const known = new WeakMap<Engine, Map<string, Form[]>>()

/** what a composite op is made of is not made of calls itself */
let building = false

/**
 * `build(...given)` as one node, which is the same in all else: value, derivatives, errors.
 * ```ts no-run
 * const rmsNorm = (x: Tensor, eps: number) =>
 *   composite('rmsNorm', `${eps}`, [x], x => x.mul(x.mul(x).mean(-1, { keepDim: true }).add(eps).rsqrt()))
 * ```
 * Worth it for an op of many nodes that is called again and again with the same shapes.
 * @param name of the op, for errors
 * @param options what `build` depends on besides its operands
 * @param build depends on nothing else, and makes one tensor of its arguments; it may be called again, later
 */
export function composite(name: string, options: string, given: readonly Tensor[], build: Build): Tensor {
  if (building || state.transform !== null || state.mapped || !areOperands(given)) return build(...given)
  const form = formOf(name, options, given, build)
  if (!form.graph) return build(...given)
  const { subgraph, places } = form.graph
  const sources: Node[] = []
  for (let i = 0; i < places.length; i++) sources.push(given[places[i]].node)
  return subgraph.call(sources)[0]
}

/** Whether each is a value of its own on one device: what is the same in two places, or a constant, is known to a compiler. */
function areOperands(given: readonly Tensor[]): boolean {
  for (let i = 0; i < given.length; i++) {
    // what is no tensor is told by the ops
    if (!(given[i] instanceof Tensor)) return false
    const { node } = given[i]
    if (node.op === 'constant' || node.device !== given[0].engine) return false
    for (let j = 0; j < i; j++) if (given[j].node === node) return false
  }
  return given.length > 0
}

function formOf(name: string, options: string, given: readonly Tensor[], build: Build): Form {
  const { engine } = given[0]
  let ops = known.get(engine)
  if (!ops) known.set(engine, (ops = new Map()))
  const op = `${name} ${options}`
  let forms = ops.get(op)
  if (!forms) remember(ops, op, (forms = []), opsKept)
  for (let i = 0; i < forms.length; i++) if (isOf(forms[i], given)) return forms[i]
  const form: Form = {
    shapes: given.map(t => t.shape),
    dtypes: given.map(t => t.dtype),
    graph: graphOf(name, given, build),
  }
  if (forms.push(form) > formsKept) forms.shift()
  return form
}

function isOf({ shapes, dtypes }: Form, given: readonly Tensor[]): boolean {
  if (shapes.length !== given.length) return false
  for (let i = 0; i < given.length; i++) {
    const { shape, dtype } = given[i].node
    if (dtypes[i] !== dtype || !sameShape(shapes[i], shape)) return false
  }
  return true
}

function graphOf(name: string, given: readonly Tensor[], build: Build): Form['graph'] {
  const first = nodeCount()
  const value = plainly(name, false, () => build(...given))
  const reserved = nodeCount() - first
  const graph = subgraphOf(name, [value.node], node => node.id >= first)
  if (!graph || graph.subgraph.draws || value.node.id < first) return null
  const places = graph.open.map(node => given.findIndex(t => t.node === node))
  if (places.includes(-1) || places.length < given.length) return null
  return { subgraph: graph.subgraph.derivedBy(derivationOf(build, places, reserved)), places }
}

/** Apart from the rest, so that it holds on to none of the operands. @param count of nodes without derivatives of their own, which take one more each */
const derivationOf = (build: Build, places: readonly number[], count: number): Derivation => ({
  again(sources) {
    const operands: Tensor[] = []
    for (let i = 0; i < places.length; i++) operands[places[i]] = new Tensor(sources[i])
    return build(...operands)
  },
  reserved: 2 * count,
})

const plainly = (name: string, grad: boolean, build: () => Tensor): Tensor =>
  within(name, { grad, internal: true, transform: null, mapped: false }, () => {
    building = true
    try {
      return build()
    } finally {
      building = false
    }
  })

const expanded = new WeakMap<Node, Node>()

/** The root of the nodes that a call with gradient history stands for; the node itself where it is none. */
export function expansionOf(node: Node): Node {
  // one that a jitted function left behind has no call any more; reading it says so
  if (node.op !== 'result' || !node.requiresGrad || node.sources.length === 0) return node
  let root = expanded.get(node)
  if (!root) {
    const [call] = node.sources
    const { subgraph } = call.attributes
    const { again, reserved } = subgraph!.derivation!
    const made = () => plainly(subgraph!.name, true, () => again(call.sources))
    root = numberedFrom(call.id + 1, reserved, made).node
    // what was computed and kept need not be again; what was not is computed on the way
    if (node.alias) root.alias = node.alias
    else node.stand = root
    expanded.set(node, root)
  }
  return root
}

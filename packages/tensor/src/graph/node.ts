// The graph: immutable nodes `{op, sources, shape, dtype, device, attributes}`. Nothing else describes a computation.
// Two things happen to a node later, and neither changes its value: it may get an `alias`, the storage that holds
// its computed value, and its sources may be dropped once nobody can need them.

import type { DType } from '../dtype.ts'
import type { WriteProgram } from '../kernel/program.ts'
import type { Typed, Value } from '../primitives/types.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import type { Engine } from './engine.ts'
import type { Live } from './live.ts'
import type { Storage } from './storage.ts'
import type { Subgraph } from './subgraph.ts'

/** Structure of an op: part of the plan's key. `sizes` may vary from call to call and become runtime symbols. */
export interface Attributes {
  /** sizes and offsets: slice starts, pad widths */
  readonly sizes?: readonly number[]
  readonly axis?: number
  readonly axes?: readonly number[]
  readonly steps?: readonly number[]
  /** a constant that the library wrote */
  readonly value?: number
  /** mode of a scatter, name of a user's op */
  readonly mode?: string
  /** a user's op (customOp); `mode` tells it from others in the key */
  readonly custom?: Custom
  /** a sequential algorithm (op 'program'); `mode` tells it from others in the key */
  readonly program?: Algorithm
  /** the derivative of a 'shortcut', which is no part of the computation and so not of the key */
  readonly rule?: DerivativeRule
  /** names a rule whose graph follows from its operands and this text alone, so that it need not be asked at each backward pass */
  readonly form?: string
  /** what a 'call' stands for (graph/subgraph.ts) */
  readonly subgraph?: Subgraph
}

/**
 * A sequential algorithm over the last axes of its sources, written once in the kernel language and so for every device that prints it. Sources and
 * result have the same leading axes, the examples of the batch. It has no derivative: who applies it gives one (`withDerivative`).
 */
export interface Algorithm {
  /** for errors and profiles */
  readonly name: string
  readonly infer: (...sources: readonly Typed[]) => Typed
  readonly write: WriteProgram
  /** the same in ordinary loops, for one example */
  readonly evaluate: (sources: readonly Value[], out: Value) => void
}

/** A kernel in WGSL that defines `fn kernel(i: u32)`. */
export interface CustomText {
  readonly name: string
  readonly wgsl: string
  /** what it calls its operands; the result is `out` */
  readonly inputs: readonly string[]
  /** what it is called for: each element of the result, or each row (all axes but the last) */
  readonly each: 'element' | 'row'
}

/** A user's op: a kernel, and what it computes in tensor ops. */
export interface Custom extends CustomText {
  readonly infer: (...sources: readonly Typed[]) => Typed
  /** the same in tensor ops, with the op's derivative */
  readonly plain: (...sources: Tensor[]) => Tensor
  /** the derivative that the user gave, or that of the plain form */
  readonly rule: DerivativeRule
  readonly vmap?: (size: number, sources: readonly Tensor[], batched: readonly boolean[]) => Tensor
}

/** Gradients of the inputs of a shortcut from the gradient of its value; null where none flows. */
export type DerivativeRule = (g: Tensor, inputs: readonly Tensor[], out: Tensor) => readonly (Tensor | null)[]

/** A number that is looked up again at each call of a jitted function: which one of those that `entry` gives. */
export interface Origin {
  readonly entry: number
  readonly part: number
}

/** A write of a piece that is being planned (graph/queue.ts). */
export interface PlannedWrite {
  readonly value: Node
  /** a dropped gradient: runs only if something else needs it */
  optional: boolean
  /** it is optional and something else does need it */
  needed: boolean
}

export const leafOps = ['storage', 'scalar', 'constant'] as const
export type LeafOp = (typeof leafOps)[number]

let nodes = 0
let built = 0

/** What only leaves have. */
export class Leaf {
  /** for op 'storage': which version */
  version = 0
  /** for op 'storage': what writes this version, while the piece that does is planned */
  write: PlannedWrite | null = null
  /** for op 'scalar': data, never part of a key */
  scalar = 0
  /** for op 'scalar': where a jitted function finds the number at each call, the entry of its tape, and which number of it */
  origin: Origin | null = null
  /** for op 'scalar': where the number came from, if it is one that is looked up */
  live: Live | null = null
}

/** Bits of `Node.#flags`. */
const requiring = 1
const handled = 2
const refusal = 4
const release = 8

/**
 * Thousands are made at each step that is not jitted, and walked once or twice: what a walk reads comes first and in few fields, since most of the
 * time of a walk is waiting for memory.
 */
export class Node {
  sources: readonly Node[]
  /** for op 'storage': where */
  storage: Storage | null = null
  /** the storage leaf that holds this node's value, once it was computed and kept */
  alias: Node | null = null
  /** the result of a call that computes the same value on the way (autograd/backward.ts) */
  stand: Node | null = null
  /** why its value cannot be had: the plan that should have made it was refused, or failed under way and left it poisoned */
  error: unknown = null
  // Scratch of a walk (graph/capture.ts): which walk saw it last, and the number it gave.
  seen = 0
  number = 0
  /** the capture whose plan first computed it, as an intermediate value or to be kept; 0: none has */
  computedBy = 0
  #flags = 0
  readonly op: string
  readonly dtype: DType
  readonly shape: Shape
  readonly attributes: Attributes
  readonly leaf: Leaf | null
  readonly device: Engine
  /** grows with creation, so sources always have smaller ids: sorting by id is a topological order */
  readonly id: number

  constructor(
    op: string,
    sources: readonly Node[],
    shape: Shape,
    dtype: DType,
    device: Engine,
    attributes: Attributes = noAttributes,
    leaf: Leaf | null = null,
  ) {
    this.sources = sources
    this.op = op
    this.dtype = dtype
    this.shape = shape
    this.attributes = attributes
    this.leaf = leaf
    this.device = device
    this.id = nodes++
    if (attributes.subgraph !== undefined) nodes += attributes.subgraph.span
    if (op !== 'storage') built++
  }

  /** part of a gradient's history */
  get requiresGrad(): boolean {
    return (this.#flags & requiring) !== 0
  }
  set requiresGrad(value: boolean) {
    this.#set(requiring, value)
  }
  /** a user's handle was made for it: somebody may ask for the value again, unlike for what the library computes for itself */
  get named(): boolean {
    return (this.#flags & handled) !== 0
  }
  set named(value: boolean) {
    this.#set(handled, value)
  }
  /** the plan that should have made it never started, so nothing was written */
  get refused(): boolean {
    return (this.#flags & refusal) !== 0
  }
  set refused(value: boolean) {
    this.#set(refusal, value)
  }
  /** sources were dropped after an executed backward */
  get released(): boolean {
    return (this.#flags & release) !== 0
  }
  set released(value: boolean) {
    this.#set(release, value)
  }
  #set(flag: number, value: boolean): void {
    this.#flags = value ? this.#flags | flag : this.#flags & ~flag
  }
}

export const noAttributes: Attributes = {}
export const noSources: readonly Node[] = []

/** How many values were ever described: nodes but those of versions. */
export const builtCount = (): number => built

/** How many nodes were ever made; the queue uses it to start long pieces early. */
export const nodeCount = (): number => nodes

/**
 * Runs `run` with numbers that were reserved when node number `first` - 1 was made, so that what it makes comes before what was made since.
 * @throws Error when they do not suffice
 */
export function numberedFrom<T>(first: number, count: number, run: () => T): T {
  const now = nodes
  nodes = first
  try {
    const result = run()
    if (nodes > first + count) throw new Error(`${nodes - first} nodes were made where ${count} were reserved`)
    return result
  } finally {
    nodes = now
  }
}

const noSizes: Shape = []

/** A 0-d leaf that carries a number as data. */
export function scalarNode(value: number, dtype: DType, device: Engine): Node {
  const leaf = new Leaf()
  leaf.scalar = value
  return new Node('scalar', noSources, noSizes, dtype, device, noAttributes, leaf)
}

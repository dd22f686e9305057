// The graph: immutable nodes `{op, sources, shape, dtype, device, attributes}`. Nothing else describes a computation.
// Two things happen to a node later, and neither changes its value: it may get an `alias`, the storage that holds
// its computed value, and its sources may be dropped once nobody can need them.

import type { DType } from '../dtype.ts'
import type { WriteProgram } from '../kernel/program.ts'
import type { Typed, Value } from '../primitives/types.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import type { Engine } from './engine.ts'
import type { Storage } from './storage.ts'

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

export const leafOps = ['storage', 'scalar', 'constant'] as const
export type LeafOp = (typeof leafOps)[number]

let nodes = 0
let built = 0

export class Node {
  /** grows with creation, so sources always have smaller ids: sorting by id is a topological order */
  readonly id: number
  readonly op: string
  sources: readonly Node[]
  readonly shape: Shape
  readonly dtype: DType
  readonly device: Engine
  readonly attributes: Attributes
  /** part of a gradient's history */
  requiresGrad = false
  /** the storage leaf that holds this node's value, once it was computed and kept */
  alias: Node | null = null
  /** for op 'storage': where and which version */
  storage: Storage | null = null
  version = 0
  /** for op 'scalar': data, never part of a key */
  scalar = 0
  /** a user's handle was made for it: somebody may ask for the value again, unlike for what the library computes for itself */
  named = false
  /** a plan computed it as an intermediate value without keeping it */
  computed = false
  /** why its value cannot be had: the plan that should have made it was refused, or failed under way and left it poisoned */
  error: unknown = null
  /** the plan that should have made it never started, so nothing was written */
  refused = false
  /** sources were dropped after an executed backward */
  released = false
  /** where a jitted function finds this number at each call: the entry of its tape, and which number of it */
  origin: Origin | null = null
  // Scratch of a walk (graph/capture.ts): which walk saw it last, the number it gave, and how many sources it has been through.
  seen = 0
  number = 0
  cursor = 0

  constructor(
    op: string,
    sources: readonly Node[],
    shape: Shape,
    dtype: DType,
    device: Engine,
    attributes: Attributes = noAttributes,
  ) {
    this.id = nodes++
    if (op !== 'storage') built++
    this.op = op
    this.sources = sources
    this.shape = shape
    this.dtype = dtype
    this.device = device
    this.attributes = attributes
  }
}

export const noAttributes: Attributes = {}

/** How many values were ever described: nodes but those of versions. */
export const builtCount = (): number => built

/** How many nodes were ever made; the queue uses it to start long pieces early. */
export const nodeCount = (): number => nodes

// What a primitive states, in one entry: shape and dtype, derivative. How it runs for many examples at once is the entry of its name in batches.ts, which
// comes with vmap; what it gives in plain numbers the one in values/table.ts, which the device 'reference' loads. (Lowering of elementwise rows is the kernel op of the same name; the other families are
// lowered by graph/lower.ts.)

import type { DType } from '../dtype.ts'
import type { Attributes } from '../graph/node.ts'
import type { Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import type { BatchRule } from './batching.ts'

export interface Typed {
  readonly shape: Shape
  readonly dtype: DType
}

/** A value of the plain evaluator: numbers already rounded to the dtype, row-major. */
export interface Value extends Typed {
  readonly data: Float64Array
}

export interface Primitive {
  readonly family: 'elementwise' | 'reduce' | 'movement' | 'indexing' | 'matmul' | 'attention' | 'source' | 'custom'
  /** Shape and dtype of the result; throws for what the op does not take. `shape` is the wanted result shape where sources do not determine it. */
  infer(sources: readonly Typed[], attributes: Attributes, shape?: Shape): Typed
  /** Gradients of the sources in terms of tensors; null where none flows. Absent: not differentiable. */
  vjp?(g: Tensor, sources: readonly Tensor[], out: Tensor, attributes: Attributes): readonly (Tensor | null)[]
  /** Draws random numbers, so that examples without batched sources differ too. */
  readonly random?: boolean
  /** Of primitives that come with their ops. */
  readonly batch?: BatchRule
  readonly evaluate?: Evaluate
}

/** Ordinary loops. `out` is zero-filled; the caller rounds it to the dtype afterwards. */
export type Evaluate = (sources: readonly Value[], out: Value, attributes: Attributes) => void

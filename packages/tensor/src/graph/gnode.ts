// A node of the graph that is scheduled: what graph/simplify.ts makes of a captured one, with sizes as Dims and equal nodes shared.

import type { DType } from '../dtype.ts'
import type { Dim } from '../kernel/dim.ts'
import type { Algorithm, CustomText } from './node.ts'

export interface GNode {
  readonly id: number
  readonly op: string
  readonly sources: readonly GNode[]
  readonly shape: readonly Dim[]
  readonly dtype: DType
  readonly sizes: readonly Dim[]
  readonly axis: number
  readonly axes: readonly number[]
  readonly steps: readonly number[]
  readonly mode: string
  /** a constant's value */
  readonly value: number
  /** storage number of a leaf, slot of a scalar, else -1 */
  readonly leaf: number
  /** a user's kernel, for op 'custom' */
  readonly custom: CustomText | null
  /** for op 'program' */
  readonly program: Algorithm | null
}

// A function over the slices of tensors, one after the other (jax.lax.scan).

import { CairnError, ShapeError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { stack, unbind } from './movement.ts'

export interface ScanOptions {
  /** the axis of the inputs whose slices the steps take, and of the results; default 0 */
  readonly axis?: number
  /** from the last slice to the first; results stay in the order of the inputs */
  readonly reverse?: boolean
}

/**
 * Folds a function over the slices of tensors: `[carry, y] = step(carry, slices)`, as jax.lax.scan. The steps become part of the graph one after the other, so
 * they differentiate, fuse and nest like any other ops; a graph grows with the number of steps.
 * @returns the last carry, and the results stacked along the axis (one tensor for each that a step returns)
 */
export function scan<C>(
  step: (carry: C, slices: readonly Tensor[]) => readonly [carry: C, results: readonly Tensor[]],
  init: C,
  inputs: readonly Tensor[],
  options: ScanOptions = {},
): [carry: C, results: Tensor[]] {
  const axis = options.axis ?? 0
  if (inputs.length === 0) throw new CairnError('scan', 'needs at least one tensor to run over')
  const slices = inputs.map(x => unbind(x, axis))
  const count = slices[0].length
  if (slices.some(s => s.length !== count))
    throw new ShapeError(
      'scan',
      `the inputs have different sizes along axis ${axis}: ${slices.map(s => s.length).join(', ')}`,
    )
  if (count === 0) throw new ShapeError('scan', 'an axis without slices has no results', { axis })
  const found = new Array<readonly Tensor[]>(count)
  let carry = init
  for (let i = 0; i < count; i++) {
    const at = options.reverse ? count - 1 - i : i
    ;[carry, found[at]] = step(
      carry,
      slices.map(s => s[at]),
    )
  }
  return [
    carry,
    found[0].map((_, i) =>
      stack(
        found.map(r => r[i]),
        axis,
      ),
    ),
  ]
}

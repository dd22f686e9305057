// What constructors and losses ask of what they are given, in one sentence each.

import { ShapeError, type Tensor } from '@cairn/tensor'

/** @throws ShapeError for a size that is no integer from 0 up */
export function checkSizes(op: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, n] of Object.entries(sizes))
    if (!Number.isInteger(n) || n < 0)
      throw new ShapeError(op, `${name} must be a non-negative integer, not ${String(n)}`)
}

/** @throws ShapeError for a target that would broadcast: each value against every other is no loss */
export function checkTarget(op: string, x: Tensor, target: Tensor): void {
  if (x.ndim !== target.ndim || x.shape.some((n, d) => n !== target.shape[d]))
    throw new ShapeError(op, 'values and targets need one shape; reshape one of them', {
      values: [...x.shape],
      targets: [...target.shape],
    })
}

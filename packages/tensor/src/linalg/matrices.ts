// What every function of matrices needs: checks of operands, batches of one shape, pieces, several results with one derivative.

import { promote } from '../dtype.ts'
import { DTypeError, listed, ShapeError } from '../errors.ts'
import { cast, positions } from '../ops/build.ts'
import { cat } from '../ops/movement.ts'
import { withDerivative } from '../ops/shortcut.ts'
import { broadcastShapes } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

const show = (x: Tensor): string => listed(x.shape)

/** @throws for what is no matrix (or batch of matrices) of f32 or f64 */
export function checkMatrix(op: string, x: Tensor, square = false): Tensor {
  if (x.ndim < 2) throw new ShapeError(op, `needs a matrix or a batch of them, not ${show(x)}`)
  if (square && x.shape[x.ndim - 1] !== x.shape[x.ndim - 2])
    throw new ShapeError(op, `needs square matrices, not ${show(x)}`)
  checkWide(op, x)
  return x
}
/** Factorizations run in 32 or 64 bits. */
export function checkWide(op: string, x: Tensor): void {
  if (x.dtype !== 'f32' && x.dtype !== 'f64')
    throw new DTypeError(op, `needs f32 or f64, not ${x.dtype}; convert with .to('f32')`)
}

export const rowsOf = (x: Tensor): number => x.shape[x.ndim - 2]
export const columnsOf = (x: Tensor): number => x.shape[x.ndim - 1]
export const batchOf = (x: Tensor): readonly number[] => x.shape.slice(0, -2)

/** Rows [from, to) and columns [left, right). */
export function block(x: Tensor, from: number, to: number, left: number, right: number): Tensor {
  const rows = from === 0 && to === rowsOf(x) ? x : x.narrow(-2, from, to - from)
  return left === 0 && right === columnsOf(x) ? rows : rows.narrow(-1, left, right - left)
}
export const rows = (x: Tensor, from: number, to: number): Tensor => block(x, from, to, 0, columnsOf(x))
export const columns = (x: Tensor, from: number, to: number): Tensor => block(x, 0, rowsOf(x), from, to)

/** The identity [rows, columns] in the dtype and on the device of x. */
export function identity(x: Tensor, n: number, width = n): Tensor {
  const shape = [n, width]
  const [i, j] = [0, 1].map(axis => positions(shape, axis, x.engine))
  return cast(i.eq(j), x.dtype)
}
/** Where the diagonal is, bool [n, n]. */
export function onDiagonal(x: Tensor, n: number): Tensor {
  const [i, j] = [0, 1].map(axis => positions([n, n], axis, x.engine))
  return i.eq(j)
}
/** Rows of a matrix by number: index [..., count], i32. */
export const pickRows = (x: Tensor, index: Tensor): Tensor =>
  x.gather(-2, index.unsqueeze(-1).expand([...index.shape, columnsOf(x)]))

/** Two operands in one dtype, with the same batches. */
export function together(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const dtype = promote(a.dtype, b.dtype)
  const batch = broadcastShapes(op, batchOf(a), batchOf(b))
  const to = (x: Tensor): Tensor => cast(x, dtype).expand([...batch, ...x.shape.slice(-2)])
  return [to(a), to(b)]
}

/** Results side by side in one value with one derivative: they share the columns' axis when flattened. */
export function jointly(
  inputs: readonly Tensor[],
  run: () => readonly Tensor[],
  rule: (g: readonly Tensor[], inputs: readonly Tensor[], results: readonly Tensor[]) => readonly (Tensor | null)[],
): Tensor[] {
  const shapes: (readonly number[])[] = []
  const lead = inputs[0].ndim - 2
  const flat = (x: Tensor): Tensor =>
    x.reshape([...x.shape.slice(0, lead), x.shape.slice(lead).reduce((a, b) => a * b, 1)])
  const apart = (packed: Tensor): Tensor[] => {
    let at = 0
    return shapes.map(shape => {
      const size = shape.slice(lead).reduce((a, b) => a * b, 1)
      at += size
      return packed.narrow(-1, at - size, size).reshape(shape)
    })
  }
  const pack = (): Tensor => {
    const results = run()
    shapes.length = 0
    for (const r of results) shapes.push(r.shape)
    return cat(results.map(flat), -1)
  }
  const packed = withDerivative(inputs, pack, (g, given, out) => rule(apartIn(g, given), given, apartIn(out, given)))
  /** the derivative may run for more examples than the value */
  function apartIn(x: Tensor, given: readonly Tensor[]): Tensor[] {
    const batch = given[0].shape.slice(0, -2)
    let at = 0
    return shapes.map(shape => {
      const own = shape.slice(lead)
      const size = own.reduce((a, b) => a * b, 1)
      at += size
      return x.narrow(-1, at - size, size).reshape([...batch, ...own])
    })
  }
  return apart(packed)
}

// Norms of vectors and matrices, and the condition of a matrix, with torch's names of orders.

import { CairnError } from '../errors.ts'
import { cast } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import type { Axes, KeepDim } from '../ops/reduce.ts'
import { normalizeAxis } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { svdvals } from './eigen.ts'
import { checkMatrix, columnsOf, rowsOf } from './matrices.ts'
import { inverse } from './solve.ts'

export interface NormOptions extends KeepDim {
  readonly axis?: Axes
}

/**
 * torch.linalg.vector_norm: (sum |x|^ord)^(1/ord); Infinity and -Infinity give the largest and the smallest, 0 counts what is not 0.
 * @param options.axis over these axes, over all by default
 */
export function vectorNorm(x: Tensor, ord = 2, options: NormOptions = {}): Tensor {
  const { axis, keepDim } = options
  if (ord === Infinity) return x.abs().amax(axis, { keepDim })
  if (ord === -Infinity) return x.abs().amin(axis, { keepDim })
  if (ord === 0) return cast(x.ne(k(0)), x.dtype).sum(axis, { keepDim })
  if (ord === 1) return x.abs().sum(axis, { keepDim })
  if (ord === 2) {
    const squares = x.square().sum(axis, { keepDim })
    const zero = squares.eq(k(0))
    return squares.where(zero.not(), k(1)).sqrt().where(zero.not(), k(0))
  }
  return x
    .abs()
    .pow(ord)
    .sum(axis, { keepDim })
    .pow(1 / ord)
}

export type MatrixOrder = 'fro' | 'nuc' | 1 | -1 | 2 | -2 | typeof Infinity

/**
 * torch.linalg.matrix_norm: 'fro' of all elements, 'nuc' the sum of singular values, 2 and -2 the largest and smallest of them, 1 and -1 of sums over
 * columns, Infinity and -Infinity of sums over rows.
 * @param options.axes rows and columns, default [-2, -1]
 */
export function matrixNorm(
  x: Tensor,
  ord: MatrixOrder | number = 'fro',
  options: KeepDim & { readonly axes?: readonly [number, number] } = {},
): Tensor {
  const [row, column] = (options.axes ?? [-2, -1]).map(a => normalizeAxis('matrixNorm', a, x.ndim))
  const moved = x.movedim([row, column], [-2, -1])
  checkMatrix('matrixNorm', moved)
  const out = normOf(moved, ord)
  return options.keepDim ? out.reshape(x.shape.map((n, d) => (d === row || d === column ? 1 : n))) : out
}

function normOf(x: Tensor, ord: MatrixOrder | number): Tensor {
  switch (ord) {
    case 'fro':
      return vectorNorm(x, 2, { axis: [-2, -1] })
    case 'nuc':
      return svdvals(x).sum(-1)
    case 2:
      return svdvals(x).amax(-1)
    case -2:
      return svdvals(x).amin(-1)
    case 1:
      return x.abs().sum(-2).amax(-1)
    case -1:
      return x.abs().sum(-2).amin(-1)
    case Infinity:
      return x.abs().sum(-1).amax(-1)
    case -Infinity:
      return x.abs().sum(-1).amin(-1)
    default:
      throw new CairnError(
        'matrixNorm',
        `there is no order ${ord}; use 'fro', 'nuc', 1, 2, Infinity or their negatives`,
      )
  }
}

/** torch.linalg.cond: how much solving with a matrix may lose; by singular values, or the norm times that of the inverse. @returns [...] */
export function cond(x: Tensor, ord: MatrixOrder | number = 2): Tensor {
  checkMatrix('cond', x)
  if (ord === 2 || ord === -2) {
    const s = svdvals(x)
    const [largest, smallest] = [s.narrow(-1, 0, 1), s.narrow(-1, Math.min(rowsOf(x), columnsOf(x)) - 1, 1)]
    return (ord === 2 ? largest.div(smallest) : smallest.div(largest)).squeeze(-1)
  }
  checkMatrix('cond', x, true)
  return matrixNorm(x, ord).mul(matrixNorm(inverse(x), ord))
}

// Gradients as numbers to work on, whether they are a tensor or rows of a table: what clipping and scaling have in common.

import { sparseRows, type Tensor } from '@cairn/tensor'

/** All numbers of a gradient that are not 0 by its form, each once. */
export function gradValues({ grad }: Tensor): Tensor | undefined {
  return grad && (sparseRows(grad)?.coalesce().rows ?? grad)
}

/**
 * Changes a gradient where there is one; a sparse one stays sparse.
 * @param change gets the gradient, or the rows of it, and beside it what it belongs to   @param options.whole `change` is not linear: rows of the
 * same index are added before
 */
export function changeGrad(
  p: Tensor,
  change: (g: Tensor, of: Tensor) => Tensor,
  options: { readonly whole?: boolean } = {},
): void {
  const { grad } = p
  if (!grad) return
  const sparse = sparseRows(grad)
  if (!sparse) p.grad = change(grad, p)
  else if (!options.whole) p.grad = sparse.map(rows => change(rows, p)).toTensor()
  else {
    const rows = sparse.coalesce()
    p.grad = rows.map(g => change(g, p.detach().indexSelect(0, rows.indices))).toTensor()
  }
}

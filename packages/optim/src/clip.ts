// Keeping gradients in bounds before a step. Bounds are applied on the device: nothing is read.

import { CairnError, noGrad, type Tensor } from '@cairn/tensor'
import { changeGrad, gradValues } from './gradients.ts'

export interface ClipOptions {
  /** which norm, default 2; Infinity for the largest absolute value */
  readonly normType?: number
}

/**
 * Scales all gradients together so that their norm, taken as one vector, is at most `maxNorm` (Pascanu et al. 2013).
 * @returns the norm before, 0-d, kept: read it after the step
 */
export function clipGradNorm(params: Iterable<Tensor>, maxNorm: number, options: ClipOptions = {}): Tensor {
  return noGrad(() => {
    const list = [...params].filter(p => p.grad)
    const norm = gradNorm(list, options).keep()
    const scale = norm.add(1e-6).reciprocal().mul(maxNorm).minimum(1)
    for (const p of list) changeGrad(p, g => g.mul(scale.to(p.dtype)))
    return norm
  })
}

/** The norm of all gradients as one vector, 0-d. */
export function gradNorm(params: Iterable<Tensor>, { normType = 2 }: ClipOptions = {}): Tensor {
  const grads = [...params].flatMap(p => gradValues(p) ?? [])
  if (grads.length === 0) throw new CairnError('gradNorm', 'no parameter has a gradient; call backward() first')
  const wide = grads.map(g => (g.dtype === 'f16' || g.dtype === 'bf16' ? g.to('f32') : g))
  if (normType === Infinity)
    return inPairs(
      wide.map(g => g.abs().max()),
      (a, b) => a.maximum(b),
    )
  const total = (parts: Tensor[]) => inPairs(parts, (a, b) => a.add(b))
  if (normType === 2) return total(wide.map(g => g.mul(g).sum())).sqrt()
  return total(wide.map(g => g.abs().pow(normType).sum())).pow(1 / normType)
}

/** Combines neighbours until one is left: a tree is as deep as log n, and its rounding errors as small. */
function inPairs(parts: Tensor[], combine: (a: Tensor, b: Tensor) => Tensor): Tensor {
  while (parts.length > 1)
    parts = Array.from({ length: Math.ceil(parts.length / 2) }, (_, i) =>
      2 * i + 1 < parts.length ? combine(parts[2 * i], parts[2 * i + 1]) : parts[2 * i],
    )
  return parts[0]
}

/**
 * Adaptive clipping (Brock et al. 2021): the gradient of each row of a weight (each output of a layer) is at most `bound` times as long as the row.
 * Vectors count as one row for each element, as in the paper's own code.
 * @param bound the paper's lambda, default 0.01   @param options.eps the least length of a row, default 1e-3
 */
export function clipGradAdaptive(
  params: Iterable<Tensor>,
  bound = 0.01,
  options: { readonly eps?: number } = {},
): void {
  const { eps = 1e-3 } = options
  const lengths = (t: Tensor): Tensor => {
    if (t.ndim < 2) return t.abs()
    const axes = t.shape.map((_, d) => d).slice(1)
    return t.mul(t).sum(axes, { keepDim: true }).sqrt()
  }
  noGrad(() => {
    for (const p of params) {
      const bounded = (values: Tensor, weight: Tensor): Tensor => {
        const [g, w] = [values, weight].map(t => (t.dtype === 'f16' || t.dtype === 'bf16' ? t.to('f32') : t))
        const most = lengths(w).maximum(eps).mul(bound)
        const length = lengths(g)
        const scale = most.div(length.maximum(1e-6))
        return g.mul(scale).where(length.gt(most), g).to(p.dtype)
      }
      changeGrad(p, bounded, { whole: true })
    }
  })
}

/** Limits each element of each gradient to [-bound, bound]. */
export function clipGradValue(params: Iterable<Tensor>, bound: number): void {
  noGrad(() => {
    for (const p of params) changeGrad(p, g => g.clamp(-bound, bound), { whole: true })
  })
}

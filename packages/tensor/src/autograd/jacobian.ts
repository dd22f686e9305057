// All derivatives of all results: a basis vector for each row (reverse) or column (forward), and vmap over them, so a Jacobian is one pass
// over the graph with an axis more.

import { eye } from '../creation.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { moveAxis } from '../primitives/batching.ts'
import { sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { type ArgNums, type ArgsAt, type GradTransform, grad, vjp } from './grad.ts'
import { linearize } from './jvp.ts'
import { tensorsOf } from './trace.ts'
import { mapTree, rebuild } from './tree.ts'
import { vmap } from './vmap.ts'

export interface JacobianOptions<N extends ArgNums = 0> extends GradTransform<N> {
  /** 'reverse': a backward pass for each result; 'forward': a forward pass for each input. Default: what needs fewer. */
  readonly mode?: 'reverse' | 'forward'
}

/** A tree of results; in the place of each tensor, the tree of arguments with a derivative for each of their tensors. */
export type JacobianOf<R, X> = R extends Tensor
  ? X
  : R extends readonly unknown[]
    ? { [K in keyof R]: JacobianOf<R[K], X> }
    : R extends object
      ? { [K in keyof R]: JacobianOf<R[K], X> }
      : R

/**
 * `jacobian(f)(x)` holds the derivative of each element of f(x) by each element of x: shape `[...f(x).shape, ...x.shape]`. With trees, the
 * structure of the results, and in each of their tensors' places the structure of the argument.
 */
export function jacobian<A extends readonly unknown[], R, const N extends ArgNums = 0>(
  f: (...args: A) => R,
  options: JacobianOptions<N> = {},
): (...args: A) => JacobianOf<R, ArgsAt<A, N>> {
  const { argnums = 0, mode } = options
  return (...args: A) => {
    const positions: readonly number[] = typeof argnums === 'number' ? [argnums] : argnums
    const chosen = positions.map(n => args[n])
    const of = (...inner: readonly unknown[]): R =>
      f(...(args.map((arg, i) => (positions.includes(i) ? inner[positions.indexOf(i)] : arg)) as unknown as A))
    const inputs = tensorsOf(chosen)
    for (const t of inputs)
      if (!isFloat(t.dtype)) throw new DTypeError('jacobian', `an argument is ${t.dtype} and has no derivative`)
    const rows = mode === 'forward' ? forward(of, chosen, inputs) : reverse(of, chosen, inputs, mode)
    let at = 0
    return mapTree(rows.out, () => {
      const found = rebuild(chosen, rows.parts[at++])
      return typeof argnums === 'number' ? found[0] : found
    }) as unknown as JacobianOf<R, ArgsAt<A, N>>
  }
}

interface Rows<R> {
  readonly out: R
  /** for each result, a derivative for each input */
  readonly parts: readonly (readonly Tensor[])[]
}

const elements = (tensors: readonly Tensor[]): number => tensors.reduce((n, t) => n + sizeOf(t.shape), 0)

/** One-hot tensors in the shape of t: [size, ...shape]. */
const basisOf = (t: Tensor): Tensor =>
  eye(t.size, t.size, { dtype: t.dtype, device: t.device as 'wasm' }).reshape([t.size, ...t.shape])

function reverse<R>(
  f: (...inner: readonly unknown[]) => R,
  chosen: readonly unknown[],
  inputs: readonly Tensor[],
  mode: 'reverse' | undefined,
): Rows<R> {
  const [out, pull] = vjp(f, ...chosen)
  const results = tensorsOf(out)
  if (!mode && elements(inputs) < elements(results)) return forward(f, chosen, inputs)
  const parts = results.map((result, i) => {
    const pulled = vmap((g: Tensor) =>
      tensorsOf(
        pull(
          rebuild(
            out,
            results.map((r, j) => (i === j ? g : r.zerosLike())),
          ),
        ),
      ),
    )(basisOf(result))
    return pulled.map((p, j) => p.reshape([...result.shape, ...inputs[j].shape]))
  })
  return { out, parts }
}

function forward<R>(
  f: (...inner: readonly unknown[]) => R,
  chosen: readonly unknown[],
  inputs: readonly Tensor[],
): Rows<R> {
  const [out, push] = linearize(f, ...chosen)
  const results = tensorsOf(out)
  const columns = inputs.map((input, j) => {
    const pushed = vmap((t: Tensor) =>
      tensorsOf(
        push(
          ...(rebuild(
            chosen,
            inputs.map((x, i) => (i === j ? t : x.zerosLike())),
          ) as readonly unknown[]),
        ),
      ),
    )(basisOf(input))
    return pushed.map((p, i) =>
      moveAxis(p.reshape([input.size, results[i].size]), 0, 1).reshape([...results[i].shape, ...input.shape]),
    )
  })
  return { out, parts: results.map((_, i) => columns.map(c => c[i])) }
}

/**
 * `hessian(f)(x)` holds the second derivatives of a scalar function, shape `[...x.shape, ...x.shape]`: the forward Jacobian of the gradient.
 */
export function hessian<A extends readonly unknown[], const N extends ArgNums = 0>(
  f: (...args: A) => Tensor,
  options: GradTransform<N> = {},
): (...args: A) => JacobianOf<ArgsAt<A, N>, ArgsAt<A, N>> {
  return jacobian(grad(f, options), { ...options, mode: 'forward' })
}

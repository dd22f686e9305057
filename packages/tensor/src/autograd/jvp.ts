// Forward mode. The pullback of a function is linear in its cotangent u, and its derivative with respect to u is the pushforward: two
// backward walks give J t, and what the first one computed falls away because J t does not depend on u. So no primitive needs a rule of
// its own (the trick is Townsend's, "A new trick for calculating Jacobian vector products", 2017).

import { isFloat } from '../dtype.ts'
import { state, within } from '../graph/scope.ts'
import type { Tensor } from '../tensor.ts'
import { grad, weightsFor } from './grad.ts'
import { forget, forgotten, leafFor, pullBack, tensorsOf, trace } from './trace.ts'
import { rebuild } from './tree.ts'

/**
 * Gives f(primals) and its derivative along the tangents: the Jacobian times a vector, at about the cost of f.
 * @param primals the arguments, trees of tensors   @param tangents tensors in the same structure
 */
export function jvp<A extends readonly unknown[], R>(f: (...args: A) => R, primals: A, tangents: A): [R, R] {
  const [out, push] = linearAt('jvp', f, primals)
  return [out, push(tangents)]
}

/** Gives f(x) and a function from tangents of the arguments to the tangent of the result: jvp for many directions, with f computed once. */
export function linearize<A extends readonly unknown[], R>(
  f: (...args: A) => R,
  ...args: A
): [R, (...tangents: A) => R] {
  const [out, push] = linearAt('linearize', f, args)
  return [out, (...tangents) => push(tangents)]
}

function linearAt<A extends readonly unknown[], R>(
  name: string,
  f: (...args: A) => R,
  args: A,
): [R, (tangents: A) => R] {
  const { out, leaves } = trace(name, f, args)
  const made = leaves.filter(l => l !== null)
  const roots = tensorsOf(out)
  const cotangents = roots.map(r => (isFloat(r.dtype) ? leafFor(r.zerosLike()) : null))
  const pulled = within(name, { internal: true }, () => pullBack(name, roots, cotangents, made, true))
  const own = [...made, ...cotangents.filter(c => c !== null)]
  const push = (tangents: A): R => {
    const given = weightsFor(name, tensorsOf(args), tangents).filter((_, i) => leaves[i] !== null)
    const found = pullBack(
      name,
      pulled,
      given,
      cotangents.filter(c => c !== null),
      state.grad,
    )
    forget(found, own)
    let at = 0
    return rebuild(
      out,
      roots.map((r, i) => (cotangents[i] ? found[at++] : r.zerosLike())),
    )
  }
  return [forgotten(out, made), push]
}

/** The product of the Hessian of a scalar function with a vector, without the Hessian: the derivative of the gradient along v. */
export function hvp<X>(f: (x: X) => Tensor, x: X, v: X): X {
  const [, out] = jvp(grad(f), [x], [v])
  return out as X
}

// Functions to gradients: grad and valueAndGrad of scalar functions, vjp of any. Each is a function again, made of the same graph, so they
// nest with one another and with vmap, jvp and jacobian in any order. Names and conventions are JAX's and torch.func's.

import { isFloat } from '../dtype.ts'
import { GradientError } from '../errors.ts'
import { state } from '../graph/scope.ts'
import { Tensor } from '../tensor.ts'
import { type GradOptions, gradientsOf, seedOf } from './backward.ts'
import { forget, forgotten, pullBack, tensorsOf, trace } from './trace.ts'
import { rebuild } from './tree.ts'

/** Which arguments are differentiated: one position, or several. */
export type ArgNums = number | readonly number[]

/** The arguments at these positions. */
export type ArgsAt<A extends readonly unknown[], N extends ArgNums> = N extends readonly number[]
  ? { -readonly [K in keyof N]: A[N[K] & keyof A] }
  : A[N & keyof A]

export interface GradTransform<N extends ArgNums = 0> {
  /** Positions of the arguments that are differentiated; default 0. An array gives an array. */
  readonly argnums?: N
}

/** The function returns [scalar, anything else], and what else it returned comes along. */
export interface WithAux {
  readonly hasAux: true
}

/**
 * The gradient of a scalar function, as a function: `grad(f)(x)` is df/dx (first argument, which may be a tree of tensors), itself
 * differentiable. Or, called with a tensor and inputs, the gradients of that tensor as torch.autograd.grad gives them.
 * @throws TransformError for effects and reads inside of f
 */
export function grad(root: Tensor, inputs: readonly Tensor[], options?: GradOptions): Tensor[]
export function grad<A extends readonly unknown[], X, const N extends ArgNums = 0>(
  f: (...args: A) => readonly [Tensor, X],
  options: GradTransform<N> & WithAux,
): (...args: A) => [ArgsAt<A, N>, X]
export function grad<A extends readonly unknown[], const N extends ArgNums = 0>(
  f: (...args: A) => Tensor,
  options?: GradTransform<N>,
): (...args: A) => ArgsAt<A, N>
export function grad(
  of: Tensor | ((...args: readonly unknown[]) => unknown),
  second: readonly Tensor[] | (GradTransform<ArgNums> & Partial<WithAux>) = {},
  options?: GradOptions,
): unknown {
  if (of instanceof Tensor) return gradientsOf(of, (second as readonly Tensor[] | undefined) ?? [], options)
  const { argnums = 0, hasAux } = second as GradTransform<ArgNums> & Partial<WithAux>
  return (...args: readonly unknown[]) => {
    const { aux, gradient } = differentiate('grad', of, args, argnums, hasAux === true)
    return hasAux ? [gradient, aux] : gradient
  }
}

/** `valueAndGrad(f)(x)` is [f(x), df/dx] for the first argument; with `hasAux`, [[value, aux], df/dx]. */
export function valueAndGrad<A extends readonly unknown[], X, const N extends ArgNums = 0>(
  f: (...args: A) => readonly [Tensor, X],
  options: GradTransform<N> & WithAux,
): (...args: A) => [[Tensor, X], ArgsAt<A, N>]
export function valueAndGrad<A extends readonly unknown[], const N extends ArgNums = 0>(
  f: (...args: A) => Tensor,
  options?: GradTransform<N>,
): (...args: A) => [Tensor, ArgsAt<A, N>]
export function valueAndGrad(
  f: (...args: readonly unknown[]) => unknown,
  options: GradTransform<ArgNums> & Partial<WithAux> = {},
): unknown {
  return (...args: readonly unknown[]) => {
    const { value, aux, gradient } = differentiate(
      'valueAndGrad',
      f,
      args,
      options.argnums ?? 0,
      options.hasAux === true,
    )
    return [options.hasAux ? [value, aux] : value, gradient]
  }
}

function differentiate(
  name: string,
  f: (...args: readonly unknown[]) => unknown,
  args: readonly unknown[],
  argnums: ArgNums,
  hasAux: boolean,
): { value: Tensor; aux: unknown; gradient: unknown } {
  const positions = typeof argnums === 'number' ? [argnums] : argnums
  for (const n of positions)
    if (!Number.isInteger(n) || n < 0 || n >= args.length)
      throw new GradientError(name, `there is no argument ${n} to differentiate`, { arguments: args.length })
  const { out, leaves } = trace(name, f, args, positions)
  const [value, aux] = hasAux ? (out as readonly [Tensor, unknown]) : [out as Tensor]
  if (!(value instanceof Tensor))
    throw new GradientError(
      name,
      `needs a function that returns a tensor${hasAux ? ' and something else, as [tensor, aux]' : ''}`,
    )
  if (value.size !== 1)
    throw new GradientError(name, 'needs a function that returns one element', { shape: [...value.shape] })
  const made = leaves.filter(l => l !== null)
  const found = pullBack(name, [value], [seedOf(name, value)], made, true)
  forget([value, ...tensorsOf(aux), ...found], made)
  let at = 0
  const all = rebuild(
    args,
    leaves.map(leaf => (leaf ? found[at++] : null)),
  )
  return { value, aux, gradient: typeof argnums === 'number' ? all[argnums] : argnums.map(n => all[n]) }
}

/**
 * The vector-Jacobian product: [f(x), a function from a cotangent of the result to the gradients of all arguments]. Arguments and results
 * may be trees; what has no derivative (an integer tensor) gets zeros.
 */
export function vjp<A extends readonly unknown[], R>(f: (...args: A) => R, ...args: A): [R, (g: R) => [...A]] {
  const { out, leaves } = trace('vjp', f, args)
  const made = leaves.filter(l => l !== null)
  const roots = tensorsOf(out)
  const pull = (g: R): [...A] => {
    const found = pullBack('vjp', roots, weightsFor('vjp', roots, g), made, state.grad)
    forget(found, made)
    let at = 0
    const given = tensorsOf(args)
    return rebuild(
      args,
      leaves.map((leaf, i) => (leaf ? found[at++] : given[i].zerosLike())),
    ) as unknown as [...A]
  }
  return [forgotten(out, made), pull]
}

/** The tensors of a tree shaped like the roots; none for roots that have no derivative. */
export function weightsFor(name: string, roots: readonly Tensor[], tree: unknown): (Tensor | null)[] {
  const given = tensorsOf(tree)
  if (given.length !== roots.length)
    throw new GradientError(name, `needs ${roots.length} tensors in the structure of the values, got ${given.length}`)
  return given.map((t, i) => (isFloat(roots[i].dtype) ? t : null))
}

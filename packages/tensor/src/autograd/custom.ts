// A function whose derivative the user writes. The value is computed without history and gets the user's pullback as its rule; what the pullback
// refers to keeps its own history, so it can be differentiated again, and under vmap it is batched with the rest of the trace.

import { GradientError, listed, ShapeError } from '../errors.ts'
import { sameShape } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'

/** From the gradient of the value to the gradients of the arguments; null where none flows. */
export type Pullback = (g: Tensor, out: Tensor) => readonly (Tensor | null)[]

/**
 * A function with a derivative of your own: `f` returns its value and its pullback, both in tensor ops.
 * ```ts no-run
 * const logistic = customGradient((x: Tensor) => {
 *   const y = x.neg().exp().add(1).reciprocal()
 *   return [y, g => [g.mul(y).mul(y.neg().add(1))]]
 * })
 * ```
 * The pullback gets the value as its second argument too. It must be linear in g for forward mode (`jvp`, `hessian`) to hold.
 * @throws GradientError when it returns another number of gradients than there are arguments
 */
export function customGradient<A extends readonly Tensor[]>(
  f: (...args: A) => readonly [value: Tensor, pullback: Pullback],
): (...args: A) => Tensor {
  return (...args: A) => {
    const [value, pullback] = f(...args)
    if (!args.some(t => t.requiresGrad)) return value
    const rule = (g: Tensor, inputs: readonly Tensor[], out: Tensor) => {
      const parts = pullback(g, out)
      if (parts.length !== inputs.length)
        throw new GradientError(
          'customGradient',
          `the pullback returned ${parts.length} gradients for ${inputs.length} arguments`,
        )
      parts.forEach((part, i) => {
        if (part && !sameShape(part.shape, inputs[i].shape))
          throw new ShapeError(
            'customGradient',
            `gradient ${i} has another shape: ${listed(part.shape)} for ${listed(inputs[i].shape)}`,
          )
      })
      return parts
    }
    return apply('shortcut', [value.detach(), ...args], { rule })
  }
}

// Functions whose gradient is shorter than the gradients of their parts: softmax needs its result only, not the exponentials.

import type { DerivativeRule } from '../graph/node.ts'
import { within } from '../graph/scope.ts'
import { apply, type Tensor } from '../tensor.ts'

/**
 * The value that `run` computes without history, with `rule` as its derivative with respect to `inputs`.
 * @param form names the rule, if what it makes follows from its operands and this name alone: then it is not asked at each backward pass
 */
export function withDerivative(
  inputs: readonly Tensor[],
  run: () => Tensor,
  rule: DerivativeRule,
  form?: string,
): Tensor {
  if (!inputs.some(t => t.requiresGrad)) return run()
  const value = within('withDerivative', { grad: false, internal: true }, run)
  return apply('shortcut', [value, ...inputs], form === undefined ? { rule } : { rule, form })
}

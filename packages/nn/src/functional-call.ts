// A module as a function of its tensors, so that grad, vmap and the other transforms can take them as arguments: per-example gradients,
// ensembles, a step of learning inside of a step. PyTorch's torch.func.functional_call.

import { CairnError, ShapeError, Tensor } from '@cairn/tensor'
import type { Module, StateDict } from './module.ts'

type Fields = Record<string, unknown>

/**
 * `module.forward(...args)` with other tensors in the place of those that `tensors` names; the rest of the module, and afterwards all of it, is as it
 * was. A tied tensor is replaced under all its names.
 * @param tensors by path, as in `stateDict()`; a part of them will do. Shapes must be the same.
 * @throws CairnError for a name that the module does not have; ShapeError for another shape
 */
export function functionalCall<A extends readonly unknown[], R>(
  module: Module & { forward(...args: A): R },
  tensors: StateDict,
  ...args: A
): R {
  const own = module.stateDict()
  const given: ReadonlyMap<string, Tensor> = tensors instanceof Map ? tensors : new Map(Object.entries(tensors))
  const replacements = new Map<object, Tensor>()
  for (const [name, value] of given) {
    const target = own.get(name)
    if (!target)
      throw new CairnError('functionalCall', `${module.constructor.name} has no tensor ${name}; see stateDict()`)
    if (target.ndim !== value.ndim || target.shape.some((n, d) => n !== value.shape[d]))
      throw new ShapeError(
        'functionalCall',
        `${name} is [${target.shape.join(', ')}] in the module and [${value.shape.join(', ')}] here`,
      )
    replacements.set(target.storage!, value)
  }
  const undo: (() => void)[] = []
  const replace = (holder: Fields): void => {
    for (const [key, value] of Object.entries(holder)) {
      if (Array.isArray(value)) replace(value as unknown as Fields)
      else if (value instanceof Tensor && value.storage) {
        const other = replacements.get(value.storage)
        if (!other) continue
        holder[key] = other
        undo.push(() => {
          holder[key] = value
        })
      }
    }
  }
  try {
    for (const part of [...module.modules()]) replace(part as unknown as Fields)
    const out = module.forward(...args)
    if (typeof (out as { then?: unknown } | null | undefined)?.then === 'function')
      throw new CairnError('functionalCall', 'forward returned a Promise; the tensors are only in place while it runs')
    return out
  } finally {
    for (const restore of undo) restore()
  }
}

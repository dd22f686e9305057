// What a module owns: parameters, which learn, and buffers, which do not. Both have a storage; a value that was merely computed is
// neither, so a module may remember its last activations without saving them.

import type { Tensor } from '@cairn/tensor'

const marked = new WeakSet<Tensor>()

/** Makes a tensor a parameter: a leaf that collects gradients, and stays a parameter when it is frozen with `requiresGrad = false`. */
export function parameter(value: Tensor): Tensor {
  value.requiresGrad = true
  marked.add(value)
  return value
}

/** Makes a tensor a buffer: saved with the module, never trained. */
export function buffer(value: Tensor): Tensor {
  value.own()
  return value
}

/** Made by `parameter`, or a leaf that requires a gradient. */
export function isParameter(value: Tensor): boolean {
  if (!marked.has(value) && value.storage?.requiresGrad) marked.add(value)
  return marked.has(value)
}

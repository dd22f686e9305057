// Functions that are called around a module's forward pass, after torch.nn.Module's hooks. A hooked module gets a `forward` of its own in front of its
// class's; without hooks nothing is in the way. A jitted function keeps the hooks that it was recorded with.

import { customGradient, Tensor } from '@cairn/tensor'
import type { Module } from '../module.ts'

type Forward = (...args: unknown[]) => unknown
/** Gets the arguments; what it returns, if anything, takes their place. */
export type ForwardPreHook = (module: Module, args: readonly unknown[]) => readonly unknown[] | undefined
/** Gets the arguments and the result; what it returns, if anything, takes the result's place. */
export type ForwardHook = (module: Module, args: readonly unknown[], result: unknown) => unknown
/** Gets the gradient of the result (one tensor); what it returns, if anything, takes its place. A lazy tensor: read it after the step. */
export type BackwardHook = (module: Module, gradient: Tensor) => Tensor | undefined

interface Hooks {
  readonly before: Set<ForwardPreHook>
  readonly after: Set<ForwardHook>
  readonly backward: Set<BackwardHook>
}
const registry = new WeakMap<Module, Hooks>()

function hooksOf(module: Module): Hooks {
  const found = registry.get(module)
  if (found) return found
  const hooks: Hooks = { before: new Set(), after: new Set(), backward: new Set() }
  registry.set(module, hooks)
  const forward: Forward = (...given) => {
    let args: readonly unknown[] = given
    for (const hook of hooks.before) args = hook(module, args) ?? args
    const own = Object.getPrototypeOf(module) as { forward: Forward }
    let result = own.forward.apply(module, [...args])
    for (const hook of hooks.after) result = hook(module, args, result) ?? result
    return hooks.backward.size > 0 && result instanceof Tensor ? watched(module, result, hooks) : result
  }
  // not enumerable: no field of the module, so neither the state dict nor jit looks at it
  Object.defineProperty(module, 'forward', { value: forward, configurable: true, writable: true, enumerable: false })
  return hooks
}

/** The same value; its gradient passes the hooks. */
function watched(module: Module, result: Tensor, hooks: Hooks): Tensor {
  const pass = customGradient((x: Tensor) => [
    x,
    g => {
      let gradient = g
      for (const hook of hooks.backward) gradient = hook(module, gradient) ?? gradient
      return [gradient]
    },
  ])
  return pass(result)
}

/** @returns takes the hook away again */
function added<H>(module: Module, kind: (hooks: Hooks) => Set<H>, hook: H): () => void {
  const set = kind(hooksOf(module))
  set.add(hook)
  return () => {
    set.delete(hook)
    const hooks = registry.get(module)
    if (!hooks || hooks.before.size + hooks.after.size + hooks.backward.size > 0) return
    registry.delete(module)
    delete (module as unknown as { forward?: unknown }).forward
  }
}

/** Calls `hook` before each forward pass of a module. @returns takes it away again */
export const registerForwardPreHook = (module: Module, hook: ForwardPreHook): (() => void) =>
  added(module, h => h.before, hook)
/** Calls `hook` after each forward pass of a module. @returns takes it away again */
export const registerForwardHook = (module: Module, hook: ForwardHook): (() => void) =>
  added(module, h => h.after, hook)
/** Calls `hook` with the gradient of a module's result, when `backward()` or a transform walks over it. @returns takes it away again */
export const registerBackwardHook = (module: Module, hook: BackwardHook): (() => void) =>
  added(module, h => h.backward, hook)

// Arguments and results of transforms: tensors in nested arrays, maps and plain objects. Whatever else stands in them (numbers, strings,
// modules, functions) is passed on as it is.

import { CairnError } from '../errors.ts'
import { Tensor } from '../tensor.ts'

const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The same tree with `change` applied to its tensors, which get their path for errors: `[0].weight`. */
export function mapTree<T>(tree: T, change: (t: Tensor, path: string) => unknown, path = ''): T {
  if (tree instanceof Tensor) return change(tree, path) as T
  if (Array.isArray(tree)) return tree.map((item, i) => mapTree(item, change, `${path}[${i}]`)) as T
  if (tree instanceof Map)
    return new Map([...tree].map(([key, item]) => [key, mapTree(item, change, `${path}.${key}`)])) as T
  if (isPlain(tree))
    return Object.fromEntries(
      Object.entries(tree).map(([key, item]) => [key, mapTree(item, change, `${path}.${key}`)]),
    ) as T
  return tree
}

export interface Leaf {
  readonly tensor: Tensor
  readonly path: string
}

/** The tensors of a tree, in the order of its fields. */
export function leavesOf(tree: unknown): Leaf[] {
  const leaves: Leaf[] = []
  mapTree(tree, (tensor, path) => {
    leaves.push({ tensor, path })
    return tensor
  })
  return leaves
}

/** The tree with other tensors (or whatever stands for them), in the order of `leavesOf`. */
export function rebuild<T>(tree: T, values: readonly unknown[]): T {
  let at = 0
  return mapTree(tree, () => values[at++])
}

/** A value for each tensor of a tree, from a tree that may end early: what stands there holds for everything below. */
export function prefixOf<V>(op: string, tree: unknown, prefix: Prefix<V>, isValue: (v: unknown) => v is V): V[] {
  const values: V[] = []
  const walk = (branch: unknown, own: unknown, path: string): void => {
    if (isValue(own)) mapTree(branch, t => values.push(own) && t)
    else if (Array.isArray(branch) && Array.isArray(own) && own.length === branch.length)
      branch.forEach((item, i) => walk(item, own[i], `${path}[${i}]`))
    else if (isPlain(branch) && isPlain(own))
      for (const [key, item] of Object.entries(branch)) walk(item, own[key], `${path}.${key}`)
    else if (leavesOf(branch).length)
      throw new CairnError(op, `the axes do not have the structure of the values at ${path || 'the top'}`)
  }
  walk(tree, prefix, '')
  return values
}

/** A value, or values in the structure of the arguments (or a part of it from the top). */
export type Prefix<V> = V | readonly Prefix<V>[] | { readonly [key: string]: Prefix<V> }

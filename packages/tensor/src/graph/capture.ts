// What a run asks for, as plain data: the graph numbered in topological order, leaves numbered by the identity of their storage (so that
// aliasing is part of the key), numbers given as operands in a table of scalars. The key holds structure; sizes are apart, since they may
// become runtime symbols.

import type { DType } from '../dtype.ts'
import type { Root } from './executor.ts'
import { type Attributes, type Node, noAttributes } from './node.ts'
import type { Storage } from './storage.ts'

export interface CapturedNode {
  readonly op: string
  readonly sources: readonly number[]
  readonly dtype: DType
  readonly rank: number
  readonly attributes: Attributes
  /** where its sizes begin in `sizes`: the shape, then attributes.sizes */
  readonly sizesAt: number
  /** storage number of a leaf, slot of a scalar, else -1 */
  readonly leaf: number
}

export interface Captured {
  readonly nodes: readonly CapturedNode[]
  /** for each root: the node, and the leaf number of its target when the graph reads it too, else -1 */
  readonly roots: readonly { readonly node: number; readonly leaf: number }[]
  readonly storages: readonly Storage[]
  readonly scalars: readonly number[]
  readonly sizes: readonly number[]
  readonly key: Int32Array
  readonly hash: number
}

const interned = new Map<string, number>()
const intern = (text: string): number => {
  let id = interned.get(text)
  if (id === undefined) interned.set(text, (id = interned.size))
  return id
}

const structures = new WeakMap<Attributes, number>()
/** A number for everything in the attributes but sizes. */
function structureOf(attributes: Attributes): number {
  if (attributes === noAttributes) return -1
  let id = structures.get(attributes)
  if (id === undefined) {
    const { axis, axes, steps, value, mode } = attributes
    id = intern(`${axis}|${axes}|${steps}|${value === undefined ? '' : Object.is(value, -0) ? '-0' : value}|${mode}`)
    structures.set(attributes, id)
  }
  return id
}

export function capture(
  roots: readonly Root[],
  resolve: (node: Node) => Node,
  visited: (node: Node) => void,
): Captured {
  const numbers = new Map<Node, number>()
  const nodes: CapturedNode[] = []
  const storages: Storage[] = []
  const storageNumbers = new Map<Storage, number>()
  const scalars: number[] = []
  const sizes: number[] = []
  const key: number[] = []
  /** sizes 0 and 1 change what broadcasting and loops mean: they are structure */
  const pushSize = (n: number) => {
    sizes.push(n)
    key.push(n === 1 ? 1 : n === 0 ? 2 : 0)
  }

  const add = (node: Node, sources: readonly Node[]): void => {
    let leaf = -1
    if (node.op === 'storage') {
      const storage = node.storage!
      const known = storageNumbers.get(storage)
      leaf = known ?? storages.length
      if (known === undefined) {
        storageNumbers.set(storage, leaf)
        storages.push(storage)
      }
    } else if (node.op === 'scalar') {
      leaf = scalars.length
      scalars.push(node.scalar)
    } else if (node.op !== 'constant') visited(node)
    const numbered = sources.map(s => numbers.get(s)!)
    numbers.set(node, nodes.length)
    key.push(
      intern(node.op),
      intern(node.dtype),
      structureOf(node.attributes),
      leaf,
      node.shape.length,
      numbered.length,
    )
    for (const n of numbered) key.push(n)
    const sizesAt = sizes.length
    for (const n of node.shape) pushSize(n)
    if (node.attributes.sizes) for (const n of node.attributes.sizes) pushSize(n)
    nodes.push({
      op: node.op,
      sources: numbered,
      dtype: node.dtype,
      rank: node.shape.length,
      attributes: node.attributes,
      sizesAt,
      leaf,
    })
  }

  const walk = (root: Node): number => {
    const stack: { node: Node; sources: readonly Node[]; next: number }[] = []
    const open = (node: Node) => {
      if (!numbers.has(node)) stack.push({ node, sources: node.sources.map(resolve), next: 0 })
    }
    const start = resolve(root)
    open(start)
    while (stack.length) {
      const top = stack[stack.length - 1]
      if (top.next < top.sources.length) open(top.sources[top.next++])
      else {
        stack.pop()
        if (!numbers.has(top.node)) add(top.node, top.sources)
      }
    }
    return numbers.get(start)!
  }

  const found = roots.map(root => walk(root.value))
  const targets = roots.map((root, i) => ({ node: found[i], leaf: storageNumbers.get(root.target) ?? -1 }))
  for (const { node, leaf } of targets) key.push(node, leaf)
  const packed = Int32Array.from(key)
  return { nodes, roots: targets, storages, scalars, sizes, key: packed, hash: hashOf(packed) }
}

/** FNV-1a over 32-bit words; a hit is confirmed by comparison. */
function hashOf(words: Int32Array): number {
  let hash = 0x811c9dc5
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193)
  return hash
}

export const sameKey = (a: Int32Array, b: Int32Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

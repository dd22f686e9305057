// What a run asks for, as plain data: the graph numbered in topological order, leaves numbered by the identity of their storage (so that
// aliasing is part of the key), numbers given as operands in a table of scalars. The key holds structure; sizes are apart, since they may
// become runtime symbols. One walk does it all, and writes numbers only: nodes become objects when a plan is compiled from them.

import type { DType } from '../dtype.ts'
import { TransformError } from '../errors.ts'
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

export interface CapturedRoot {
  /** number of the node */
  readonly node: number
  /** the leaf number of its target when the graph reads it too, else -1 */
  readonly leaf: number
}

/** A value to compute and the storage that receives it. */
export interface Root {
  /** number of the node, from `Capture.walk` */
  readonly node: number
  readonly target: Storage
}

const interned = new Map<string, number>()
const intern = (text: string): number => {
  let id = interned.get(text)
  if (id === undefined) interned.set(text, (id = interned.size))
  return id
}

/** Integers that grow in place. */
class Words {
  data = new Int32Array(4096)
  length = 0
  room(count: number): void {
    if (this.length + count <= this.data.length) return
    const larger = new Int32Array(2 * (this.length + count))
    larger.set(this.data.subarray(0, this.length))
    this.data = larger
  }
}
/** the key that is being written; a capture is never interrupted */
const words = new Words()
const double = new Float64Array(1)
const halves = new Int32Array(double.buffer)

let captures = 0

/** Every attribute is in the key, but the derivative, which is no part of the computation, and a user's op or an algorithm, which `mode` names. */
const keyed = {
  axis: true,
  axes: true,
  steps: true,
  sizes: true,
  value: true,
  mode: true,
  rule: false,
  custom: false,
  program: false,
}
keyed satisfies Record<keyof Attributes, boolean>

/** Words of a node before its sources: op, dtype, leaf, rank, attributes, sources. */
const head = 6

export class Captured {
  readonly roots: readonly CapturedRoot[]
  readonly storages: readonly Storage[]
  readonly scalars: readonly number[]
  readonly sizes: readonly number[]
  readonly key: Int32Array
  readonly hash: number
  /** the graph's nodes, sources before users; gone with the capture, which plans do not keep */
  readonly order: readonly Node[]
  /** where the words of each node begin in the key */
  readonly #at: readonly number[]

  constructor(
    roots: readonly CapturedRoot[],
    storages: readonly Storage[],
    scalars: readonly number[],
    sizes: readonly number[],
    key: Int32Array,
    order: readonly Node[],
    at: readonly number[],
  ) {
    this.roots = roots
    this.storages = storages
    this.scalars = scalars
    this.sizes = sizes
    this.key = key
    this.hash = hashOf(key)
    this.order = order
    this.#at = at
  }

  get nodes(): CapturedNode[] {
    let sizesAt = 0
    return this.order.map((node, i) => {
      const at = this.#at[i]
      const { op, dtype, attributes } = node
      const sources = Array.from(this.key.subarray(at + head, at + head + this.key[at + 5]))
      const rank = node.shape.length
      const captured = { op, sources, dtype, rank, attributes, sizesAt, leaf: this.key[at + 2] }
      sizesAt += rank + (attributes.sizes?.length ?? 0)
      return captured
    })
  }
}

/** Numbers the nodes below roots. `resolve` maps a node to the one to use instead, and throws for what is stale. */
export class Capture {
  /** nodes so far, sources before users */
  readonly order: Node[] = []
  /** values that an earlier plan computed without keeping and that something new needs */
  readonly boundary = new Set<Node>()
  readonly #resolve: (node: Node, reader: Node) => Node
  readonly #epoch = ++captures
  readonly #at: number[] = []
  readonly #storages: Storage[] = []
  readonly #scalars: number[] = []
  readonly #sizes: number[] = []

  constructor(resolve: (node: Node, reader: Node) => Node) {
    this.#resolve = resolve
    words.length = 0
  }

  /** @returns the node's number */
  walk(root: Node): number {
    const epoch = this.#epoch
    const start = this.#resolve(root, root)
    if (start.seen === epoch) return start.number
    const stack: Node[] = [start]
    start.seen = epoch
    start.cursor = 0
    while (stack.length) {
      const top = stack[stack.length - 1]
      if (top.cursor < top.sources.length) {
        let source = top.sources[top.cursor++]
        // what holds a value, or may be given one by this piece, is looked up
        if (source.storage !== null || source.alias !== null || source.error !== null)
          source = this.#resolve(source, top)
        else if (source.computed && source.named && !top.computed) this.boundary.add(source)
        if (source.seen !== epoch) {
          source.seen = epoch
          source.cursor = 0
          stack.push(source)
        }
      } else {
        stack.pop()
        this.#add(top)
      }
    }
    return start.number
  }

  #add(node: Node): void {
    const { sources, attributes, shape } = node
    if (node.op === 'placeholder')
      throw new TransformError('vmap', 'a value of one example has left the function; return it as a result')
    const { axes, steps, sizes } = attributes
    words.room(
      head + 8 + sources.length + shape.length + (axes?.length ?? 0) + (steps?.length ?? 0) + (sizes?.length ?? 0),
    )
    const { data } = words
    let at = words.length
    this.#at.push(at)
    let leaf = -1
    if (node.storage !== null) leaf = this.#storageOf(node.storage)
    else if (node.op === 'scalar') {
      leaf = this.#scalars.length
      this.#scalars.push(node.scalar)
    }
    data[at++] = intern(node.op)
    data[at++] = intern(node.dtype)
    data[at++] = leaf
    data[at++] = shape.length
    data[at++] = attributes === noAttributes ? -1 : 0
    data[at++] = sources.length
    for (let i = 0; i < sources.length; i++) {
      const s = sources[i]
      const plain = s.storage === null && s.alias === null && s.error === null
      data[at++] = (plain ? s : this.#resolve(s, node)).number
    }
    if (attributes !== noAttributes) {
      data[at++] = attributes.axis ?? -1
      data[at++] = attributes.mode === undefined ? -1 : intern(attributes.mode)
      data[at++] = axes?.length ?? -1
      if (axes) for (let i = 0; i < axes.length; i++) data[at++] = axes[i]
      data[at++] = steps?.length ?? -1
      if (steps) for (let i = 0; i < steps.length; i++) data[at++] = steps[i]
      data[at++] = sizes?.length ?? -1
      if (attributes.value === undefined) data[at++] = 0
      else {
        double[0] = attributes.value
        data[at++] = 1
        data[at++] = halves[0]
        data[at++] = halves[1]
      }
    }
    at = this.#pushSizes(shape, at)
    if (sizes) at = this.#pushSizes(sizes, at)
    words.length = at
    node.number = this.order.length
    this.order.push(node)
  }

  /** sizes 0 and 1 change what broadcasting and loops mean: they are structure */
  #pushSizes(sizes: readonly number[], at: number): number {
    const { data } = words
    for (let i = 0; i < sizes.length; i++) {
      const n = sizes[i]
      this.#sizes.push(n)
      data[at++] = n === 1 ? 1 : n === 0 ? 2 : 0
    }
    return at
  }

  #storageOf(storage: Storage): number {
    if (storage.seen !== this.#epoch) {
      storage.seen = this.#epoch
      storage.number = this.#storages.length
      this.#storages.push(storage)
    }
    return storage.number
  }

  finish(roots: readonly Root[]): Captured {
    words.room(2 * roots.length)
    const found = roots.map(({ node, target }): CapturedRoot => {
      const leaf = target.seen === this.#epoch ? target.number : -1
      words.data[words.length++] = node
      words.data[words.length++] = leaf
      return { node, leaf }
    })
    const key = words.data.slice(0, words.length)
    return new Captured(found, this.#storages, this.#scalars, this.#sizes, key, this.order, this.#at)
  }
}

/** FNV-1a over 32-bit words; a hit is confirmed by comparison. */
function hashOf(key: Int32Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i], 0x01000193)
  return hash
}

export const sameKey = (a: Int32Array, b: Int32Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

// What a run asks for, as plain data: the graph numbered in topological order, leaves numbered by the identity of their storage (so that
// aliasing is part of the key), numbers given as operands in a table of scalars. The key holds structure; sizes are apart, since they may
// become runtime symbols. One walk does it all, and writes numbers only, into arrays that all captures share: a known plan is found without
// copying them, and nodes become objects when a plan is compiled from them.

import type { DType } from '../dtype.ts'
import { ShapeError, TransformError } from '../errors.ts'
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

export class CapturedRoot {
  /** number of the node */
  readonly node: number
  /** the leaf number of its target when the graph reads it too, else -1 */
  readonly leaf: number
  constructor(node: number, leaf: number) {
    this.node = node
    this.leaf = leaf
  }
}

/** A value to compute and the storage that receives it. */
export class Root {
  /** number of the node, from `Capture.walk` */
  readonly node: number
  readonly target: Storage
  constructor(node: number, target: Storage) {
    this.node = node
    this.target = target
  }
}

const opNumbers = new Map<string, number>()
const dtypeNumbers = new Map<string, number>()
const modeNumbers = new Map<string, number>()
function intern(numbers: Map<string, number>, text: string): number {
  let id = numbers.get(text)
  if (id === undefined) numbers.set(text, (id = numbers.size))
  return id
}

const single = intern(dtypeNumbers, 'f32')

/** What is being written: the key, and beside it the sizes. A capture is never interrupted, so one of each serves all. */
let words = new Int32Array(4096)
let sizes = new Float64Array(4096)
/** for each node of a path how many of its sources have been walked */
let cursors = new Int32Array(1024)
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

/**
 * A node in the key: a word of these fields, the number of a leaf or of a place in the table of scalars, sources, attributes, the classes of its sizes.
 * Most nodes take four or five words, and every word is hashed and compared.
 */
const field = { dtype: 10, attributes: 14, rank: 15, sources: 22 } as const
const rankMask = 127
/** as many sources or more: their number is a word of its own */
const manySources = 1023
/** sizes in a word of classes */
const classesEach = 16

const numbered = (op: string): boolean => op === 'storage' || op === 'scalar'

/** A capture as it was handed over. Its key and sizes are read in place until the next capture begins; who needs them later calls `hold`. */
export class Captured {
  readonly roots: readonly CapturedRoot[]
  readonly storages: readonly Storage[]
  readonly scalars: readonly number[]
  readonly hash: number
  /** the graph's nodes, sources before users; gone with the capture, which plans do not keep */
  readonly order: readonly Node[]
  readonly #epoch: number
  readonly #words: number
  readonly #sizes: number
  #held: { readonly key: Int32Array; readonly sizes: readonly number[] } | null = null

  constructor(
    roots: readonly CapturedRoot[],
    storages: readonly Storage[],
    scalars: readonly number[],
    order: readonly Node[],
    epoch: number,
    wordCount: number,
    sizeCount: number,
  ) {
    this.roots = roots
    this.storages = storages
    this.scalars = scalars
    this.order = order
    this.#epoch = epoch
    this.#check()
    this.#words = wordCount
    this.#sizes = sizeCount
    this.hash = hashOf(wordCount)
  }

  #check(): void {
    if (this.#epoch !== captures) throw new Error('the capture was written over')
  }

  /** Copies what the next capture would write over. */
  hold(): { readonly key: Int32Array; readonly sizes: readonly number[] } {
    if (!this.#held) {
      this.#check()
      this.#held = { key: words.slice(0, this.#words), sizes: Array.from(sizes.subarray(0, this.#sizes)) }
    }
    return this.#held
  }
  get key(): Int32Array {
    return this.hold().key
  }
  get sizes(): readonly number[] {
    return this.hold().sizes
  }

  hasKey(key: Int32Array): boolean {
    if (this.#held) return sameKey(this.#held.key, key)
    this.#check()
    if (key.length !== this.#words) return false
    for (let i = 0; i < key.length; i++) if (key[i] !== words[i]) return false
    return true
  }
  hasSizes(list: Float64Array): boolean {
    if (this.#held || list.length !== this.#sizes) return sameSizes(list, this.sizes)
    this.#check()
    for (let i = 0; i < list.length; i++) if (list[i] !== sizes[i]) return false
    return true
  }

  get nodes(): CapturedNode[] {
    const { key, order } = this
    let at = 0
    let sizesAt = 0
    return order.map(node => {
      const { op, dtype, attributes } = node
      const word = key[at++]
      const rank = (word >> field.rank) & rankMask
      let count = word >>> field.sources
      if (count === manySources) count = key[at++]
      const leaf = numbered(op) ? key[at++] : -1
      const captured = { op, sources: Array.from(key.subarray(at, at + count)), dtype, rank, attributes, sizesAt, leaf }
      const sizes = attributes.sizes?.length ?? 0
      at += count + attributeWords(attributes) + Math.ceil(rank / classesEach) + Math.ceil(sizes / classesEach)
      sizesAt += rank + sizes
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
  readonly #storages: Storage[] = []
  readonly #scalars: number[] = []
  #words = 0
  #sizes = 0

  constructor(resolve: (node: Node, reader: Node) => Node) {
    this.#resolve = resolve
  }

  /** @returns the node's number */
  walk(root: Node): number {
    const epoch = this.#epoch
    const start = this.#resolve(root, root)
    if (start.seen === epoch) return start.number
    // A path of its own for each walk: V8 notes every young object that is written into an old array.
    const path: Node[] = [start]
    start.seen = epoch
    let depth = cursorsOf(0)
    let top = start
    for (;;) {
      const { sources } = top
      if (cursors[depth] < sources.length) {
        let source = sources[cursors[depth]++]
        // what holds a value, or may be given one by this piece, is looked up
        if (isLookedUp(source)) source = this.#resolve(source, top)
        else if (source.named && wasComputed(source, epoch) && !wasComputed(top, epoch)) this.boundary.add(source)
        if (source.seen !== epoch) {
          source.seen = epoch
          if (source.sources.length === 0) this.#add(source)
          else {
            depth = cursorsOf(path.push(source) - 1)
            top = source
          }
        }
      } else {
        path.pop()
        this.#add(top)
        if (depth-- === 0) return start.number
        top = path[depth]
      }
    }
  }

  #add(node: Node): void {
    const { sources, attributes, shape, op } = node
    if (op === 'placeholder')
      throw new TransformError('vmap', 'a value of one example has left the function; return it as a result')
    let at = this.#words
    const rank = shape.length
    const count = sources.length
    if (rank > rankMask) throw new ShapeError(op, `has ${rank} axes, more than ${rankMask}`)
    makeRoom(at + 3 + count + rank)
    const data = words
    const dtype = node.dtype === 'f32' ? single : intern(dtypeNumbers, node.dtype)
    const named = attributes === noAttributes ? 0 : 1
    const many = count >= manySources
    data[at++] =
      intern(opNumbers, op) |
      (dtype << field.dtype) |
      (named << field.attributes) |
      (rank << field.rank) |
      ((many ? manySources : count) << field.sources)
    if (many) data[at++] = count
    if (node.storage !== null) data[at++] = this.#storageOf(node.storage)
    else if (op === 'scalar') {
      data[at++] = this.#scalars.length
      this.#scalars.push(node.leaf!.scalar)
    } else if (op !== 'constant') node.computedBy = node.computedBy || this.#epoch
    for (let i = 0; i < count; i++) {
      const s = sources[i]
      data[at++] = (isLookedUp(s) ? this.#resolve(s, node) : s).number
    }
    if (named === 0) at = this.#pushSizes(shape, at)
    else {
      at = writeAttributes(attributes, at, rank)
      at = this.#pushSizes(shape, at)
      if (attributes.sizes !== undefined) at = this.#pushSizes(attributes.sizes, at)
    }
    this.#words = at
    node.number = this.order.length
    this.order.push(node)
  }

  /** sizes 0 and 1 change what broadcasting and loops mean: they are structure */
  #pushSizes(list: readonly number[], at: number): number {
    let to = this.#sizes
    if (to + list.length > sizes.length) {
      const larger = new Float64Array(2 * (to + list.length))
      larger.set(sizes)
      sizes = larger
    }
    const count = list.length
    let classes = 0
    for (let i = 0; i < count; i++) {
      const n = list[i]
      sizes[to++] = n
      classes = (classes << 2) | (n === 1 ? 1 : n === 0 ? 2 : 0)
      if (i % classesEach === classesEach - 1 || i === count - 1) {
        words[at++] = classes
        classes = 0
      }
    }
    this.#sizes = to
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

  /** Nothing of it was computed: the plan was refused. */
  undo(): void {
    for (const node of this.order) if (node.computedBy === this.#epoch) node.computedBy = 0
  }

  finish(roots: readonly Root[]): Captured {
    let at = this.#words
    makeRoom(at + 2 * roots.length)
    const found: CapturedRoot[] = []
    for (let i = 0; i < roots.length; i++) {
      const { node, target } = roots[i]
      const leaf = target.seen === this.#epoch ? target.number : -1
      words[at++] = node
      words[at++] = leaf
      found.push(new CapturedRoot(node, leaf))
    }
    this.#words = at
    return new Captured(found, this.#storages, this.#scalars, this.order, this.#epoch, at, this.#sizes)
  }
}

/** The place of a cursor, which begins at 0. */
function cursorsOf(place: number): number {
  if (place >= cursors.length) {
    const larger = new Int32Array(2 * place)
    larger.set(cursors)
    cursors = larger
  }
  cursors[place] = 0
  return place
}

/** Brings `words` to at least as many. */
function makeRoom(count: number): void {
  if (count <= words.length) return
  const larger = new Int32Array(2 * count)
  larger.set(words)
  words = larger
}

const isLookedUp = (node: Node): boolean => node.storage !== null || node.alias !== null || node.error !== null

/** Whether an earlier capture than this one had it computed. */
const wasComputed = (node: Node, epoch: number): boolean => node.computedBy !== 0 && node.computedBy !== epoch

/** Words that `writeAttributes` writes. */
function attributeWords(attributes: Attributes): number {
  if (attributes === noAttributes) return 0
  const { axes, steps, value } = attributes
  return 2 + (axes?.length ?? 0) + (steps?.length ?? 0) + (value === undefined ? 0 : 2)
}

/** @param after words that follow */
function writeAttributes(attributes: Attributes, start: number, after: number): number {
  const { axis, axes, steps, sizes, value, mode } = attributes
  const [axisCount, stepCount, sizeCount] = [axes?.length ?? -1, steps?.length ?? -1, sizes?.length ?? -1]
  makeRoom(start + 4 + axisCount + stepCount + sizeCount + after + 4)
  const data = words
  let at = start
  // counts of axes, which are at most 127, and for the widths of a pad twice as many
  data[at++] = (axisCount + 1) | ((stepCount + 1) << 8) | ((sizeCount + 1) << 16) | (value === undefined ? 0 : 1 << 25)
  data[at++] = ((axis ?? -1) + 1) | ((mode === undefined ? 0 : intern(modeNumbers, mode) + 1) << 8)
  if (axes) for (let i = 0; i < axes.length; i++) data[at++] = axes[i]
  if (steps) for (let i = 0; i < steps.length; i++) data[at++] = steps[i]
  if (value !== undefined) {
    double[0] = value
    data[at++] = halves[0]
    data[at++] = halves[1]
  }
  return at
}

/** FNV-1a over the words that were written, in four lanes, which a processor follows at once; a hit is confirmed by comparison. */
function hashOf(count: number): number {
  const data = words
  let [a, b, c, d] = [0x811c9dc5, 1, 2, 3]
  let i = 0
  for (; i + 3 < count; i += 4) {
    a = Math.imul(a ^ data[i], 0x01000193)
    b = Math.imul(b ^ data[i + 1], 0x01000193)
    c = Math.imul(c ^ data[i + 2], 0x01000193)
    d = Math.imul(d ^ data[i + 3], 0x01000193)
  }
  for (; i < count; i++) a = Math.imul(a ^ data[i], 0x01000193)
  for (const lane of [b, c, d]) a = Math.imul(a ^ lane, 0x01000193)
  return a
}

const sameSizes = (a: Float64Array, b: readonly number[]): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export const sameKey = (a: Int32Array, b: Int32Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

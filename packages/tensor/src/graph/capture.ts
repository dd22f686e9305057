// What a run asks for, as plain data: the graph numbered in topological order, leaves numbered by the identity of their storage (so that
// aliasing is part of the key), numbers given as operands in a table of scalars. The key holds structure; sizes are apart, since they may
// become runtime symbols. One walk does it all, and writes numbers only, into arrays that all captures share: a known plan is found without
// copying them, and nodes become objects when a plan is compiled from them.

import type { DType } from '../dtype.ts'
import { ShapeError, TransformError } from '../errors.ts'
import { type Attributes, type Node, noAttributes } from './node.ts'
import type { Storage } from './storage.ts'
import type { Subgraph } from './subgraph.ts'
import {
  attributeWords,
  beginWriting,
  field,
  hashOf,
  headOf,
  isLatest,
  isWritten,
  makeRoom,
  manySources,
  rankMask,
  sameKey,
  text,
  writeAttributes,
} from './words.ts'

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
  /** number of the node in `Captured.order` */
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

/** The sizes, beside the key. A capture is never interrupted, so one array serves all. */
let sizes = new Float64Array(4096)
/** for each node of a path how many of its sources have been walked */
let cursors = new Int32Array(1024)
/** sizes in a word of classes */
const classesEach = 16

const numbered = (op: string): boolean => op === 'storage' || op === 'scalar'

/** A capture as it was handed over. Its key and sizes are read in place until the next capture begins; who needs them later calls `hold`. */
export class Captured {
  readonly roots: readonly CapturedRoot[]
  readonly storages: readonly Storage[]
  readonly scalars: readonly number[]
  readonly hash: number
  /** the graph's nodes, calls as one, sources before users; gone with the capture, which plans do not keep */
  readonly order: readonly Node[]
  readonly #epoch: number
  readonly #words: number
  readonly #sizes: number
  #held: { readonly key: Int32Array; readonly sizes: readonly number[] } | null = null
  #flat: Flat | null = null

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
    if (!isLatest(this.#epoch)) throw new Error('the capture was written over')
  }

  /** Copies what the next capture would write over. */
  hold(): { readonly key: Int32Array; readonly sizes: readonly number[] } {
    if (!this.#held) {
      this.#check()
      this.#held = { key: text.words.slice(0, this.#words), sizes: Array.from(sizes.subarray(0, this.#sizes)) }
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
    return isWritten(key, this.#words)
  }
  hasSizes(list: Float64Array): boolean {
    if (this.#held || list.length !== this.#sizes) return sameSizes(list, this.sizes)
    this.#check()
    for (let i = 0; i < list.length; i++) if (list[i] !== sizes[i]) return false
    return true
  }

  /** The nodes, with those of its subgraphs in place of the calls, sources before users. */
  get nodes(): readonly CapturedNode[] {
    return (this.#flat ??= this.#flatten()).nodes
  }
  /** For each root the number of its node among them. */
  get results(): readonly number[] {
    return (this.#flat ??= this.#flatten()).results
  }

  #flatten(): Flat {
    const { key, order, roots } = this
    let at = 0
    let sizesAt = 0
    let scalars = 0
    const nodes: CapturedNode[] = []
    /** for each node of `order` its number among `nodes`; for a call the numbers of its results */
    const numbers: (number | readonly number[])[] = []
    const numberOf = (node: number): number => numbers[node] as number
    let calls = false
    for (const { op, dtype, attributes } of order) {
      const word = key[at++]
      const rank = (word >> field.rank) & rankMask
      let count = word >>> field.sources
      if (count === manySources) count = key[at++]
      const leaf = numbered(op) ? key[at++] : -1
      const sources = Array.from(key.subarray(at, at + count))
      const { subgraph } = attributes
      if (subgraph) {
        calls = true
        numbers.push(inline(subgraph, sources.map(numberOf), nodes, sizesAt, scalars))
        sizesAt += subgraph.sizes.length
        scalars += subgraph.scalars.length
      } else if (op === 'result') numbers.push((numbers[sources[0]] as readonly number[])[attributes.axis!])
      else {
        if (op === 'scalar') scalars++
        numbers.push(nodes.length)
        nodes.push({ op, sources: sources.map(numberOf), dtype, rank, attributes, sizesAt, leaf })
      }
      const sizes = attributes.sizes?.length ?? 0
      at += count + attributeWords(attributes) + Math.ceil(rank / classesEach) + Math.ceil(sizes / classesEach)
      sizesAt += rank + sizes
    }
    const results = roots.map(r => numberOf(r.node))
    return calls && roots.length ? needed({ nodes, results }) : { nodes, results }
  }
}

interface Flat {
  readonly nodes: readonly CapturedNode[]
  readonly results: readonly number[]
}

/** Adds the nodes of a subgraph. @returns the numbers of its results */
function inline(
  subgraph: Subgraph,
  sources: readonly number[],
  into: CapturedNode[],
  sizesAt: number,
  scalars: number,
): number[] {
  const numbers: number[] = []
  for (const node of subgraph.nodes) {
    if (node.op === 'open') {
      numbers.push(sources[node.attributes.axis!])
      continue
    }
    numbers.push(into.length)
    into.push({
      ...node,
      sources: node.sources.map(s => numbers[s]),
      sizesAt: sizesAt + node.sizesAt,
      leaf: node.leaf < 0 ? -1 : scalars + node.leaf,
    })
  }
  return subgraph.results.map(r => numbers[r.node])
}

/** Without what a call computes and nobody asked for. Numbers stay: their table is bound as it was captured. */
function needed({ nodes, results }: Flat): Flat {
  const marks = Uint8Array.from(nodes, n => (n.op === 'scalar' ? 1 : 0))
  for (const r of results) marks[r] = 1
  for (let i = nodes.length - 1; i >= 0; i--) if (marks[i]) for (const s of nodes[i].sources) marks[s] = 1
  const numbers: number[] = []
  const kept: CapturedNode[] = []
  nodes.forEach((node, i) => {
    numbers.push(kept.length)
    if (marks[i]) kept.push({ ...node, sources: node.sources.map(s => numbers[s]) })
  })
  return { nodes: kept, results: results.map(r => numbers[r]) }
}

/** Numbers the nodes below roots. `resolve` maps a node to the one to use instead, and throws for what is stale. */
export class Capture {
  /** nodes so far, sources before users */
  readonly order: Node[] = []
  /** values that an earlier plan computed without keeping and that something new needs */
  readonly boundary = new Set<Node>()
  readonly #resolve: (node: Node, reader: Node) => Node
  readonly #epoch = beginWriting()
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
    const data = text.words
    data[at++] = headOf(node, count)
    if (count >= manySources) data[at++] = count
    if (node.storage !== null) data[at++] = this.#storageOf(node.storage)
    else if (op === 'scalar') {
      data[at++] = this.#scalars.length
      this.#scalars.push(node.leaf!.scalar)
    } else if (op !== 'constant') node.computedBy = node.computedBy || this.#epoch
    for (let i = 0; i < count; i++) {
      const s = sources[i]
      data[at++] = (isLookedUp(s) ? this.#resolve(s, node) : s).number
    }
    if (attributes === noAttributes) at = this.#pushSizes(shape, at)
    else {
      at = writeAttributes(attributes, at, rank)
      at = this.#pushSizes(shape, at)
      if (attributes.sizes !== undefined) at = this.#pushSizes(attributes.sizes, at)
      if (attributes.subgraph !== undefined) this.#pushData(attributes.subgraph)
    }
    this.#words = at
    node.number = this.order.length
    this.order.push(node)
  }

  /** sizes 0 and 1 change what broadcasting and loops mean: they are structure */
  #pushSizes(list: readonly number[], at: number): number {
    let to = this.#sizes
    const count = list.length
    makeSizesRoom(to + count)
    let classes = 0
    for (let i = 0; i < count; i++) {
      const n = list[i]
      sizes[to++] = n
      classes = (classes << 2) | (n === 1 ? 1 : n === 0 ? 2 : 0)
      if (i % classesEach === classesEach - 1 || i === count - 1) {
        text.words[at++] = classes
        classes = 0
      }
    }
    this.#sizes = to
    return at
  }

  /** Sizes and numbers of a subgraph; its structure says what they are of. */
  #pushData(subgraph: Subgraph): void {
    const to = this.#sizes
    this.#sizes = to + subgraph.sizes.length
    makeSizesRoom(this.#sizes)
    sizes.set(subgraph.sizes, to)
    const { scalars } = subgraph
    for (let i = 0; i < scalars.length; i++) this.#scalars.push(scalars[i])
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
      text.words[at++] = node
      text.words[at++] = leaf
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

function makeSizesRoom(count: number): void {
  if (count <= sizes.length) return
  const larger = new Float64Array(2 * count)
  larger.set(sizes)
  sizes = larger
}

const isLookedUp = (node: Node): boolean =>
  node.storage !== null || node.alias !== null || node.stand !== null || node.error !== null

/** Whether an earlier capture than this one had it computed. */
const wasComputed = (node: Node, epoch: number): boolean => node.computedBy !== 0 && node.computedBy !== epoch

const sameSizes = (a: Float64Array, b: readonly number[]): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

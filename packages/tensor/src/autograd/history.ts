// What a backward pass is made from, as numbers: the nodes from the root down to what has a value, with exact sizes. A pass over a history of the
// same numbers has the same graph over other nodes, so it is built once and then called (graph/subgraph.ts). The derivative of a node is a function of
// its operands, its value and its attributes; one that a user wrote may read anything else, and a history with such a node is walked anew each time.

import { type Node, noAttributes, noSources } from '../graph/node.ts'
import { type Bounds, recall, remember } from '../graph/remember.ts'
import type { Subgraph } from '../graph/subgraph.ts'
import {
  beginWriting,
  hashOf,
  headOf,
  isWritten,
  makeRoom,
  numberOfMode,
  numberOfOp,
  rankMask,
  text,
  writeAttributes,
} from '../graph/words.ts'

/** Where a node that a remembered graph reads is found: in the order of the history, behind it the seed; or a table that a derivative made. */
export type Place = number | Node

export interface Remembered {
  readonly key: Int32Array
  /** null: this history has to be walked each time */
  readonly pass: {
    readonly subgraph: Subgraph
    readonly sources: readonly Place[]
    /** for each result the place of the leaf whose gradient it is */
    readonly leaves: readonly number[]
  } | null
}

const largest = 2 ** 31 - 1

/** Whether a node is computed in the pass, or by the forward pass that it belongs to, and not looked up. */
export const isInside = ({ op, sources, requiresGrad, alias, error }: Node): boolean =>
  sources.length > 0 && (requiresGrad || (op !== 'result' && alias === null && error === null))

/** What was written of a history, until somebody else writes. */
export class History {
  /** sources before users */
  readonly order: Node[] = []
  #words = 0
  /** a derivative that may depend on anything */
  #opaque = false
  /** whether a value of it was computed and kept */
  #settled = false

  constructor(root: Node, seed: Node | null) {
    const epoch = beginWriting()
    this.#walk(root, epoch)
    // a seed among the nodes of the history would be two things at once
    if (seed?.seen === epoch) this.#opaque = true
    makeRoom(this.#words + 2)
    text.words[this.#words++] = seed ? 1 + numberOfOp(seed.op) : 0
    text.words[this.#words++] = this.#settled ? 1 : 0
  }

  /** Whether a value of it is there, or is an error, so that the forward pass is no longer what computes it. */
  get settled(): boolean {
    return this.#settled
  }
  get opaque(): boolean {
    return this.#opaque
  }
  get hash(): number {
    return hashOf(this.#words)
  }
  get key(): Int32Array {
    return text.words.slice(0, this.#words)
  }
  hasKey(key: Int32Array): boolean {
    return isWritten(key, this.#words)
  }

  #walk(root: Node, epoch: number): void {
    const path: Node[] = [root]
    const cursors: number[] = [0]
    root.seen = epoch
    let depth = 0
    while (depth >= 0 && !this.#opaque) {
      const top = path[depth]
      const { sources } = top
      if (cursors[depth] === sources.length) {
        depth--
        this.#add(top)
        continue
      }
      const source = sources[cursors[depth]++]
      if (source.seen === epoch) continue
      source.seen = epoch
      if (isInside(source)) {
        path[++depth] = source
        cursors[depth] = 0
      } else this.#add(source)
    }
  }

  #add(node: Node): void {
    const { shape, attributes, requiresGrad } = node
    const sources = isInside(node) ? node.sources : noSources
    if (requiresGrad && (node.alias !== null || node.error !== null)) this.#settled = true
    const rank = shape.length
    const count = sources.length
    let at = this.#words
    if (
      rank > rankMask ||
      (requiresGrad && (attributes.custom || (attributes.rule && attributes.form === undefined)))
    ) {
      this.#opaque = true
      return
    }
    makeRoom(at + 3 + count + rank)
    let data = text.words
    data[at++] = headOf(node, count)
    data[at++] = (count << 1) | (requiresGrad ? 1 : 0)
    for (let i = 0; i < count; i++) data[at++] = sources[i].number
    for (let i = 0; i < rank; i++) data[at++] = this.#size(shape[i])
    if (attributes !== noAttributes) {
      const { sizes, form, subgraph } = attributes
      const sizeCount = sizes?.length ?? 0
      at = writeAttributes(attributes, at, sizeCount + 2)
      data = text.words
      if (sizes) for (let i = 0; i < sizeCount; i++) data[at++] = this.#size(sizes[i])
      data[at++] = form === undefined ? -1 : numberOfMode(form)
      // its structure says nothing of its sizes and numbers
      if (subgraph) data[at++] = subgraph.id
    }
    this.#words = at
    node.number = this.order.length
    this.order.push(node)
  }

  #size(n: number): number {
    if (n > largest || n < -largest) this.#opaque = true
    return n
  }
}

/** Histories that are remembered for each device: one of a long recurrence has tens of thousands of nodes, of about 200 bytes each. */
const kept: Bounds<Remembered> = {
  entries: 100,
  bytes: 2 ** 26,
  bytesOf: ({ key, pass }) => key.byteLength + 200 * (pass?.subgraph.nodes.length ?? 0),
}

/** The passes of one device by the hash of their history; where two hashes meet, the later one counts. */
export class Passes {
  readonly #known = new Map<number, Remembered>()
  find(history: History, hash: number): Remembered | undefined {
    const found = recall(this.#known, hash)
    return found && history.hasKey(found.key) ? found : undefined
  }
  add(hash: number, pass: Remembered): void {
    remember(this.#known, hash, pass, kept)
  }
}

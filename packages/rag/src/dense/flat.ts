// Search by comparing with everything: exact, nothing to build, deletions and filters for free. Up to some ten thousand vectors
// it is all that is needed. For more, a coarse first look (signs, or the leading numbers of a Matryoshka embedding) makes a list
// that is longer than asked for, and the list is computed in full.

import { RagArgumentError } from '../errors.ts'
import { Best } from './heap.ts'
import { BATCH, Rows } from './rows.ts'
import type { Selection } from './selection.ts'
import { checkCount, normalized, type VectorLike } from './vector.ts'
import { type Neighbor, VectorTable, type VectorTableOptions } from './vector-table.ts'

export interface FlatOptions extends VectorTableOptions {
  /**
   * What a search looks at first. `signs`: one bit a number, for embeddings whose numbers are spread around 0. A number: so many
   * leading numbers of each vector, for embeddings trained to be truncated. Default: nothing, and results are exact.
   */
  readonly coarse?: 'signs' | number
}

export interface FlatSearchOptions {
  /** Only these rows are returned. */
  readonly among?: Selection
  /** With a coarse first look: how many times `k` rows are computed in full. Default: 8. */
  readonly oversample?: number
}

export class FlatIndex {
  readonly table: VectorTable
  private readonly coarse: Rows | undefined
  private rows = 0
  private live = new Uint8Array(64)
  private readonly free: number[] = []

  constructor(options: FlatOptions) {
    const { coarse, dimensions, plain } = options
    if (
      coarse !== undefined &&
      coarse !== 'signs' &&
      !(Number.isInteger(coarse) && coarse >= 1 && coarse <= dimensions)
    )
      throw new RagArgumentError('FlatIndex', `coarse is ${String(coarse)}`, `it is 'signs' or 1 to ${dimensions}`)
    // A coarse look takes the place of the codes.
    this.table = new VectorTable({ codes: coarse === undefined, ...options })
    const { measure } = this.table
    if (coarse === 'signs') this.coarse = new Rows('bits', measure, dimensions, { plain })
    else if (coarse !== undefined) this.coarse = new Rows('f32', measure, coarse, { plain })
  }

  /** Rows that can be found. */
  get size(): number {
    return this.rows - this.free.length
  }

  /** Row numbers are below this. */
  get capacity(): number {
    return this.rows
  }

  has(id: number): boolean {
    return id < this.rows && this.live[id] === 1
  }

  /** The row's vector as stored (of length 1 if the metric is cosine), a copy; undefined if there is none. */
  vector(id: number): Float32Array | undefined {
    return this.has(id) ? this.table.vector(id) : undefined
  }

  /**
   * Adds a vector.
   * @returns its row number; numbers of removed rows come back
   * @throws RagArgumentError for a vector of another size or with elements that are not finite
   */
  add(vector: VectorLike): number {
    const prepared = this.table.prepare('add', vector)
    const id = this.free.pop() ?? this.rows++
    if (id >= this.live.length) {
      const larger = new Uint8Array(Math.ceil(this.live.length * 1.5))
      larger.set(this.live)
      this.live = larger
    }
    this.table.set(id, prepared)
    if (this.coarse) {
      this.coarse.reserve(id + 1)
      this.coarse.set(id, this.short(prepared))
    }
    this.live[id] = 1
    return id
  }

  /** Removes a row. @returns whether it was there */
  remove(id: number): boolean {
    if (!this.has(id)) return false
    this.live[id] = 0
    this.free.push(id)
    return true
  }

  /**
   * The k nearest rows, nearest first; fewer if fewer can be returned. Exact unless the index has a coarse first look.
   * @throws RagArgumentError for a query of another size or with elements that are not finite
   */
  search(query: VectorLike, k: number, { among, oversample = 8 }: FlatSearchOptions = {}): Neighbor[] {
    const { table, rows, live, coarse } = this
    const prepared = table.prepare('search', query)
    checkCount('search', k)
    if (!coarse) return table.nearest(prepared, k, rows, live, among)
    if (!(oversample >= 1)) throw new RagArgumentError('search', `oversample is ${oversample}`, 'it is 1 or more')
    const best = new Best(Math.ceil(k * oversample))
    coarse.setQuery(this.short(prepared))
    for (let first = 0; first < rows; first += BATCH) {
      const n = Math.min(BATCH, rows - first)
      coarse.scan(first, n)
      const { distances } = coarse
      for (let i = 0; i < n; i++) {
        const id = first + i
        if (distances[i] < best.bound && live[id] && (!among || among.mask[id])) best.offer(distances[i], id)
      }
    }
    const list = best.sorted().map(({ id }) => id)
    const { exact } = table
    exact.setQuery(prepared)
    const found: Neighbor[] = []
    for (let first = 0; first < list.length; first += BATCH) {
      const part = list.slice(first, first + BATCH)
      exact.ids.set(part)
      exact.gather(part.length)
      for (let i = 0; i < part.length; i++) found.push({ id: part[i], score: table.score(exact.distances[i]) })
    }
    return found.sort((a, b) => b.score - a.score || a.id - b.id).slice(0, k)
  }

  /** What the coarse rows hold of a vector. */
  private short(vector: Float32Array): Float32Array {
    const { dimensions } = this.coarse!
    if (dimensions === vector.length) return vector
    return this.table.metric === 'cosine' ? normalized(vector, dimensions) : vector.subarray(0, dimensions)
  }
}

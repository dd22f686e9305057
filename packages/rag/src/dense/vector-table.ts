// Numbered vectors with exact search among them. Beside each vector stand its codes (i8, with how far they are from it), and a
// search reads the codes first: the code product and two lengths bound the true product from both sides (Cauchy-Schwarz),
//
//   |q.x - q'.x'| <= |q| |x - x'| + |q - q'| |x'|
//
// so every row whose best case does not reach the worst case of k others is out, and only the rest is computed in full. The
// result is that of computing all, from a quarter of the bytes: memory traffic is what bounds a scan.

import { Best } from './heap.ts'
import type { Measure } from './kernel.ts'
import { BATCH, Rows, type RowsOptions } from './rows.ts'
import type { Selection } from './selection.ts'
import { checkDimensions, checkMetric, checkVector, type Metric, normalized, type VectorLike } from './vector.ts'

/** A row found, and how near it is: larger is nearer. See `Metric` for the scale. */
export interface Neighbor {
  readonly id: number
  readonly score: number
}

export interface VectorTableOptions extends RowsOptions {
  readonly dimensions: number
  /** Default: `cosine`. */
  readonly metric?: Metric
  /** Whether to keep i8 codes beside the vectors: a quarter more memory, a fraction of the time. Default: true. */
  readonly codes?: boolean
}

/** Reads the vector of a row as it was stored: of length 1 if the metric is cosine. */
export type VectorSource = (row: number) => Float32Array

/** Rounding of sums of products in single precision, beyond what the bound above says. */
const ROUNDING = 2e-6

export class VectorTable {
  readonly dimensions: number
  readonly metric: Metric
  readonly measure: Measure
  readonly exact: Rows
  readonly codes: Rows | undefined
  /** |x - x'| and |x'| of each row. */
  private errors = new Float32Array(0)
  private lengths = new Float32Array(0)
  /** Rows whose vectors are still where they are kept, and what reads one. */
  private absent: Uint8Array | undefined
  private source: VectorSource | undefined

  constructor({ dimensions, metric = 'cosine', codes = true, plain }: VectorTableOptions) {
    checkDimensions('index', dimensions)
    checkMetric('index', metric)
    this.dimensions = dimensions
    this.metric = metric
    this.measure = metric === 'l2' ? 'squares' : 'product'
    this.exact = new Rows('f32', this.measure, dimensions, { plain })
    if (codes) this.codes = new Rows('i8', this.measure, dimensions, { plain })
  }

  /** The vector as it is stored: checked, in single precision, of length 1 if the metric is cosine. */
  prepare(op: string, vector: VectorLike): Float32Array {
    checkVector(op, vector, this.dimensions, this.metric)
    return this.metric === 'cosine' ? normalized(vector) : Float32Array.from(vector)
  }

  reserve(rows: number): void {
    this.exact.reserve(rows)
    if (!this.codes) return
    this.codes.reserve(rows)
    if (rows > this.errors.length) {
      const size = Math.max(rows, Math.ceil(this.errors.length * 1.5), 64)
      const [errors, lengths] = [new Float32Array(size), new Float32Array(size)]
      errors.set(this.errors)
      lengths.set(this.lengths)
      this.errors = errors
      this.lengths = lengths
    }
  }

  /** Writes a row; `vector` is one that `prepare` made. */
  set(row: number, vector: Float32Array): void {
    this.reserve(row + 1)
    this.exact.set(row, vector)
    if (this.absent && row < this.absent.length) this.absent[row] = 0
    if (!this.codes) return
    this.codes.set(row, vector)
    const { error, length } = this.codes.lastCode
    this.errors[row] = error
    this.lengths[row] = length
  }

  /** The codes of the first `rows` rows with |x - x'| and |x'| of each, copies; undefined without codes. */
  savedCodes(rows: number): { codes: Uint8Array; errors: Float32Array; lengths: Float32Array } | undefined {
    if (!this.codes) return undefined
    return {
      codes: this.codes.bytesOf(rows).slice(),
      errors: this.errors.slice(0, rows),
      lengths: this.lengths.slice(0, rows),
    }
  }

  /** Takes up what `savedCodes` gave, if it is that of `rows` rows of this table; their vectors follow by `setExact` or `readFrom`. */
  restoreCodes(rows: number, codes: unknown, errors: unknown, lengths: unknown): boolean {
    if (!this.codes || !(codes instanceof Uint8Array) || codes.length !== rows * this.codes.stride) return false
    if (!(errors instanceof Float32Array) || !(lengths instanceof Float32Array)) return false
    if (errors.length !== rows || lengths.length !== rows) return false
    this.reserve(rows)
    this.codes.bytesOf(rows).set(codes)
    this.errors.set(errors)
    this.lengths.set(lengths)
    return true
  }

  /** Writes the vector of a row whose codes are there. */
  setExact(row: number, vector: Float32Array): void {
    this.exact.set(row, vector)
  }

  /** The vectors of these rows, whose codes are there, are read when they are first needed. */
  readFrom(rows: Uint8Array, source: VectorSource): void {
    this.absent = rows
    this.source = source
  }

  /** Reads what is not there yet of the first `count` rows in `exact.ids`. */
  fetch(count: number): void {
    if (!this.absent) return
    const { ids } = this.exact
    for (let i = 0; i < count; i++) this.fetchRow(ids[i])
  }

  private fetchRow(row: number): void {
    if (!this.absent?.[row]) return
    this.exact.set(row, this.source!(row))
    this.absent[row] = 0
  }

  /** Reads all that is not there yet. */
  fetchAll(): void {
    for (let row = 0; this.absent && row < this.absent.length; row++) this.fetchRow(row)
    this.absent = this.source = undefined
  }

  /** The row's vector as stored, a copy. */
  vector(row: number): Float32Array {
    this.fetchRow(row)
    return this.exact.floatsOf(row).slice()
  }

  score(distance: number): number {
    return distance === 0 ? 0 : -distance
  }

  /**
   * The k rows nearest to a prepared query, computed in full or proven to be no nearer.
   * @param count rows 0 .. count - 1 are searched   @param live 1 where a row may be found   @param among only these
   */
  nearest(query: Float32Array, k: number, count: number, live: Uint8Array, among?: Selection): Neighbor[] {
    const best = new Best(k)
    this.exact.setQuery(query)
    if (!this.codes) this.each(this.exact, count, live, among, (id, distance) => best.offer(distance, id))
    else {
      const { ids, floors } = this.shortlist(this.codes, query, k, count, live, among)
      const { exact } = this
      for (let i = 0; i < ids.length; ) {
        // Nearest floors first, few at a time: once k are known in full, most of the rest is out.
        let n = 0
        while (i < ids.length && n < 64) {
          if (floors[i] > best.bound) i = ids.length
          else exact.ids[n++] = ids[i++]
        }
        this.fetch(n)
        exact.gather(n)
        for (let j = 0; j < n; j++) best.offer(exact.distances[j], exact.ids[j])
      }
    }
    return best.sorted().map(({ id, distance }) => ({ id, score: this.score(distance) }))
  }

  /** The rows that may be among the k nearest, each with the least distance it can have, sorted by that. */
  private shortlist(
    codes: Rows,
    query: Float32Array,
    k: number,
    count: number,
    live: Uint8Array,
    among: Selection | undefined,
  ): { ids: number[]; floors: Float32Array } {
    codes.setQuery(query)
    const { error, full } = codes.lastCode
    const { errors, lengths } = this
    const scale = this.measure === 'squares' ? 2 : 1
    const best = new Best(k)
    let ids: number[] = []
    let floors: number[] = []
    const prune = (): void => {
      const keep = ids.map((_, i) => i).filter(i => floors[i] <= best.bound)
      ids = keep.map(i => ids[i])
      floors = keep.map(i => floors[i])
    }
    let next = 4096
    this.each(codes, count, live, among, (id, distance) => {
      const size = lengths[id] + errors[id]
      const width = scale * (full * errors[id] + error * lengths[id]) + ROUNDING * (full + size) * (full + size)
      if (distance - width > best.bound) return
      best.offer(distance + width, id)
      ids.push(id)
      floors.push(distance - width)
      if (ids.length > next) {
        prune()
        next = Math.max(4096, 2 * ids.length)
      }
    })
    prune()
    const order = ids.map((_, i) => i).sort((a, b) => floors[a] - floors[b])
    return { ids: order.map(i => ids[i]), floors: Float32Array.from(order, i => floors[i]) }
  }

  /** Calls `visit` with the distance of each live row. The query is in `rows`. */
  private each(
    rows: Rows,
    count: number,
    live: Uint8Array,
    among: Selection | undefined,
    visit: (id: number, distance: number) => void,
  ): void {
    if (among) {
      const { ids } = among
      for (let i = 0; i < ids.length; ) {
        let n = 0
        for (; i < ids.length && n < BATCH; i++) if (ids[i] < count && live[ids[i]]) rows.ids[n++] = ids[i]
        rows.gather(n)
        for (let j = 0; j < n; j++) visit(rows.ids[j], rows.distances[j])
      }
      return
    }
    for (let first = 0; first < count; first += BATCH) {
      const n = Math.min(BATCH, count - first)
      rows.scan(first, n)
      const { distances } = rows
      for (let j = 0; j < n; j++) if (live[first + j]) visit(first + j, distances[j])
    }
  }
}

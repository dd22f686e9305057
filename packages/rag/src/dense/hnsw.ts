// Hierarchical navigable small worlds: Y. Malkov and D. Yashunin, "Efficient and robust approximate nearest neighbor search
// using Hierarchical Navigable Small World graphs", 2016. Names follow the paper (M, ef, levels, algorithms 1 to 5).
//
// Graphs are walked on i8 codes, and what a walk finds is computed again in full, so scores are exact. Beyond the paper:
// - Removed rows stay as tombstones that are walked through and never returned. Once they are a fifth of the graph a sweep
//   begins: each `add` and `remove` repairs a few rows that link to them, and when all rows are done their places are free.
// - A row may wait for its links (`PENDING`) and is compared with directly meanwhile: small collections never pay for a graph, and
//   what an interrupted program had not yet linked is found at once.
// - Filters are enforced inside the walk: rows outside are not computed but stepped over (two hops, as in ACORN-1: Patel et al.
//   2024). Where few rows pass, all of them are computed instead, which is cheaper and exact.

import { RagArgumentError, RagFormatError } from '../errors.ts'
import type { Segment } from '../segment.ts'
import { Heap } from './heap.ts'
import type { Rows } from './rows.ts'
import { Selection } from './selection.ts'
import { checkCount, type Metric, type VectorLike } from './vector.ts'
import { type Neighbor, type VectorSource, VectorTable, type VectorTableOptions } from './vector-table.ts'

export interface HnswOptions extends VectorTableOptions {
  /** Links of a row on each upper level; twice as many on the lowest. Default: 16. */
  readonly m?: number
  /** How many near rows are known when a new row chooses its links. Default: 200. */
  readonly efConstruction?: number
  /** How many near rows a search keeps, unless it says otherwise. More find better and take longer. Default: 100. */
  readonly ef?: number
  /** Of the levels' random numbers. Default: 1. */
  readonly seed?: number
}

export interface HnswSearchOptions {
  readonly ef?: number
  /** Only these rows are returned. */
  readonly among?: Selection
  /** `auto` (default) computes all rows that pass the filter where that is cheaper than the walk. */
  readonly strategy?: 'auto' | 'graph' | 'exact'
}

/** States of a row. */
const FREE = 0
const LIVE = 1
const DEAD = 2
/** Dead when the sweep under way began: nothing links to it once the sweep is through. */
const LEAVING = 3
/** Can be found, and is not yet in the graph. */
const PENDING = 4

/** Up to so many rows there is no graph. */
const FLAT_BELOW = 4096
/** How many waiting rows each later `add` links. */
const LINK_STEP = 2

/** The share of tombstones at which a sweep begins, and the rows it repairs with each change. */
const SWEEP_AT = 0.2
const SWEEP_STEP = 32

const MAX_LEVEL = 15

export class HnswIndex {
  readonly m: number
  readonly efConstruction: number
  readonly ef: number
  readonly table: VectorTable
  private readonly walk: Rows
  private readonly m0: number
  private readonly levelFactor: number
  private random: () => number

  /** Rows 0 .. rows - 1 have been used. */
  private rows = 0
  private live = 0
  private dead = 0
  private states = new Uint8Array(0)
  private liveMask = new Uint8Array(0)
  private levels = new Uint8Array(0)
  /** The lowest level: m0 + 1 words a row, the count first. */
  private ground = new Int32Array(0)
  /** Where a row's upper levels begin in `upper`, m + 1 words a level. */
  private upperAt = new Int32Array(0)
  private upper = new Int32Array(0)
  private upperUsed = 0
  private entry = -1
  private free: number[] = []
  private sweepAt = -1
  /** Rows without links, and some removed since. */
  private pending: number[] = []
  private waiting: Selection | undefined

  private visited = new Uint32Array(0)
  private epoch = 0
  private readonly candidates = new Heap(256)
  private readonly results = new Heap(256)
  /** Mean number of distances that a walk computes, for each unit of ef: what `auto` compares with a filter's size. */
  private evaluations = 0
  private walks = 0
  private costPerEf = 20

  constructor(options: HnswOptions) {
    const { m = 16, efConstruction = 200, ef = 100, seed = 1 } = options
    for (const [name, value, least] of [
      ['m', m, 2],
      ['efConstruction', efConstruction, 1],
      ['ef', ef, 1],
    ] as const)
      if (!Number.isInteger(value) || value < least || value > 2000)
        throw new RagArgumentError('HnswIndex', `${name} is ${String(value)}`, `it is ${least} to 2000`)
    this.m = m
    this.m0 = 2 * m
    this.efConstruction = Math.max(efConstruction, m)
    this.ef = ef
    this.levelFactor = 1 / Math.log(m)
    this.table = new VectorTable(options)
    this.walk = this.table.codes ?? this.table.exact
    this.random = mulberry(seed)
  }

  /** Rows that can be found. */
  get size(): number {
    return this.live
  }

  /** Row numbers are below this. */
  get capacity(): number {
    return this.rows
  }

  has(id: number): boolean {
    return this.liveMask[id] === 1
  }

  /** The row's vector as stored (of length 1 if the metric is cosine), a copy; undefined if there is none. */
  vector(id: number): Float32Array | undefined {
    return this.has(id) ? this.table.vector(id) : undefined
  }

  // ---- adding (algorithm 1)

  /**
   * Adds a vector.
   * @param options `defer` leaves its links to later changes, or to `linkAll`; `prepared`: the vector is one that `vector` gave
   * @returns its row number, which `search` and `remove` use; numbers of removed rows come back
   * @throws RagArgumentError for a vector of another size or with elements that are not finite
   */
  add(
    vector: VectorLike,
    { defer = false, prepared: asStored = false }: { defer?: boolean; prepared?: boolean } = {},
  ): number {
    const prepared = asStored && vector instanceof Float32Array ? vector : this.table.prepare('add', vector)
    this.sweep(SWEEP_STEP)
    const id = this.free.pop() ?? this.rows
    this.table.set(id, prepared)
    if (id === this.rows) this.extend()
    this.states[id] = PENDING
    this.liveMask[id] = 1
    this.live++
    this.pending.push(id)
    this.waiting = undefined
    if (!defer && this.live > FLAT_BELOW) this.linkSome(1 + LINK_STEP)
    return id
  }

  /** Links every row that waits. Searches are the faster for it; results are as good without. */
  linkAll(): void {
    this.linkSome(this.pending.length)
  }

  private linkSome(count: number): void {
    if (this.pending.length === 0) return
    this.waiting = undefined
    for (let i = 0; i < count; i++) {
      const id = this.pending.pop()
      if (id === undefined) return
      if (this.states[id] === PENDING) this.link(id)
    }
  }

  private extend(): void {
    const rows = ++this.rows
    if (rows <= this.states.length) return
    const size = Math.max(64, Math.ceil(this.states.length * 1.5), rows)
    this.states = grown(this.states, size)
    this.liveMask = grown(this.liveMask, size)
    this.levels = grown(this.levels, size)
    this.upperAt = grown(this.upperAt, size)
    this.ground = grown(this.ground, size * (this.m0 + 1))
    this.visited = new Uint32Array(size)
    this.epoch = 0
  }

  private link(id: number): void {
    const level = Math.min(MAX_LEVEL, Math.floor(-Math.log(1 - this.random()) * this.levelFactor))
    this.makeRoom(id, level)
    this.states[id] = LIVE
    const { entry, walk } = this
    if (entry < 0) {
      this.entry = id
      return
    }
    const top = this.levels[entry]
    walk.load(id)
    let nearest = entry
    for (let l = top; l > level; l--) nearest = this.greedy(nearest, l)
    for (let l = Math.min(top, level); l >= 0; l--) {
      // The selections of the level above have made other rows the query.
      if (l < Math.min(top, level)) walk.load(id)
      this.searchLevel(nearest, this.efConstruction, l, id)
      const found = this.drain()
      // Nothing alive is near: only tombstones are left of the graph, and a sweep will take them away.
      if (found.length === 0) {
        if (l > 0) continue
        this.states[id] = PENDING
        this.pending.unshift(id)
        return
      }
      nearest = found[0].id
      const chosen = this.select(found, this.m)
      this.setLinks(id, l, chosen)
      for (const other of chosen) this.linkBack(other, id, l)
    }
    if (level > top) this.entry = id
  }

  /** Empty links on all levels of a row. */
  private makeRoom(id: number, level: number): void {
    const words = this.m + 1
    // A place that had as many levels before is used again.
    if (level > this.levels[id]) {
      if (this.upperUsed + level * words > this.upper.length)
        this.upper = grown(this.upper, Math.max(1024, Math.ceil((this.upperUsed + level * words) * 1.5)))
      this.upperAt[id] = this.upperUsed
      this.upperUsed += level * words
    }
    this.levels[id] = level
    for (let l = 0; l <= level; l++) this.linksOf(l)[this.linksAt(id, l)] = 0
  }

  private linksOf(level: number): Int32Array {
    return level === 0 ? this.ground : this.upper
  }

  /** Where the count of a row's links on a level stands; the links follow. */
  private linksAt(id: number, level: number): number {
    return level === 0 ? id * (this.m0 + 1) : this.upperAt[id] + (level - 1) * (this.m + 1)
  }

  private setLinks(id: number, level: number, chosen: readonly number[]): void {
    const links = this.linksOf(level)
    const at = this.linksAt(id, level)
    links[at] = chosen.length
    for (let i = 0; i < chosen.length; i++) links[at + 1 + i] = chosen[i]
  }

  /** A link from `id` to `to`; where there is no place, the best selection of old and new. */
  private linkBack(id: number, to: number, level: number): void {
    const links = this.linksOf(level)
    const at = this.linksAt(id, level)
    const count = links[at]
    const most = level === 0 ? this.m0 : this.m
    for (let i = 1; i <= count; i++) if (links[at + i] === to) return
    if (count < most) {
      links[at + 1 + count] = to
      links[at] = count + 1
      return
    }
    const { walk } = this
    walk.load(id)
    let n = 0
    for (let i = 1; i <= count; i++) if (this.states[links[at + i]] === LIVE) walk.ids[n++] = links[at + i]
    walk.ids[n++] = to
    this.setLinks(id, level, this.select(this.measured(n), most))
  }

  /** The rows in `walk.ids`, with their distances to the query, nearest first. */
  private measured(n: number): { id: number; distance: number }[] {
    const { walk } = this
    walk.gather(n)
    const found = Array.from({ length: n }, (_, i) => ({ id: walk.ids[i], distance: walk.distances[i] }))
    return found.sort((a, b) => a.distance - b.distance)
  }

  /**
   * The neighbours worth a link (algorithm 4, without its extensions): from the nearest on, each that is nearer to the base
   * than to all chosen before. Whoever is chosen strikes out the rest at once, so a choice is one batch of distances.
   */
  private select(found: readonly { id: number; distance: number }[], most: number): number[] {
    if (found.length < most) return found.map(({ id }) => id)
    const { walk } = this
    const chosen: number[] = []
    let rest = found as { id: number; distance: number }[]
    while (rest.length > 0) {
      chosen.push(rest[0].id)
      if (chosen.length === most || rest.length === 1) break
      walk.load(rest[0].id)
      const n = rest.length - 1
      for (let i = 0; i < n; i++) walk.ids[i] = rest[i + 1].id
      walk.gather(n)
      const left: { id: number; distance: number }[] = []
      for (let i = 0; i < n; i++) if (walk.distances[i] >= rest[i + 1].distance) left.push(rest[i + 1])
      rest = left
    }
    return chosen
  }

  // ---- searching

  /**
   * The k nearest rows, nearest first; fewer if fewer can be returned.
   * @throws RagArgumentError for a query of another size or with elements that are not finite
   */
  search(query: VectorLike, k: number, options: HnswSearchOptions = {}): Neighbor[] {
    const prepared = this.table.prepare('search', query)
    checkCount('search', k)
    const { among, strategy = 'auto' } = options
    const ef = Math.max(options.ef ?? this.ef, k)
    if (this.live === 0 || among?.size === 0) return []
    const exact = (): Neighbor[] => this.table.nearest(prepared, k, this.rows, this.liveMask, among)
    if (strategy === 'exact' || this.entry < 0) return exact()
    // A filtered walk computes about as much as a free one, in a worse order of memory than a list does.
    if (strategy === 'auto' && Math.min(this.live, among?.size ?? this.live) <= 2 * this.costPerEf * ef) return exact()

    const { walk } = this
    walk.setQuery(prepared)
    let nearest = this.entry
    for (let l = this.levels[nearest]; l > 0; l--) nearest = this.greedy(nearest, l)
    this.evaluations = 0
    if (among) this.searchAmong(nearest, ef, among)
    else this.searchLevel(nearest, ef, 0, -1)
    if (!among) {
      this.walks = Math.min(this.walks + 1, 100)
      this.costPerEf += (this.evaluations / ef - this.costPerEf) / this.walks
    }
    // A filter can cut the graph into parts that the walk did not reach.
    if (this.results.size < Math.min(k, this.live - this.pending.length)) return exact()
    const found = this.rescored(prepared, k)
    if (this.pending.length === 0) return found
    const direct = this.table.nearest(prepared, k, this.rows, this.liveMask, this.pendingAmong(among))
    return [...found, ...direct].sort((a, b) => b.score - a.score || a.id - b.id).slice(0, k)
  }

  /** The waiting rows that pass the filter. */
  private pendingAmong(among: Selection | undefined): Selection {
    const { states } = this
    this.waiting ??= Selection.of(this.pending.filter(id => states[id] === PENDING))
    return among ? Selection.of(this.waiting.ids.filter(id => among.mask[id])) : this.waiting
  }

  /** What the walk found, computed in full. */
  private rescored(query: Float32Array, k: number): Neighbor[] {
    const { results, table } = this
    if (!table.codes) {
      while (results.size > k) results.pop()
      return this.drain().map(({ id, distance }) => ({ id, score: table.score(distance) }))
    }
    // Codes are wrong by little: what stands far behind k cannot come forward.
    const enough = 2 * k + 16
    while (results.size > enough) results.pop()
    const { exact } = table
    exact.setQuery(query)
    const n = results.size
    for (let i = 0; i < n; i++) exact.ids[i] = results.ids[i]
    table.fetch(n)
    exact.gather(n)
    return Array.from({ length: n }, (_, i) => ({ id: exact.ids[i], score: table.score(exact.distances[i]) }))
      .sort((a, b) => b.score - a.score || a.id - b.id)
      .slice(0, k)
  }

  /** The results, nearest first; the heap is empty after. */
  private drain(): { id: number; distance: number }[] {
    const { results } = this
    const out = new Array<{ id: number; distance: number }>(results.size)
    for (let i = results.size - 1; i >= 0; i--) {
      out[i] = { id: results.ids[0], distance: -results.keys[0] }
      results.pop()
    }
    return out
  }

  /** Steps to a nearer neighbour while there is one. */
  private greedy(from: number, level: number): number {
    const { walk } = this
    const links = this.linksOf(level)
    walk.ids[0] = from
    walk.gather(1)
    let distance = walk.distances[0]
    for (let at = from; ; ) {
      const base = this.linksAt(at, level)
      const n = links[base]
      for (let i = 0; i < n; i++) walk.ids[i] = links[base + 1 + i]
      walk.gather(n)
      for (let i = 0; i < n; i++)
        if (walk.distances[i] < distance) {
          distance = walk.distances[i]
          from = walk.ids[i]
        }
      if (from === at) return at
      at = from
    }
  }

  private nextEpoch(): number {
    if (this.epoch === 0xffffffff) {
      this.visited.fill(0)
      this.epoch = 0
    }
    return ++this.epoch
  }

  /** Algorithm 2: fills `results` (keys negated, the farthest first) with the `ef` nearest live rows, `except` one. */
  private searchLevel(from: number, ef: number, level: number, except: number): void {
    const { walk, candidates, results, visited, liveMask } = this
    const links = this.linksOf(level)
    const epoch = this.nextEpoch()
    const { ids, distances } = walk
    const words = level === 0 ? this.m0 + 1 : 0
    candidates.clear()
    results.clear()
    visited[from] = epoch
    if (except >= 0) visited[except] = epoch
    ids[0] = from
    walk.gather(1)
    candidates.push(distances[0], from)
    if (liveMask[from]) results.push(-distances[0], from)
    let bound = results.size >= ef ? -results.keys[0] : Number.POSITIVE_INFINITY
    let evaluations = 1
    while (candidates.size > 0) {
      if (candidates.keys[0] > bound) break
      const at = candidates.ids[0]
      candidates.pop()
      const base = words ? at * words : this.linksAt(at, level)
      const end = base + links[base]
      let n = 0
      for (let i = base + 1; i <= end; i++) {
        const id = links[i]
        if (visited[id] !== epoch) {
          visited[id] = epoch
          ids[n++] = id
        }
      }
      if (n === 0) continue
      walk.gather(n)
      evaluations += n
      for (let i = 0; i < n; i++) {
        const distance = distances[i]
        if (distance >= bound) continue
        const id = ids[i]
        candidates.push(distance, id)
        if (!liveMask[id]) continue
        if (results.size < ef) results.push(-distance, id)
        else results.replace(-distance, id)
        if (results.size === ef) bound = -results.keys[0]
      }
    }
    this.evaluations += evaluations
  }

  /** The same on the lowest level for a filter: only rows that pass are computed, those that do not are stepped over. */
  private searchAmong(from: number, ef: number, among: Selection): void {
    const { walk, candidates, results, visited, liveMask, ground } = this
    const { mask } = among
    const words = this.m0 + 1
    const epoch = this.nextEpoch()
    const { ids, distances } = walk
    const most = 4 * this.m0
    candidates.clear()
    results.clear()
    let bound = Number.POSITIVE_INFINITY
    const offer = (n: number): void => {
      walk.gather(n)
      this.evaluations += n
      for (let i = 0; i < n; i++) {
        const distance = distances[i]
        if (distance >= bound) continue
        const id = ids[i]
        candidates.push(distance, id)
        if (!liveMask[id] || !mask[id]) continue
        if (results.size < ef) results.push(-distance, id)
        else results.replace(-distance, id)
        if (results.size === ef) bound = -results.keys[0]
      }
    }
    // The entry, and a few rows that pass: the nearest part of the graph may hold none.
    let n = 0
    const seed = (id: number): void => {
      if (id < this.rows && this.states[id] !== FREE && visited[id] !== epoch) {
        visited[id] = epoch
        ids[n++] = id
      }
    }
    seed(from)
    for (let i = 0; i < 16; i++) seed(among.ids[Math.floor(((i + 0.5) / 16) * among.size)])
    offer(n)
    while (candidates.size > 0) {
      if (candidates.keys[0] > bound) break
      const at = candidates.ids[0]
      candidates.pop()
      const base = at * words
      const end = base + ground[base]
      n = 0
      for (let i = base + 1; i <= end && n < most; i++) {
        const id = ground[i]
        if (visited[id] !== epoch) {
          visited[id] = epoch
          if (mask[id]) {
            ids[n++] = id
            continue
          }
        } else if (mask[id]) continue
        const inner = id * words
        const last = inner + ground[inner]
        for (let j = inner + 1; j <= last; j++) {
          const far = ground[j]
          if (mask[far] && visited[far] !== epoch) {
            visited[far] = epoch
            ids[n++] = far
          }
        }
      }
      if (n > 0) offer(n)
    }
  }

  // ---- segments

  /**
   * The index as a segment: the graph, the codes, and the vectors unless whoever keeps it has them.
   * @param options `vectors`: default true; left out only of an index with codes
   */
  toSegment({ vectors = true }: { vectors?: boolean } = {}): Segment {
    const { rows, table, m, efConstruction, ef, live, dead, entry, sweepAt, pending, free } = this
    const { dimensions, metric } = table
    if (!vectors && !table.codes)
      throw new RagArgumentError('toSegment', 'an index without codes is its vectors', 'save it with them')
    const meta: HnswMeta = {
      dimensions,
      metric,
      m,
      efConstruction,
      ef,
      rows,
      live,
      dead,
      entry,
      sweepAt,
      pending,
      free,
      vectors,
    }
    if (vectors) table.fetchAll()
    return {
      kind: 'hnsw',
      version: VERSION,
      meta,
      arrays: {
        states: this.states.slice(0, rows),
        levels: this.levels.slice(0, rows),
        ground: this.ground.slice(0, rows * (this.m0 + 1)),
        upperAt: this.upperAt.slice(0, rows),
        upper: this.upper.slice(0, this.upperUsed),
        // Found again in place of being computed: encoding is most of the work of loading.
        ...table.savedCodes(rows),
        ...(vectors && { vectors: table.exact.bytesOf(rows).slice() }),
      },
    }
  }

  /**
   * The index of a segment that `toSegment` made and `readSegment` checked.
   * `options.source` reads the vector of a row that can be found, if the segment is without: when one is first needed, since walks
   * are on codes
   * @throws RagFormatError if the segment and its parts do not fit together
   */
  static fromSegment(segment: Segment, options: { plain?: boolean; source?: VectorSource } = {}): HnswIndex {
    const meta = segment.meta as HnswMeta
    const { states, levels, ground, upperAt, upper, vectors } = segment.arrays
    const { rows } = meta
    const index = new HnswIndex({ ...meta, seed: rows + 1, plain: options.plain })
    const fail = (where: string, problem: string): never => {
      throw new RagFormatError('hnsw segment', where, problem)
    }
    if (states?.length !== rows || levels?.length !== rows || ground?.length !== rows * (2 * meta.m + 1))
      fail('header', `its arrays are not those of ${rows} rows`)
    index.rows = rows
    index.live = meta.live
    index.dead = meta.dead
    index.entry = meta.entry
    index.sweepAt = meta.sweepAt
    index.pending = [...meta.pending]
    index.free = [...meta.free]
    index.states = new Uint8Array(states)
    index.levels = new Uint8Array(levels)
    index.ground = new Int32Array(ground)
    index.upperAt = new Int32Array(upperAt)
    index.upper = new Int32Array(upper)
    index.upperUsed = upper.length
    index.visited = new Uint32Array(rows)
    index.liveMask = index.states.map(state => (state === LIVE || state === PENDING ? 1 : 0))
    const { table } = index
    if (rows) table.reserve(rows)
    const { codes, errors, lengths } = segment.arrays
    const coded = table.restoreCodes(rows, codes, errors, lengths)
    if (meta.vectors) {
      const { stride } = table.exact
      if (vectors?.byteLength !== rows * stride) fail("section 'vectors'", `it is not ${rows} rows of ${stride} bytes`)
      const floats = new Float32Array(vectors.buffer, vectors.byteOffset, vectors.byteLength / 4)
      for (let id = 0; id < rows; id++) {
        const vector = floats.subarray((id * stride) / 4, (id * stride) / 4 + meta.dimensions)
        if (coded) table.setExact(id, vector)
        else table.set(id, vector)
      }
    } else {
      if (!coded) fail("section 'codes'", `it is not that of ${rows} rows`)
      if (!options.source) throw new RagArgumentError('fromSegment', 'the segment has no vectors', 'give source')
      table.readFrom(index.liveMask.slice(), options.source)
    }
    return index
  }

  // ---- removing

  /** Removes a row. @param options `defer` leaves repairs to later changes @returns whether it was there */
  remove(id: number, { defer = false }: { defer?: boolean } = {}): boolean {
    if (!this.has(id)) return false
    this.liveMask[id] = 0
    this.live--
    if (this.states[id] === PENDING) {
      this.states[id] = FREE
      this.pending.splice(this.pending.lastIndexOf(id), 1)
      this.waiting = undefined
      this.free.push(id)
    } else {
      this.states[id] = DEAD
      this.dead++
    }
    if (this.live === 0) this.clear()
    else if (!defer) this.sweep(SWEEP_STEP)
    return true
  }

  private clear(): void {
    this.states.fill(FREE, 0, this.rows)
    this.levels.fill(0, 0, this.rows)
    this.rows = 0
    this.dead = 0
    this.upperUsed = 0
    this.entry = -1
    this.free = []
    this.pending = []
    this.waiting = undefined
    this.sweepAt = -1
  }

  /** Takes every tombstone out of the graph now, rather than little by little with the next changes. */
  repair(): void {
    this.sweep(this.rows)
    if (this.dead === 0) return
    this.beginSweep()
    this.sweep(this.rows)
  }

  private beginSweep(): void {
    for (let id = 0; id < this.rows; id++) if (this.states[id] === DEAD) this.states[id] = LEAVING
    this.sweepAt = 0
  }

  private sweep(steps: number): void {
    if (this.sweepAt < 0) {
      if (this.dead <= SWEEP_AT * (this.live + this.dead)) return
      this.beginSweep()
    }
    const end = Math.min(this.rows, this.sweepAt + steps)
    for (; this.sweepAt < end; this.sweepAt++) {
      const { states, levels, sweepAt } = this
      // Tombstones that stay are walked through, so their links are mended too.
      if (states[sweepAt] === LIVE || states[sweepAt] === DEAD)
        for (let l = levels[sweepAt]; l >= 0; l--) this.mend(sweepAt, l)
    }
    if (this.sweepAt >= this.rows) this.endSweep()
  }

  /** Replaces a row's links to leaving rows by links to the neighbours of those. */
  private mend(id: number, level: number): void {
    const links = this.linksOf(level)
    const at = this.linksAt(id, level)
    const { states, visited, walk } = this
    const count = links[at]
    let leaving = 0
    for (let i = 1; i <= count; i++) if (states[links[at + i]] === LEAVING) leaving++
    if (leaving === 0) return
    const epoch = this.nextEpoch()
    visited[id] = epoch
    const old = new Set<number>()
    const pool: number[] = []
    // Through leaving rows to what lies behind, on and on where all neighbours leave, up to a bound.
    const queue: number[] = []
    const look = (other: number): void => {
      if (visited[other] === epoch) return
      visited[other] = epoch
      if (states[other] === LIVE) pool.push(other)
      else queue.push(other)
    }
    for (let i = 1; i <= count; i++) {
      if (states[links[at + i]] !== LEAVING) old.add(links[at + i])
      look(links[at + i])
    }
    for (let i = 0; i < queue.length && pool.length < 16 * this.m && i < 256; i++) {
      const from = this.linksAt(queue[i], level)
      for (let j = 1; j <= links[from]; j++) look(links[from + j])
    }
    walk.load(id)
    for (let i = 0; i < pool.length; i++) walk.ids[i] = pool[i]
    const chosen = this.select(this.measured(pool.length), level === 0 ? this.m0 : this.m)
    this.setLinks(id, level, chosen)
    if (states[id] === LIVE) for (const other of chosen) if (!old.has(other)) this.linkBack(other, id, level)
  }

  private endSweep(): void {
    const { states, levels } = this
    this.sweepAt = -1
    let entry = -1
    for (let id = 0; id < this.rows; id++) {
      if (states[id] === LEAVING) {
        states[id] = FREE
        this.dead--
        this.free.push(id)
        for (let l = levels[id]; l >= 0; l--) this.linksOf(l)[this.linksAt(id, l)] = 0
      } else if ((states[id] === LIVE || states[id] === DEAD) && (entry < 0 || levels[id] > levels[entry])) entry = id
    }
    this.entry = entry
  }
}

/** The layout of a segment. */
const VERSION = 1

interface HnswMeta {
  dimensions: number
  metric: Metric
  m: number
  efConstruction: number
  ef: number
  rows: number
  live: number
  dead: number
  entry: number
  sweepAt: number
  pending: number[]
  free: number[]
  vectors: boolean
}

/** A copy with room for more, the rest 0. */
function grown<T extends Uint8Array | Int32Array>(old: T, size: number): T {
  const larger = new (old.constructor as new (size: number) => T)(size)
  larger.set(old)
  return larger
}

/** Numbers in [0, 1) from a 32-bit counter: T. Ettinger's mulberry32. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

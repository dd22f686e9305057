// What the stores of this machine search: documents and chunks by number, with an index of words and one of vectors. It decides
// who sees what once per combination of filter, reader and moment, as a set of rows that both indexes take inside their search.
//
// Where documents are kept is not its business: the memory store keeps them beside it, the SQLite store reads them when found.

import type { HnswIndex } from '../dense/hnsw.ts'
import { Selection } from '../dense/selection.ts'
import type { VectorLike } from '../dense/vector.ts'
import { ALWAYS, covers, currency, type Interval, validity } from './currency.ts'
import { type Filter, type Metadata, matches } from './filter.ts'
import type { ReadScope, Search, VectorSpace } from './request.ts'
import type { Access } from './store.ts'
import type { Words } from './words.ts'

/** What of a document version decides whether it is found, and what a hit says of it. */
export interface VersionInfo {
  readonly id: string
  readonly version: number
  readonly source?: string
  readonly title?: string
  readonly validFrom?: number
  readonly validUntil?: number
  readonly principals?: readonly string[]
  readonly metadata?: Metadata
  /** Of the chunks that have some. */
  readonly chunkMetadata?: readonly (Metadata | undefined)[]
}

/** A version in the collection. */
export interface Entry extends VersionInfo {
  /** What its owner knows it by. */
  readonly key: number
  /** The row of each chunk. */
  readonly rows: readonly number[]
  current: readonly Interval[]
}

export interface Passage {
  readonly text: string
  readonly vector?: VectorLike
}

/**
 * Versions that a collection holds by their numbers alone and reads when they are met. Each is the only one of its document; of what it
 * says only who may see it and when is known.
 */
export interface Sleepers {
  /** Ascending. */
  readonly keys: Float64Array
  /** The rows of version i are `rows[starts[i]]` to `rows[starts[i + 1] - 1]`, in the order of its chunks. */
  readonly starts: Int32Array
  readonly rows: Int32Array
  /** Who may see a version: a place in `audiences`, each the principals of some versions. */
  readonly audience: Int32Array
  readonly audiences: readonly VersionInfo['principals'][]
  /** Version i is valid from `times[2 * i]` until `times[2 * i + 1]`; empty where all are at all times. */
  readonly times: Float64Array
  /** Hashes of the ids, ascending, and the version that each is of. */
  readonly hashes: Uint32Array
  readonly hashed: Int32Array
  hash(id: string): number
  /** What the version of a key says. @throws RagFormatError if it is damaged */
  read(key: number): VersionInfo
  /** The same of all that there are. */
  readAll(visit: (key: number, info: VersionInfo) => void): void
}

/** A passage found: the version, the chunk's number in it. */
export interface Found {
  readonly entry: Entry
  readonly chunk: number
  readonly score: number
}

interface CachedSelection {
  /** The moments for which it holds. */
  readonly from: number
  readonly until: number
  /** Undefined: every row. */
  readonly rows: Selection | undefined
  vectors: Selection | undefined
}

const CACHED = 64

/** When a document of one version without times is current. */
const ALL_TIME: readonly Interval[] = [ALWAYS]

const hasTimes = ({ validFrom, validUntil }: VersionInfo): boolean =>
  validFrom !== undefined || validUntil !== undefined

export class Collection {
  readonly space: VectorSpace
  /** The indexes; a store may bring them when they are first needed (`addText`, `addVector`). */
  words: Words | undefined
  dense: HnswIndex | undefined
  private readonly entries = new Map<number, Entry>()
  private readonly versions = new Map<string, Entry[]>()
  /** By row. */
  private readonly owners: (Entry | undefined)[] = []
  private chunks: number[] = []
  private vectorOf: number[] = []
  private sleepers: Sleepers | undefined
  /** By version of `sleepers`: 1 until it is read. */
  private asleep = new Uint8Array(0)
  private asleepCount = 0
  /** By row: the version of `sleepers` that it is of, -1 for none that is asleep. */
  private sleeperOf = new Int32Array(0)
  private freeRows: number[] = []
  private liveRows = 0
  /** The row of each vector. */
  private readonly rowOfVector: number[] = []
  private readonly cache = new Map<string, CachedSelection>()

  constructor(space: VectorSpace) {
    this.space = space
  }

  get documentCount(): number {
    return this.versions.size + this.asleepCount
  }

  get versionCount(): number {
    return this.entries.size + this.asleepCount
  }

  get chunkCount(): number {
    return this.liveRows
  }

  /** Row numbers are below this. */
  get rowCount(): number {
    return this.owners.length
  }

  entry(key: number): Entry | undefined {
    const known = this.entries.get(key)
    if (known) return known
    const sleeper = this.sleeperAt(key)
    return sleeper < 0 ? undefined : this.wake(sleeper)
  }

  /** How many chunks a version has; undefined if there is no such version. It is not read. */
  sizeOf(key: number): number | undefined {
    const entry = this.entries.get(key)
    if (entry) return entry.rows.length
    const sleeper = this.sleeperAt(key)
    return sleeper < 0 ? undefined : this.rowsOf(sleeper).length
  }

  /** Every version, in the order of keys. */
  all(): Iterable<Entry> {
    this.wakeAll()
    return this.awake()
  }

  /** The versions that have been read, in the order of keys. */
  awake(): Iterable<Entry> {
    return this.sleepers ? [...this.entries.values()].sort((a, b) => a.key - b.key) : this.entries.values()
  }

  /** Whether a row is of a version that has not been read. */
  isAsleep(row: number): boolean {
    return this.sleeperOf[row] >= 0
  }

  /** Takes versions in that are read when they are met, into a collection that has rows for them and no version yet. */
  adopt(sleepers: Sleepers): void {
    const { keys, starts, rows } = sleepers
    this.sleepers = sleepers
    this.asleep = new Uint8Array(keys.length).fill(1)
    this.asleepCount = keys.length
    this.sleeperOf = new Int32Array(this.rowCount).fill(-1)
    this.chunks = new Array<number>(this.rowCount).fill(0)
    this.vectorOf = new Array<number>(this.rowCount).fill(-1)
    for (let i = 0; i < keys.length; i++)
      for (let at = starts[i]; at < starts[i + 1]; at++) {
        this.sleeperOf[rows[at]] = i
        this.chunks[rows[at]] = at - starts[i]
      }
    this.liveRows += rows.length
  }

  private rowsOf(sleeper: number): Int32Array {
    const { starts, rows } = this.sleepers!
    return rows.subarray(starts[sleeper], starts[sleeper + 1])
  }

  /** The version of `sleepers` with a key, -1 if there is none that is asleep. */
  private sleeperAt(key: number): number {
    if (this.asleepCount === 0) return -1
    const { keys } = this.sleepers!
    const at = lowerBound(keys, key)
    return keys[at] === key && this.asleep[at] ? at : -1
  }

  private wake(sleeper: number, info = this.sleepers!.read(this.sleepers!.keys[sleeper])): Entry {
    const entry = entryOf(this.sleepers!.keys[sleeper], info, Array.from(this.rowsOf(sleeper)))
    this.strike(sleeper)
    for (const row of entry.rows) this.owners[row] = entry
    this.entries.set(entry.key, entry)
    this.versions.set(entry.id, [entry])
    return entry
  }

  private wakeAll(): void {
    if (this.asleepCount === 0) return
    this.sleepers!.readAll((key, info) => {
      const sleeper = this.sleeperAt(key)
      if (sleeper >= 0) this.wake(sleeper, info)
    })
    // One that has vanished is named by reading it.
    for (let i = 0; this.asleepCount > 0; i++) if (this.asleep[i]) this.wake(i)
  }

  private strike(sleeper: number): void {
    this.asleep[sleeper] = 0
    this.asleepCount--
    for (const row of this.rowsOf(sleeper)) this.sleeperOf[row] = -1
  }

  /** The version and the chunk's number in it that a row stands for. */
  passageAt(row: number): { entry: Entry; chunk: number } | undefined {
    const entry = this.ownerOf(row)
    return entry && { entry, chunk: this.chunks[row] }
  }

  private ownerOf(row: number): Entry | undefined {
    return this.owners[row] ?? (this.isAsleep(row) ? this.wake(this.sleeperOf[row]) : undefined)
  }

  /** The number of a row's vector, -1 without one. */
  vectorAt(row: number): number {
    return this.vectorOf[row]
  }

  /** The versions of a document, the newest first. */
  versionsOf(id: string): readonly Entry[] {
    if (this.asleepCount > 0) {
      const { hashes, hashed, hash } = this.sleepers!
      const wanted = hash(id)
      for (let at = lowerBound(hashes, wanted); hashes[at] === wanted; at++)
        if (this.asleep[hashed[at]]) this.wake(hashed[at])
    }
    return this.versions.get(id) ?? []
  }

  /**
   * Adds a version; `key` and the pair of id and version are new.
   * @param passages what goes into the indexes, or only how many chunks there are
   * @param rows the rows of its chunks, if they have some already
   */
  add(key: number, info: VersionInfo, passages: readonly Passage[] | number, rows?: readonly number[]): Entry {
    const count = typeof passages === 'number' ? passages : passages.length
    rows ??= Array.from({ length: count }, () => this.freeRows.pop() ?? this.owners.push(undefined) - 1)
    const others = this.versionsOf(info.id)
    const entry = entryOf(key, info, rows)
    for (let chunk = 0; chunk < count; chunk++) {
      while (this.owners.length <= rows[chunk]) this.owners.push(undefined)
      this.owners[rows[chunk]] = entry
      this.chunks[rows[chunk]] = chunk
      this.vectorOf[rows[chunk]] = -1
    }
    this.liveRows += count
    if (typeof passages !== 'number')
      passages.forEach(({ text, vector }, chunk) => {
        this.addText(rows[chunk], text)
        if (vector) this.addVector(rows[chunk], vector)
      })
    this.entries.set(key, entry)
    const versions = others.length ? [...others, entry].sort((a, b) => b.version - a.version) : [entry]
    this.versions.set(info.id, versions)
    this.refresh(versions)
    return entry
  }

  addText(row: number, text: string): void {
    this.words?.add(row, text)
  }

  addVector(row: number, vector: VectorLike, options?: { defer?: boolean; prepared?: boolean }): void {
    if (this.dense) this.bindVector(row, this.dense.add(vector, options))
  }

  /** A vector that the index holds is that of a row. */
  bindVector(row: number, vector: number): void {
    this.vectorOf[row] = vector
    this.rowOfVector[vector] = row
    this.changed()
  }

  private refresh(versions: readonly Entry[]): void {
    // A document of one version, as nearly all are, is current while it is valid.
    if (versions.length === 1) versions[0].current = currentAlone(versions[0])
    else {
      const times = currency(versions)
      for (const entry of versions) entry.current = times.get(entry.version)!
    }
    this.changed()
  }

  private changed(): void {
    // Clearing a map that is empty makes a new one.
    if (this.cache.size) this.cache.clear()
  }

  /** Removes a version. Its rows come back unless `keepRows`. @returns whether it was there */
  remove(key: number, { keepRows = false } = {}): boolean {
    const entry = this.entries.get(key)
    const sleeper = entry ? -1 : this.sleeperAt(key)
    if (!entry && sleeper < 0) return false
    const rows = entry?.rows ?? this.rowsOf(sleeper)
    for (const row of rows) {
      this.words?.remove(row)
      if (this.vectorOf[row] >= 0) this.dense?.remove(this.vectorOf[row])
      this.owners[row] = undefined
      this.vectorOf[row] = -1
      if (!keepRows) this.freeRows.push(row)
    }
    this.liveRows -= rows.length
    if (!entry) {
      this.strike(sleeper)
      this.changed()
      return true
    }
    this.entries.delete(key)
    const versions = this.versionsOf(entry.id).filter(other => other !== entry)
    if (versions.length) this.versions.set(entry.id, versions)
    else this.versions.delete(entry.id)
    this.refresh(versions)
    return true
  }

  /** Rows below this are given by name only, until `reclaimRows`. */
  reserveRows(count: number): void {
    while (this.owners.length < count) this.owners.push(undefined)
  }

  /** Every row without a chunk may be used again. */
  reclaimRows(): void {
    this.freeRows = []
    for (let row = this.owners.length - 1; row >= 0; row--)
      if (!this.owners[row] && !this.isAsleep(row)) this.freeRows.push(row)
  }

  /** The newest version of a document that the reader may see. */
  find(id: string, scope: ReadScope): Entry | undefined {
    const candidates = this.versionsOf(id).filter(entry => isThere(entry, scope))
    return candidates.find(entry => mayRead(entry.principals, scope.access))
  }

  search(search: Search): Found[] {
    const selected = this.select(search)
    if (selected.rows?.size === 0) return []
    const hits =
      search.text !== undefined
        ? (this.words?.search(search.text, search.k, selected.rows) ?? [])
        : this.searchVectors(search.vector!, search.k, selected)
    return hits.map(({ id: row, score }) => ({ entry: this.ownerOf(row)!, chunk: this.chunks[row], score }))
  }

  private searchVectors(vector: VectorLike, k: number, selected: CachedSelection): { id: number; score: number }[] {
    const { dense } = this
    if (!dense) return []
    if (selected.rows) {
      if (!selected.vectors) {
        const mask = new Uint8Array(dense.capacity)
        for (const row of selected.rows.ids) if (this.vectorOf[row] >= 0) mask[this.vectorOf[row]] = 1
        selected.vectors = Selection.fromMask(mask)
      }
    }
    return dense
      .search(vector, k, { among: selected.vectors })
      .map(({ id, score }) => ({ id: this.rowOfVector[id], score }))
  }

  /** The rows that a search may return. */
  private select(search: Search): CachedSelection {
    const { filter, access, versions, at } = search
    const key = JSON.stringify([filter, access, versions])
    const known = this.cache.get(key)
    if (known && known.from <= at && at < known.until) return known
    const made = this.makeSelection(filter, search)
    this.cache.delete(key)
    if (this.cache.size >= CACHED) this.cache.delete(this.cache.keys().next().value!)
    this.cache.set(key, made)
    return made
  }

  private makeSelection(filter: Filter | undefined, scope: ReadScope): CachedSelection {
    const mask = new Uint8Array(this.owners.length)
    let from = Number.NEGATIVE_INFINITY
    let until = Number.POSITIVE_INFINITY
    let count = 0
    const note = (moment: number): void => {
      if (moment <= scope.at) from = Math.max(from, moment)
      else until = Math.min(until, moment)
    }
    // What a version says of itself is asked for by filters only.
    if (filter !== undefined) this.wakeAll()
    else if (this.asleepCount > 0) {
      const { starts, rows, audience, audiences, times } = this.sleepers!
      const open = audiences.map(principals => mayRead(principals, scope.access))
      for (let i = 0; i < this.asleep.length; i++) {
        if (!this.asleep[i]) continue
        if (times.length) {
          const [begin, end] = [times[2 * i], times[2 * i + 1]]
          note(begin)
          note(end)
          // The only version of its document is the newest whenever it is valid.
          if (scope.versions !== 'all' && !covers([begin, end], scope.at)) continue
        }
        if (!open[audience[i]]) continue
        for (let at = starts[i]; at < starts[i + 1]; at++) mask[rows[at]] = 1
        count += starts[i + 1] - starts[i]
      }
    }
    for (const entry of this.entries.values()) {
      const times = scope.versions === 'newest' ? entry.current : [validity(entry)]
      for (const interval of times) for (const moment of interval) note(moment)
      if (!isThere(entry, scope) || !mayRead(entry.principals, scope.access)) continue
      const { metadata = {}, chunkMetadata } = entry
      const whole = filter === undefined || (!chunkMetadata && matches(filter, metadata))
      if (!whole && !chunkMetadata) continue
      for (let i = 0; i < entry.rows.length; i++) {
        if (!whole && !matches(filter!, { ...metadata, ...chunkMetadata?.[i] })) continue
        mask[entry.rows[i]] = 1
        count++
      }
    }
    const rows = count === this.chunkCount ? undefined : Selection.fromMask(mask)
    return { from, until, rows, vectors: undefined }
  }
}

const entryOf = (key: number, info: VersionInfo, rows: readonly number[]): Entry => ({
  ...info,
  key,
  rows,
  current: currentAlone(info),
})

/** When a version that is the only one of its document is the newest. */
const currentAlone = (info: VersionInfo): readonly Interval[] => (hasTimes(info) ? [validity(info)] : ALL_TIME)

/** The first place of an ascending list whose value is not less. */
export function lowerBound(values: Float64Array | Uint32Array, value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

function isThere(entry: Entry, { versions, at }: ReadScope): boolean {
  switch (versions) {
    case 'all':
      return true
    case 'valid':
      return covers(validity(entry), at)
    case 'newest':
      return entry.current.some(interval => covers(interval, at))
    default:
      return versions satisfies never
  }
}

/** Whether a reader may see what is for these principals. */
export function mayRead(principals: readonly string[] | undefined, access: Access): boolean {
  return access === 'unrestricted' || principals === undefined || principals.some(name => access.includes(name))
}

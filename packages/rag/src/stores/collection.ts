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
  private readonly chunks: number[] = []
  private readonly vectorOf: number[] = []
  private freeRows: number[] = []
  private liveRows = 0
  /** The row of each vector. */
  private readonly rowOfVector: number[] = []
  private readonly cache = new Map<string, CachedSelection>()

  constructor(space: VectorSpace) {
    this.space = space
  }

  get documentCount(): number {
    return this.versions.size
  }

  get versionCount(): number {
    return this.entries.size
  }

  get chunkCount(): number {
    return this.liveRows
  }

  /** Row numbers are below this. */
  get rowCount(): number {
    return this.owners.length
  }

  entry(key: number): Entry | undefined {
    return this.entries.get(key)
  }

  all(): Iterable<Entry> {
    return this.entries.values()
  }

  /** The version and the chunk's number in it that a row stands for. */
  passageAt(row: number): { entry: Entry; chunk: number } | undefined {
    const entry = this.owners[row]
    return entry && { entry, chunk: this.chunks[row] }
  }

  /** The number of a row's vector, -1 without one. */
  vectorAt(row: number): number {
    return this.vectorOf[row]
  }

  /** The versions of a document, the newest first. */
  versionsOf(id: string): readonly Entry[] {
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
    const { id, version, source, title, validFrom, validUntil, principals, metadata, chunkMetadata } = info
    const entry: Entry = {
      key,
      id,
      version,
      source,
      title,
      validFrom,
      validUntil,
      principals,
      metadata,
      chunkMetadata,
      rows,
      current: ALL_TIME,
    }
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
    const others = this.versions.get(id)
    const versions = others ? [...others, entry].sort((a, b) => b.version - a.version) : [entry]
    this.versions.set(id, versions)
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
    if (versions.length === 1) versions[0].current = hasTimes(versions[0]) ? [validity(versions[0])] : ALL_TIME
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
    if (!entry) return false
    for (const row of entry.rows) {
      this.words?.remove(row)
      if (this.vectorOf[row] >= 0) this.dense?.remove(this.vectorOf[row])
      this.owners[row] = undefined
      this.vectorOf[row] = -1
      if (!keepRows) this.freeRows.push(row)
    }
    this.liveRows -= entry.rows.length
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
    for (let row = this.owners.length - 1; row >= 0; row--) if (!this.owners[row]) this.freeRows.push(row)
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
    return hits.map(({ id: row, score }) => ({ entry: this.owners[row]!, chunk: this.chunks[row], score }))
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
    for (const entry of this.entries.values()) {
      const times = scope.versions === 'newest' ? entry.current : [validity(entry)]
      for (const interval of times)
        for (const moment of interval)
          if (moment <= scope.at) from = Math.max(from, moment)
          else until = Math.min(until, moment)
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

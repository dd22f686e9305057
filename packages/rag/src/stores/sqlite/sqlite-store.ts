// The store in one file. The tables of documents, chunks and vectors are the truth, and a write is durable when its transaction
// is. The indexes in memory follow the tables: the writer's own, and by the same steps those of every other process that has the
// file open, which read what came since they last looked. Snapshots of the indexes are kept as segments in the file, loaded when
// a search first needs them and brought up to date; a damaged one is made again from the documents.

import { HnswIndex, type HnswOptions } from '../../dense/hnsw.ts'
import { normalized } from '../../dense/vector.ts'
import { RagArgumentError, RagError, RagFormatError } from '../../errors.ts'
import { readSegment, type Segment, writeSegment } from '../../segment.ts'
import { Collection, type Entry, type Found, lowerBound } from '../collection.ts'
import { checkDocuments, checkSearch, readScope, type Search, type VectorSpace } from '../request.ts'
import type {
  ChunkInput,
  Damage,
  DocumentHead,
  DocumentInput,
  Hit,
  ReadOptions,
  SearchRequest,
  Store,
  StoredDocument,
} from '../store.ts'
import type { Words } from '../words.ts'
import { CATALOGUE_VERSION, catalogueOf, sleepersOf } from './catalogue.ts'
import type { SqlDriver, SqlRow } from './driver.ts'
import {
  CHUNKS,
  FORMAT,
  keyOf,
  readChunk,
  readRemoval,
  readSegmentBytes,
  readSetting,
  readVector,
  readVersion,
  removeVersion,
  rowOf,
  sumOf,
  type VersionRecord,
  writeDocument,
  writeSegmentBytes,
  writeSetting,
} from './records.ts'

export interface SqliteStoreParts {
  readonly db: SqlDriver
  readonly space: VectorSpace
  /** Makes an empty index of words. */
  readonly words: () => Words
  readonly hnsw: Partial<HnswOptions> | undefined
  readonly readOnly: boolean
  /** What happens to documents that are found damaged when the file is opened. */
  readonly damaged: 'refuse' | 'skip'
  /** Told of an index that was damaged and is made again. */
  readonly onDamage: ((damage: Damage) => void) | undefined
  readonly snapshotEvery: number
  /** Does what is left after the file was closed; `alone`: nobody else has it open. */
  readonly closed: (alone: boolean) => void | Promise<void>
}

/** The rows of a snapshot: which chunk each number of an index stands for. */
interface SnapshotRows {
  /** Chunk row of each row of the collection, -1 for none. */
  readonly rows: Float64Array
  readonly vectors: Int32Array
  /** Up to which version and removal the snapshot knows everything. */
  readonly key: number
  readonly seq: number
  /** Its own name: another process may write the next one. */
  readonly name: string
  /** Names of the lexical parts. */
  readonly parts: readonly string[]
}

/** A snapshot is due when this share of the chunks has changed, and no fewer than the options say. */
const SNAPSHOT_SHARE = 0.2
/** Closing writes a snapshot if more than this share changed: reading so little again costs nothing. */
const CLOSE_SHARE = 0.02
/** Removals that are remembered for processes that follow. */
const REMEMBERED = 100_000

const SNAPSHOT_VERSION = 1

/** What the segments are, and the version of their layout; those of words have names of their own. */
const segments = {
  rows: ['rows', SNAPSHOT_VERSION],
  catalogue: ['catalogue', CATALOGUE_VERSION],
  dense: ['hnsw', 1],
} as const
const WORDS = ['lexical', 1] as const

/** Versions whose keys are no further apart are read in one walk over a table. */
const NEAR_KEYS = 16

export class SqliteStore implements Store {
  readonly kind = 'sqlite'
  private readonly parts: SqliteStoreParts
  private readonly db: SqlDriver
  private collection: Collection
  /** Versions that could not be read. */
  private readonly skipped = new Map<number, string>()
  /** Which chunks have a vector, of the versions where not all do. */
  private readonly withVectors = new Map<number, readonly number[]>()
  private lastKey = 0
  private lastSeq = 0
  private dataVersion: unknown
  private snapshot: SnapshotRows | undefined
  private wordsLoaded = false
  private denseLoaded = false
  private changes = 0
  /** Following the tables failed half way: the next operation reads them anew. */
  private stale = false
  /** The number of a vector that could not be read when it was first needed. */
  private damagedVector: number | undefined
  private open = true

  constructor(parts: SqliteStoreParts) {
    this.parts = parts
    this.db = parts.db
    this.collection = new Collection(parts.space)
    this.transaction('DEFERRED', () => {
      this.readRows()
      this.follow()
      for (const { what, problem } of this.checkCount()) if (parts.damaged === 'refuse') throw damageOf(what, problem)
    })
  }

  // ---- writing

  async put(documents: readonly DocumentInput[]): Promise<void> {
    this.check('put', true)
    checkDocuments(documents, this.parts.space)
    const { metric } = this.parts.space
    const prepare = ({ vector }: ChunkInput): Float32Array =>
      metric === 'cosine' ? normalized(vector!) : Float32Array.from(vector!)
    const written: { record: VersionRecord; chunks: readonly ChunkInput[] }[] = []
    const removed: number[] = []
    const seq = this.transaction('IMMEDIATE', () => {
      this.follow()
      let last = this.lastSeq
      for (const document of documents) {
        const old = this.collection.versionsOf(document.id).find(({ version }) => version === (document.version ?? 0))
        if (old) {
          last = removeVersion(this.db, old.key)
          removed.push(old.key)
        }
        written.push({ record: writeDocument(this.db, document, prepare), chunks: document.chunks })
      }
      this.writeCount(written.length - removed.length)
      return last
    })
    // The transaction is durable; what follows only brings the indexes up to it.
    this.lastSeq = seq
    for (const key of removed) this.forget(key)
    for (const { record, chunks } of written) {
      this.lastKey = record.key
      const { rows } = this.enter(record)
      chunks.forEach((chunk, i) => {
        if (this.wordsLoaded) this.collection.addText(rows[i], chunk.text)
        if (this.denseLoaded && chunk.vector) this.collection.addVector(rows[i], chunk.vector)
      })
    }
    this.maybeSnapshot()
  }

  async delete(documents: readonly (string | { id: string; version: number })[]): Promise<number> {
    this.check('delete', true)
    const removed: number[] = []
    const seq = this.transaction('IMMEDIATE', () => {
      this.follow()
      let last = this.lastSeq
      for (const which of documents) {
        const id = typeof which === 'string' ? which : which.id
        for (const entry of this.collection.versionsOf(id))
          if ((typeof which === 'string' || entry.version === which.version) && !removed.includes(entry.key)) {
            last = removeVersion(this.db, entry.key)
            removed.push(entry.key)
          }
      }
      this.writeCount(-removed.length)
      return last
    })
    this.lastSeq = seq
    for (const key of removed) this.forget(key)
    this.maybeSnapshot()
    return removed.length
  }

  /** How many versions there are, for `checkCount`. */
  private writeCount(change: number): void {
    writeSetting(this.db, 'versions', this.collection.versionCount + this.skipped.size + change)
  }

  /** Whether versions have vanished, as they do without a trace when a page of the table loses its place in it. */
  private checkCount(): Damage[] {
    const wanted = readSetting(this.db, 'versions')
    const [{ there }] = this.db.all('SELECT count(*) AS there FROM versions')
    if (there === wanted) return []
    return [{ what: 'versions', problem: `${String(there)} of ${String(wanted)} versions are there`, repaired: false }]
  }

  // ---- reading

  async get(id: string, options?: ReadOptions): Promise<StoredDocument | undefined> {
    this.check('get')
    const scope = readScope('get', options)
    return this.transaction('DEFERRED', () => {
      this.follow()
      const entry = this.collection.find(id, scope)
      if (!entry) return undefined
      const rows = this.db.all(
        'SELECT row, body, sum FROM chunks WHERE row >= ? AND row < ? ORDER BY row',
        rowOf(entry.key, 0),
        rowOf(entry.key + 1, 0),
      )
      if (rows.length !== entry.rows.length)
        throw damageOf(nameOf(entry), `${rows.length} of its ${entry.rows.length} chunks are there`)
      return { ...headOf(entry), chunks: rows.map(row => readChunk(row, entry)) }
    })
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    this.check('search')
    const search = checkSearch(request, this.parts.space)
    return this.transaction('DEFERRED', () => {
      this.follow()
      if (search.text === undefined) this.loadDense()
      else this.loadWords()
      return this.found(search).flatMap(({ entry, chunk, score }): Hit[] => {
        const { id, version, source, title, metadata } = entry
        const stored = this.unlessDamaged(() => this.chunk(entry, chunk))
        if (!stored) return []
        const { text, span, metadata: own } = stored
        return [
          {
            id,
            version,
            chunk,
            score,
            text,
            span,
            metadata: { ...metadata, ...own },
            ...(source !== undefined && { source }),
            ...(title !== undefined && { title }),
          },
        ]
      })
    })
  }

  private found(search: Search): Found[] {
    for (;;)
      try {
        return this.collection.search(search)
      } catch (error) {
        // A vector that was read for the first time: left out if the options say so.
        const { damagedVector } = this
        this.damagedVector = undefined
        if (damagedVector === undefined || this.unlessDamaged(() => raise(error))) throw error
        this.collection.dense!.remove(damagedVector)
      }
  }

  /** What `body` gives; undefined if it finds damage and the options say to go on without what is damaged. */
  private unlessDamaged<T>(body: () => T): T | undefined {
    try {
      return body()
    } catch (error) {
      if (this.parts.damaged === 'refuse' || !(error instanceof RagFormatError)) throw error
      this.parts.onDamage?.({ what: error.where, problem: error.message, repaired: false })
      return undefined
    }
  }

  private chunk(entry: Entry, chunk: number): StoredDocument['chunks'][number] {
    const [row] = this.db.all('SELECT row, body, sum FROM chunks WHERE row = ?', rowOf(entry.key, chunk))
    if (!row) throw damageOf(`${nameOf(entry)}, chunk ${chunk}`, 'it is missing')
    return readChunk(row, entry)
  }

  async statistics() {
    this.check('statistics')
    this.transaction('DEFERRED', () => this.follow())
    const { documentCount: documents, versionCount: versions, chunkCount: chunks } = this.collection
    return { documents, versions, chunks }
  }

  async list(): Promise<DocumentHead[]> {
    this.check('list')
    return this.transaction('DEFERRED', () => {
      this.follow()
      return Array.from(this.collection.all(), headOf)
    })
  }

  // ---- following the tables

  /** Brings the collection up to the transaction that is open. */
  private follow(): void {
    if (this.stale) {
      this.startOver()
      return
    }
    const [{ data_version: version }] = this.db.all('PRAGMA data_version')
    if (version === this.dataVersion) return
    const first = this.dataVersion === undefined
    const [{ oldest }] = this.db.all('SELECT min(seq) AS oldest FROM removed')
    if (!first && oldest !== null && (oldest as number) > this.lastSeq + 1) {
      this.startOver()
      return
    }
    // Who holds nothing yet has nothing to forget: only where the removals stand.
    const order = first && this.collection.versionCount === 0 ? 'DESC LIMIT 1' : 'ASC'
    const removals = this.db
      .all(`SELECT seq, key, sum FROM removed WHERE seq > ? ORDER BY seq ${order}`, this.lastSeq)
      .map(readRemoval)
    let lastKey = this.lastKey
    try {
      for (const { key } of removals) this.forget(key)
      const entered: Entry[] = []
      const keep = this.wordsLoaded || this.denseLoaded
      this.db.each(
        'SELECT key, id, version, body, chunks, sum FROM versions WHERE key > ? ORDER BY key',
        [this.lastKey],
        row => {
          lastKey = row.key as number
          try {
            const entry = this.enter(readVersion(row))
            if (keep) entered.push(entry)
          } catch (error) {
            if (this.parts.damaged === 'refuse' || !(error instanceof RagFormatError)) throw error
            this.skipped.set(row.key as number, error.message)
          }
        },
      )
      if (this.wordsLoaded) this.readTexts(entered)
      if (this.denseLoaded) this.readVectors(entered)
    } catch (error) {
      // Half of it may be in the indexes.
      this.stale = true
      throw error
    }
    this.lastSeq = removals.at(-1)?.seq ?? this.lastSeq
    this.lastKey = lastKey
    this.dataVersion = version
  }

  /**
   * Visits the rows of some versions, whose keys ascend, in a table of chunks or vectors: one walk for those whose keys are close.
   */
  private eachRow(table: 'chunks' | 'vectors', entries: readonly Entry[], visit: (row: SqlRow, entry: Entry) => void) {
    const columns = table === 'chunks' ? 'row, body, sum' : 'row, vector, sum'
    for (let from = 0, to = 0; from < entries.length; from = to) {
      do to++
      while (to < entries.length && entries[to].key - entries[to - 1].key <= NEAR_KEYS)
      let at = from
      this.db.each(
        `SELECT ${columns} FROM ${table} WHERE row >= ? AND row < ? ORDER BY row`,
        [rowOf(entries[from].key, 0), rowOf(entries[to - 1].key + 1, 0)],
        row => {
          const key = keyOf(row.row as number)
          while (at < to && entries[at].key < key) at++
          if (at < to && entries[at].key === key) visit(row, entries[at])
        },
      )
    }
  }

  /** Puts the chunks of some versions into the index of words. */
  private readTexts(entries: readonly Entry[]): void {
    this.eachRow('chunks', entries, (row, entry) => {
      const stored = this.unlessDamaged(() => readChunk(row, entry))
      if (stored) this.collection.addText(entry.rows[(row.row as number) - rowOf(entry.key, 0)], stored.text)
    })
    for (const entry of entries)
      for (let chunk = 0; chunk < entry.rows.length; chunk++)
        if (!this.collection.words!.has(entry.rows[chunk]))
          this.unlessDamaged(() => raise(damageOf(`${nameOf(entry)}, chunk ${chunk}`, 'it is missing')))
  }

  /** Puts those vectors of some versions into the index that are not in it. */
  private readVectors(entries: readonly Entry[], { defer = false } = {}): void {
    this.eachRow('vectors', entries, (row, entry) => {
      const place = entry.rows[(row.row as number) - rowOf(entry.key, 0)]
      if (this.collection.vectorAt(place) >= 0) return
      const vector = this.unlessDamaged(() => this.vectorOf(row))
      if (vector) this.collection.addVector(place, vector, { defer, prepared: true })
    })
    for (const entry of entries)
      for (const chunk of this.chunksWithVector(entry))
        if (this.collection.vectorAt(entry.rows[chunk]) < 0)
          this.unlessDamaged(() => raise(damageOf(`${nameOf(entry)}, chunk ${chunk}`, 'its vector is missing')))
  }

  private chunksWithVector(entry: Entry): Iterable<number> {
    return this.withVectors.get(entry.key) ?? entry.rows.keys()
  }

  private vectorOf(row: Parameters<typeof readVector>[0]): Float32Array {
    return readVector(row, this.parts.space.dimensions!)
  }

  /** The vector of a chunk row. */
  private readVectorAt(chunkRow: number): Float32Array {
    const [row] = this.db.all('SELECT row, vector, sum FROM vectors WHERE row = ?', chunkRow)
    if (row) return this.vectorOf(row)
    const entry = this.collection.entry(keyOf(chunkRow))
    const whose = entry ? nameOf(entry) : `document key ${keyOf(chunkRow)}`
    throw damageOf(`${whose}, chunk ${chunkRow % CHUNKS}`, 'its vector is missing')
  }

  private startOver(): void {
    this.stale = false
    this.collection = new Collection(this.parts.space)
    this.withVectors.clear()
    this.skipped.clear()
    this.wordsLoaded = this.denseLoaded = false
    this.lastKey = this.lastSeq = this.changes = 0
    this.dataVersion = undefined
    this.readRows()
    this.follow()
  }

  /** Adds a version to the collection; what it says is not in the indexes yet. */
  private enter(record: VersionRecord): Entry {
    const { key, chunkCount, vectors } = record
    if (vectors !== undefined) this.withVectors.set(key, vectors)
    const known = this.rowsInSnapshot(record)
    if (!known) this.changes += chunkCount
    return this.collection.add(key, record, chunkCount, known)
  }

  private forget(key: number): void {
    const size = this.collection.sizeOf(key)
    if (size === undefined) return
    this.changes += size
    this.withVectors.delete(key)
    // An index that is not loaded yet still has these rows: they must not mean something else when it is.
    this.collection.remove(key, { keepRows: !(this.wordsLoaded && (this.denseLoaded || !this.parts.space.dimensions)) })
  }

  // ---- snapshots

  /** The chunks of the last snapshot, ascending, and where each stood. */
  private snapshotOrder: { readonly chunks: Float64Array; readonly rows: Int32Array; at: number } | undefined
  /** The name of a snapshot whose rows cannot be read. */
  private brokenSnapshot: unknown

  private readRows(): void {
    this.snapshot = undefined
    this.snapshotOrder = undefined
    const segment = this.readIndex('rows')
    this.brokenSnapshot = segment ? undefined : readSetting(this.db, 'snapshot')
    if (!segment) return
    const { key, seq, name, parts } = segment.meta as Pick<SnapshotRows, 'key' | 'seq' | 'name' | 'parts'>
    const { rows, vectors } = segment.arrays as { rows: Float64Array; vectors: Int32Array }
    this.snapshot = { rows, vectors, key, seq, name, parts }
    // What came since stands behind.
    this.collection.reserveRows(rows.length)
    // Who wants to know at once which documents are damaged reads them all.
    if (this.parts.damaged === 'skip') return
    const catalogue = this.readIndex('catalogue')
    const found = catalogue && sleepersOf(catalogue, name, this.db)
    if (!found) return
    this.collection.adopt(found.sleepers)
    this.lastKey = key
    this.lastSeq = seq
    found.eachOther(record => this.enter(record))
  }

  private rowsInSnapshot({ key, chunkCount }: VersionRecord): number[] | undefined {
    if (!this.snapshot || key > this.snapshot.key) return undefined
    this.snapshotOrder ??= orderOf(this.snapshot.rows)
    const { chunks, rows } = this.snapshotOrder
    const first = rowOf(key, 0)
    // Versions come in the order of their keys, so the place is nearly always the next one.
    let { at } = this.snapshotOrder
    if (chunks[at] !== first) at = lowerBound(chunks, first)
    if (chunkCount > 0 && (chunks[at] !== first || chunks[at + chunkCount - 1] !== rowOf(key, chunkCount - 1)))
      return undefined
    this.snapshotOrder.at = at + chunkCount
    const found = new Array<number>(chunkCount)
    for (let i = 0; i < chunkCount; i++) found[i] = rows[at + i]
    return found
  }

  /** A segment that is sound, or undefined; damage is told. */
  private readIndex(name: keyof typeof segments): Segment | undefined {
    const bytes = this.segmentBytes(name)
    if (!bytes) return undefined
    const [kind, version] = segments[name]
    try {
      return readSegment(bytes, kind, version)
    } catch (error) {
      if (!(error instanceof RagFormatError)) throw error
      this.parts.onDamage?.({ what: `index ${name}`, problem: error.message, repaired: true })
      return undefined
    }
  }

  private segmentBytes(name: string): Uint8Array<ArrayBuffer> | undefined {
    return readSegmentBytes(this.db, name)
  }

  /** Loads the index of words: the snapshot's parts, then what changed since. */
  private loadWords(): void {
    if (this.wordsLoaded) return
    this.renewSnapshot()
    const { collection, snapshot } = this
    const words = this.parts.words()
    if (snapshot) {
      try {
        words.load(
          snapshot.parts.map(name => {
            const bytes = this.segmentBytes(name)
            if (!bytes) throw damageOf(`index ${name}`, 'it is missing')
            return bytes
          }),
        )
        for (const row of snapshot.rows.keys()) if (!this.isAsInSnapshot(row)) words.remove(row)
      } catch (error) {
        if (!(error instanceof RagFormatError)) throw error
        this.parts.onDamage?.({ what: 'index words', problem: error.message, repaired: true })
        words.load([])
      }
    }
    collection.words = words
    const missing: Entry[] = []
    for (let row = 0; row < collection.rowCount; row++)
      if (collection.isAsleep(row) && !words.has(row)) collection.passageAt(row)
    for (const entry of collection.awake()) {
      const there = entry.rows.filter(row => words.has(row))
      if (there.length === entry.rows.length) continue
      // The snapshot has all of a version or nothing.
      for (const row of there) words.remove(row)
      missing.push(entry)
    }
    this.readTexts(missing)
    this.wordsLoaded = true
    this.loaded()
  }

  /** Indexes are about to be read from a snapshot: it must be the one that the rows were read from. */
  private renewSnapshot(): void {
    const name = readSetting(this.db, 'snapshot')
    if (name !== this.snapshot?.name && name !== this.brokenSnapshot) this.startOver()
  }

  /** Whether a row of the collection is the chunk that it was in the snapshot. */
  private isAsInSnapshot(row: number): boolean {
    if (this.collection.isAsleep(row)) return true
    const passage = this.collection.passageAt(row)
    return passage !== undefined && this.snapshot?.rows[row] === rowOf(passage.entry.key, passage.chunk)
  }

  /** Loads the index of vectors: the snapshot's graph over the vectors of the table, then what changed since. */
  private loadDense(): void {
    const { dimensions, metric } = this.parts.space
    if (this.denseLoaded || dimensions === undefined) return
    this.renewSnapshot()
    const { collection, snapshot } = this
    const segment = snapshot && this.readIndex('dense')
    if (segment) {
      try {
        const chunkRows = new Float64Array((segment.meta as { rows: number }).rows).fill(-1)
        snapshot.vectors.forEach((vector, row) => {
          if (vector >= 0) chunkRows[vector] = snapshot.rows[row]
        })
        // Walks are on the codes in the segment; of the vectors only those are read that results are scored by.
        const dense = HnswIndex.fromSegment(segment, {
          source: vector => {
            this.damagedVector = vector
            const read = this.readVectorAt(chunkRows[vector])
            this.damagedVector = undefined
            return read
          },
        })
        for (let vector = 0; vector < dense.capacity; vector++)
          if (dense.has(vector) && chunkRows[vector] < 0)
            throw damageOf('index dense', `vector ${vector} is of no chunk`)
        snapshot.vectors.forEach((vector, row) => {
          if (vector < 0) return
          if (this.isAsInSnapshot(row)) collection.bindVector(row, vector)
          else dense.remove(vector, { defer: true })
        })
        collection.dense = dense
      } catch (error) {
        if (!(error instanceof RagFormatError)) throw error
        this.parts.onDamage?.({ what: 'index dense', problem: error.message, repaired: true })
      }
    }
    collection.dense ??= new HnswIndex({ ...this.parts.hnsw, dimensions, metric })
    const missing: Entry[] = []
    // All chunks of a version that is asleep have vectors.
    for (let row = 0; row < collection.rowCount; row++)
      if (collection.isAsleep(row) && collection.vectorAt(row) < 0) collection.passageAt(row)
    for (const entry of collection.awake())
      for (const chunk of this.chunksWithVector(entry))
        if (collection.vectorAt(entry.rows[chunk]) < 0) {
          missing.push(entry)
          break
        }
    // Compared with directly until later changes link them: a program that was killed is back at once.
    this.readVectors(missing, { defer: true })
    this.denseLoaded = true
    this.loaded()
  }

  private loaded(): void {
    if (this.wordsLoaded && (this.denseLoaded || this.parts.space.dimensions === undefined))
      this.collection.reclaimRows()
  }

  private maybeSnapshot(): void {
    if (this.changes < Math.max(this.parts.snapshotEvery, SNAPSHOT_SHARE * this.collection.chunkCount)) return
    this.snapshotIfSound()
  }

  /** What was written is durable without a snapshot, so damage found while making one is told and no failure of the write. */
  private snapshotIfSound(): void {
    try {
      this.writeSnapshot()
    } catch (error) {
      if (!(error instanceof RagFormatError)) throw error
      this.parts.onDamage?.({ what: error.where, problem: error.message, repaired: false })
      // Not again with each write.
      this.changes = 0
    }
  }

  private writeSnapshot(): void {
    this.transaction('IMMEDIATE', () => {
      this.follow()
      this.loadWords()
      this.loadDense()
      const { collection, db } = this
      const { index } = collection.words!
      const parts = index
        .parts()
        .map(({ serial, revision, documents }) => ({ serial, name: `words ${serial} ${revision} ${documents}` }))
      db.run("DELETE FROM segments WHERE name LIKE 'words %'")
      for (const { serial, name } of parts) writeSegmentBytes(db, name, index.savePart(serial))
      if (collection.dense) writeSegmentBytes(db, 'dense', writeSegment(collection.dense.toSegment({ vectors: false })))
      const rows = Float64Array.from({ length: collection.rowCount }, (_, row) => {
        const passage = collection.passageAt(row)
        return passage ? rowOf(passage.entry.key, passage.chunk) : -1
      })
      const vectors = Int32Array.from(rows, (_, row) => (rows[row] >= 0 ? collection.vectorAt(row) : -1))
      const name = `${this.lastKey} ${this.lastSeq} ${Date.now()} ${Math.random()}`
      writeSetting(db, 'snapshot', name)
      const meta = { key: this.lastKey, seq: this.lastSeq, name, parts: parts.map(({ name }) => name) }
      const segment = { kind: 'rows', version: SNAPSHOT_VERSION, meta, arrays: { rows, vectors } }
      writeSegmentBytes(db, 'rows', writeSegment(segment))
      // Of versions that could not be read nothing is known: the next opening meets them again.
      const catalogue = this.skipped.size
        ? undefined
        : catalogueOf(
            collection,
            name,
            entry => this.parts.space.dimensions === undefined || !this.withVectors.has(entry.key),
          )
      writeSegmentBytes(db, 'catalogue', catalogue ? writeSegment(catalogue) : new Uint8Array(0))
      // The graph's segment holds the vectors of its tombstones, so those of removed versions can go.
      for (const { key } of db.all('SELECT key FROM removed WHERE seq > ?', this.snapshot?.seq ?? 0))
        db.run('DELETE FROM vectors WHERE row >= ? AND row < ?', rowOf(key as number, 0), rowOf((key as number) + 1, 0))
      db.run('DELETE FROM removed WHERE seq <= ?', this.lastSeq - REMEMBERED)
      this.snapshot = { rows, vectors, ...meta }
      this.changes = 0
    })
  }

  // ---- damage

  async verify(): Promise<Damage[]> {
    this.check('verify')
    const found: Damage[] = []
    const note = (what: string, problem: string, repaired = false): void => {
      found.push({ what, problem, repaired })
    }
    const attempt = (what: string, body: () => void): void => {
      try {
        body()
      } catch (error) {
        if (error instanceof RagFormatError) note(error.where, error.message)
        else note(what, error instanceof Error ? error.message : String(error))
      }
    }
    const { db } = this
    attempt('the file', () => {
      for (const row of db.all('PRAGMA integrity_check'))
        if (row.integrity_check !== 'ok') note('the file', String(row.integrity_check))
    })
    attempt('settings', () => {
      for (const { name, value, sum } of db.all('SELECT name, value, sum FROM settings'))
        if (sum !== sumOf(name as string, value as string)) note(`setting ${String(name)}`, 'its checksum is wrong')
    })
    const versions = new Map<number, VersionRecord>()
    attempt('versions', () => found.push(...this.checkCount()))
    attempt('versions', () =>
      db.each('SELECT key, id, version, body, chunks, sum FROM versions', [], row =>
        attempt('versions', () => versions.set(row.key as number, readVersion(row))),
      ),
    )
    const chunks = new Map<number, number>()
    attempt('chunks', () =>
      db.each('SELECT row, body, sum FROM chunks', [], row =>
        attempt('chunks', () => {
          const key = keyOf(row.row as number)
          const version = versions.get(key)
          if (!version) return note(`chunk row ${String(row.row)}`, 'it belongs to no document')
          readChunk(row, version)
          chunks.set(key, (chunks.get(key) ?? 0) + 1)
        }),
      ),
    )
    const vectors = new Map<number, number>()
    if (this.parts.space.dimensions !== undefined)
      attempt('vectors', () =>
        db.each('SELECT row, vector, sum FROM vectors', [], row =>
          attempt('vectors', () => {
            this.vectorOf(row)
            const key = keyOf(row.row as number)
            vectors.set(key, (vectors.get(key) ?? 0) + 1)
          }),
        ),
      )
    for (const [key, { id, version, chunkCount, vectors: which }] of versions) {
      const whole = `document ${JSON.stringify(id)} version ${version}`
      if ((chunks.get(key) ?? 0) !== chunkCount)
        note(whole, `${chunks.get(key) ?? 0} of its ${chunkCount} chunks are there`)
      const wanted = this.parts.space.dimensions === undefined ? 0 : (which?.length ?? chunkCount)
      if ((vectors.get(key) ?? 0) !== wanted) note(whole, `${vectors.get(key) ?? 0} of its ${wanted} vectors are there`)
    }
    attempt('removed', () =>
      db.each('SELECT seq, key, sum FROM removed', [], row => attempt('removed', () => void readRemoval(row))),
    )
    let indexes = true
    const names = new Set<string>()
    attempt('segments', () => {
      for (const { name } of db.all('SELECT DISTINCT name FROM segments')) names.add(name as string)
    })
    for (const name of names) {
      const [kind, version] = name in segments ? segments[name as keyof typeof segments] : WORDS
      try {
        readSegment(this.segmentBytes(name)!, kind, version)
      } catch (error) {
        indexes = false
        note(`index ${name}`, error instanceof Error ? error.message : String(error), !this.parts.readOnly)
      }
    }
    // Indexes come from the documents, so they can be made again where those are sound.
    if (!indexes && !this.parts.readOnly && found.every(damage => damage.repaired)) {
      this.transaction('IMMEDIATE', () => this.startOver())
      this.writeSnapshot()
    }
    return found
  }

  // ---- the rest

  private transaction<T>(kind: 'DEFERRED' | 'IMMEDIATE', body: () => T): T {
    this.begin(kind)
    try {
      const result = body()
      this.db.exec('COMMIT')
      return result
    } catch (error) {
      // A snapshot of indexes inside the transaction may be half known: the next operation looks at the tables again.
      try {
        this.db.exec('ROLLBACK')
      } catch {
        // SQLite has rolled back already.
      }
      throw explained(error)
    }
  }

  private begin(kind: 'DEFERRED' | 'IMMEDIATE'): void {
    try {
      this.db.exec(`BEGIN ${kind}`)
    } catch (error) {
      throw explained(error)
    }
  }

  private check(op: string, writes = false): void {
    if (!this.open) throw new RagError(`${op}: the store is closed`)
    if (writes && this.parts.readOnly)
      throw new RagArgumentError(op, 'the store was opened to be read', 'open it without readOnly')
  }

  async close(): Promise<void> {
    if (!this.open) return
    if (!this.parts.readOnly && this.changes > CLOSE_SHARE * this.collection.chunkCount) this.snapshotIfSound()
    this.open = false
    const alone = !this.parts.readOnly && this.leaveOneFile()
    this.db.close()
    await this.parts.closed(alone)
  }

  /** Without its log the store is one file; that needs that no other process has it open. */
  private leaveOneFile(): boolean {
    try {
      this.db.exec('PRAGMA busy_timeout = 100')
      return this.db.all('PRAGMA journal_mode = DELETE')[0]?.journal_mode === 'delete'
    } catch {
      return false
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** SQLite's own errors, in this package's types. */
export function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RagError) return error
  // Tables and columns are those that this store made: one that is not there was another before a byte changed.
  if (/malformed|not a database|corrupt|no such (table|column)/i.test(error.message)) {
    const damage = new RagFormatError(FORMAT, 'the file', `${error.message}; verify() looks for what else is damaged`)
    damage.cause = error
    return damage
  }
  if (/locked|busy/i.test(error.message))
    return new RagError('sqlite store: another process has been writing for 10 seconds; try again', { cause: error })
  return error
}

const damageOf = (where: string, problem: string): RagFormatError => new RagFormatError(FORMAT, where, problem)

function headOf(entry: Entry): DocumentHead {
  const { id, version, source, title, metadata, validFrom, validUntil, principals } = entry
  const given = Object.entries({ source, title, metadata, validFrom, validUntil, principals })
  return { id, version, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) }
}

const nameOf = ({ id, version }: Entry): string => `document ${JSON.stringify(id)} version ${version}`

function raise(error: unknown): never {
  throw error
}

/** The chunks in a list of rows (-1 for none) in ascending order, with their places in it. */
function orderOf(rows: Float64Array): { chunks: Float64Array; rows: Int32Array; at: number } {
  let order = new Int32Array(rows.length)
  let count = 0
  let sorted = true
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] < 0) continue
    if (count > 0 && rows[order[count - 1]] > rows[i]) sorted = false
    order[count++] = i
  }
  order = order.subarray(0, count)
  if (!sorted) order.sort((a, b) => rows[a] - rows[b])
  return { chunks: Float64Array.from(order, row => rows[row]), rows: order, at: 0 }
}

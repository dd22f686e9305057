// The store in memory: nothing survives the program. For tests, for pages, and for what is made anew at each start.

import { HnswIndex, type HnswOptions } from '../dense/hnsw.ts'
import type { Metric } from '../dense/vector.ts'
import { checkDimensions, checkMetric } from '../dense/vector.ts'
import { RagError } from '../errors.ts'
import { Collection } from './collection.ts'
import { checkDocuments, checkSearch, readScope } from './request.ts'
import type { DocumentHead, DocumentInput, Hit, ReadOptions, SearchRequest, Store, StoredDocument } from './store.ts'
import { type WordsOptions, wordsOf } from './words.ts'

export interface LocalStoreOptions extends WordsOptions {
  /** Numbers in a vector; left out, the store is searched by words only. */
  readonly dimensions?: number
  /** Default: `cosine`. */
  readonly metric?: Metric
  /** How the graph over the vectors is made and searched. */
  readonly hnsw?: Pick<HnswOptions, 'm' | 'efConstruction' | 'ef' | 'seed'>
}

/** Opens an empty store in memory. */
export async function openMemoryStore(options: LocalStoreOptions = {}): Promise<Store> {
  const { dimensions, metric = 'cosine', hnsw } = options
  if (dimensions !== undefined) checkDimensions('openMemoryStore', dimensions)
  checkMetric('openMemoryStore', metric)
  const collection = new Collection({ dimensions, metric })
  collection.words = (await wordsOf(options))()
  if (dimensions !== undefined) collection.dense = new HnswIndex({ ...hnsw, dimensions, metric })
  return new MemoryStore(collection)
}

class MemoryStore implements Store {
  readonly kind = 'memory'
  private readonly collection: Collection
  private readonly documents = new Map<number, StoredDocument>()
  private nextKey = 1
  private closed = false

  constructor(collection: Collection) {
    this.collection = collection
  }

  async put(documents: readonly DocumentInput[]): Promise<void> {
    this.checkOpen('put')
    checkDocuments(documents, this.collection.space)
    for (const document of documents) {
      const { version = 0, chunks } = document
      const old = this.collection.versionsOf(document.id).find(entry => entry.version === version)
      if (old) this.drop(old.key)
      const key = this.nextKey++
      const stored: StoredDocument = structuredClone({
        ...document,
        version,
        chunks: chunks.map(({ text, span, metadata }) => ({ text, span, ...(metadata && { metadata }) })),
      })
      this.documents.set(key, stored)
      this.collection.add(key, versionInfo(stored), chunks)
    }
  }

  async delete(documents: readonly (string | { id: string; version: number })[]): Promise<number> {
    this.checkOpen('delete')
    let count = 0
    for (const which of documents) {
      const id = typeof which === 'string' ? which : which.id
      for (const entry of this.collection.versionsOf(id))
        if (typeof which === 'string' || entry.version === which.version) {
          this.drop(entry.key)
          count++
        }
    }
    return count
  }

  private drop(key: number): void {
    this.documents.delete(key)
    this.collection.remove(key)
  }

  async get(id: string, options?: ReadOptions): Promise<StoredDocument | undefined> {
    this.checkOpen('get')
    const entry = this.collection.find(id, readScope('get', options))
    return entry && structuredClone(this.documents.get(entry.key))
  }

  async search(request: SearchRequest): Promise<Hit[]> {
    this.checkOpen('search')
    return this.collection
      .search(checkSearch(request, this.collection.space))
      .map(({ entry, chunk, score }) => hitOf(this.documents.get(entry.key)!, chunk, score))
  }

  async statistics() {
    const { documentCount: documents, versionCount: versions, chunkCount: chunks } = this.collection
    return { documents, versions, chunks }
  }

  async list(): Promise<DocumentHead[]> {
    this.checkOpen('list')
    return structuredClone(Array.from(this.documents.values(), ({ chunks: _, ...head }) => head))
  }

  async verify() {
    return []
  }

  async close(): Promise<void> {
    this.closed = true
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private checkOpen(op: string): void {
    if (this.closed) throw new RagError(`${op}: the store is closed`)
  }
}

/** What of a document decides whether it is found. */
export function versionInfo({ id, version, validFrom, validUntil, principals, metadata, chunks }: StoredDocument) {
  const chunkMetadata = chunks.some(chunk => chunk.metadata) ? chunks.map(chunk => chunk.metadata) : undefined
  return { id, version, validFrom, validUntil, principals, metadata, chunkMetadata }
}

/** A hit as it is given to the caller. */
export function hitOf(document: StoredDocument, chunk: number, score: number): Hit {
  const { id, version, source, title, metadata, chunks } = document
  const { text, span, metadata: own } = chunks[chunk]
  return {
    id,
    version,
    chunk,
    score,
    text,
    span,
    metadata: { ...metadata, ...own },
    ...(source !== undefined && { source }),
    ...(title !== undefined && { title }),
  }
}

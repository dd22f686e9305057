// What a store is: where documents and their chunks live, and where they are searched. One interface over memory, one file on
// SQLite, PostgreSQL, PGlite, LanceDB, Qdrant and OpenSearch; `testing/suite.ts` runs the same tests over all of them.
//
// A store enforces inside the search what decides whether a passage may be seen at all: access, versions, time, filters. What
// ranks passages (fusion, reranking) stands above it.

import type { VectorLike } from '../dense/vector.ts'
import type { Filter, Metadata } from './filter.ts'

/** A document as it is put: its versions are separate, and putting the same version again replaces it. */
export interface DocumentInput {
  readonly id: string
  /** Larger is newer; a whole number. Default: 0. */
  readonly version?: number
  /** Where it came from: a path or an address. */
  readonly source?: string
  readonly title?: string
  readonly metadata?: Metadata
  /** When it begins to hold and when it no longer does, in milliseconds since 1970; the end is outside. Default: always. */
  readonly validFrom?: number
  readonly validUntil?: number
  /** Who may see it: any of these names. Left out: everybody. Empty: nobody but an unrestricted reader. */
  readonly principals?: readonly string[]
  readonly chunks: readonly ChunkInput[]
}

/** A passage of a document. */
export interface ChunkInput {
  readonly text: string
  /** Where the text stands in the source: its first character and the one behind its last (UTF-16 units). */
  readonly span: readonly [start: number, end: number]
  /** Chunks without one are found by their words only. */
  readonly vector?: VectorLike
  /** What holds for this passage only (a page, a heading); filters see it over the document's metadata. */
  readonly metadata?: Metadata
}

/** A document as a store gives it back; vectors stay in the index. */
export interface StoredDocument extends Omit<DocumentInput, 'chunks'> {
  readonly version: number
  readonly chunks: readonly Omit<ChunkInput, 'vector'>[]
}

/** A version of a document, without its passages. */
export type DocumentHead = Omit<StoredDocument, 'chunks'>

/** Who is asking: the principals that they hold, or `unrestricted` for a program that acts for nobody in particular. */
export type Access = readonly string[] | 'unrestricted'

export interface ReadOptions {
  /** Default: nobody, who sees only what everybody may see. */
  readonly access?: Access
  /** The moment asked about, in milliseconds since 1970. Default: now. */
  readonly at?: number
  /**
   * `newest` (default): of each document only its newest version that is valid at the moment, and nothing if the reader may not
   * see that one. `valid`: every version valid at the moment. `all`: every version.
   */
  readonly versions?: 'newest' | 'valid' | 'all'
}

interface SearchOptions extends ReadOptions {
  /** How many passages at most. Default: 10. */
  readonly k?: number
  readonly filter?: Filter
}

/** Search by words (BM25, or what the engine has) or by a vector; exactly one of the two. */
export type SearchRequest = SearchOptions &
  ({ readonly text: string; readonly vector?: never } | { readonly vector: VectorLike; readonly text?: never })

/** A passage found. */
export interface Hit {
  readonly id: string
  readonly version: number
  /** The chunk's number in its document. */
  readonly chunk: number
  /** Larger is better; the scale depends on the search and on the store. */
  readonly score: number
  readonly text: string
  readonly span: readonly [start: number, end: number]
  /** The chunk's metadata over the document's. */
  readonly metadata: Metadata
  readonly source?: string
  readonly title?: string
}

export interface StoreStatistics {
  readonly documents: number
  readonly versions: number
  readonly chunks: number
}

/** Something found damaged: what, where in it, and whether it was made again from what is sound. */
export interface Damage {
  readonly what: string
  readonly problem: string
  readonly repaired: boolean
}

export interface Store {
  /** The kind of store: `memory`, `sqlite`, ... */
  readonly kind: string
  /**
   * Adds or replaces documents. All of one call or none; when it resolves they are as durable as the store is, and searches
   * that begin later see them.
   * @throws RagArgumentError naming the document and field that cannot be stored
   */
  put(documents: readonly DocumentInput[]): Promise<void>
  /** Deletes documents with all versions, or single versions. @returns how many versions there were */
  delete(documents: readonly (string | { readonly id: string; readonly version: number })[]): Promise<number>
  /** The newest version that the reader may see under the options; undefined if there is none. */
  get(id: string, options?: ReadOptions): Promise<StoredDocument | undefined>
  /**
   * The best passages, best first.
   * @throws RagArgumentError for a vector of another size or with NaN, a filter of the wrong type, k below 1
   */
  search(request: SearchRequest): Promise<Hit[]>
  statistics(): Promise<StoreStatistics>
  /** Every version that is there, whoever may see it, without its passages. */
  list(): Promise<DocumentHead[]>
  /** Reads everything and says what is damaged; an empty list if nothing is. */
  verify(): Promise<Damage[]>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

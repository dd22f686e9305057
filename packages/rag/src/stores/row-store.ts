// What stores on engines that keep rows have in common, whichever engine it is: what a write does to the rows of its documents, that writers of
// one program come one after the other, that nothing is done with a store that is closed, and that what a store holds is read off the rows of
// each version's first stretch. How rows are kept, found and replaced is the engine's own.

import { RagError } from '../errors.ts'
import { checkDocuments, type ReadScope, readScope, type VectorSpace } from './request.ts'
import { type ChunkRow, currentTimes, documentOf, missingChunks, type RowFields, retimed, rowsOf } from './rows.ts'
import type {
  Damage,
  DocumentHead,
  DocumentInput,
  Hit,
  ReadOptions,
  SearchRequest,
  Store,
  StoredDocument,
  StoreStatistics,
} from './store.ts'

/** A chunk of a version's first stretch, or the row of a version without chunks (chunk -1). */
export interface HeadRow {
  readonly document: string
  readonly version: number
  readonly chunk: number
}

/** What a write makes of a document. */
export interface Change<Row> {
  readonly id: string
  /** The rows that it has. */
  readonly before: readonly Row[]
  /** The rows that it is to have, in place of all of these. */
  readonly after: readonly Row[]
}

/** A store over rows as its engine gives and takes them. */
export abstract class RowStore<Row> implements Store {
  abstract readonly kind: string
  protected readonly space: VectorSpace
  private writes: Promise<unknown> = Promise.resolve()
  private isOpen = true

  constructor(space: VectorSpace) {
    this.space = space
  }

  abstract search(request: SearchRequest): Promise<Hit[]>

  /** A row with what the engine searches it by. */
  protected abstract made(row: ChunkRow): Row
  protected abstract fields(row: Row): RowFields
  protected abstract with(row: Row, fields: Partial<RowFields>): Row
  /** All rows of a document. */
  protected abstract rowsOf(id: string): Promise<readonly Row[]>
  /** The rows of a document that a reader may see under some options. */
  protected abstract seen(
    id: string,
    scope: ReadScope,
  ): Promise<readonly Pick<RowFields, 'version' | 'chunk' | 'body'>[]>
  /**
   * Makes the rows of some documents what they are to be. New rows come before the old ones that have no place any more go: a reader
   * between the two sees too much, never too little.
   */
  protected abstract replace(changes: readonly Change<Row>[]): Promise<void>
  /** Every chunk once. */
  protected abstract heads(): Promise<readonly HeadRow[]>
  /** The same with what they hold. */
  protected abstract bodies(): Promise<readonly (HeadRow & { readonly body: string })[]>
  /** Ends the connection. */
  protected abstract end(): void | Promise<void>

  put(documents: readonly DocumentInput[]): Promise<void> {
    return this.inTurn('put', async () => {
      checkDocuments(documents, this.space)
      const changes: Change<Row>[] = []
      for (const [id, versions] of Map.groupBy(documents, document => document.id)) {
        const coming = new Set(versions.map(({ version = 0 }) => version))
        const before = await this.rowsOf(id)
        const { rows, times } = this.kept(before, version => !coming.has(version), versions)
        const made = versions.flatMap(document =>
          rowsOf(document, times.get(document.version ?? 0)!, this.space.metric).map(row => this.made(row)),
        )
        changes.push({ id, before, after: [...rows, ...made] })
      }
      if (changes.length) await this.replace(changes)
    })
  }

  delete(documents: readonly (string | { readonly id: string; readonly version: number })[]): Promise<number> {
    return this.inTurn('delete', async () => {
      let count = 0
      const changes: Change<Row>[] = []
      for (const [id, parts] of Map.groupBy(documents, which => (typeof which === 'string' ? which : which.id))) {
        const before = await this.rowsOf(id)
        const goes = (version: number) => parts.some(part => typeof part === 'string' || part.version === version)
        const gone = new Set(before.map(row => this.fields(row).version).filter(goes))
        if (gone.size === 0) continue
        count += gone.size
        changes.push({ id, before, after: this.kept(before, version => !gone.has(version), []).rows })
      }
      if (changes.length) await this.replace(changes)
      return count
    })
  }

  /** The rows of those versions that stay, at the times at which they are current beside those that come; and when each version is. */
  private kept(before: readonly Row[], stays: (version: number) => boolean, coming: readonly DocumentInput[]) {
    const there = before.map(row => ({ row, fields: this.fields(row) })).filter(({ fields }) => stays(fields.version))
    const times = currentTimes(
      there.map(({ fields: { version, valid_from: validFrom, valid_until: validUntil } }) => ({
        version,
        validFrom,
        validUntil,
      })),
      coming,
    )
    const rows = there
      .filter(({ fields }) => fields.stretch === 0)
      .flatMap(({ row, fields }) => retimed(fields, times.get(fields.version)!).map(change => this.with(row, change)))
    return { rows, times }
  }

  async get(id: string, options?: ReadOptions): Promise<StoredDocument | undefined> {
    this.check('get')
    const rows = await this.seen(id, readScope('get', options))
    if (rows.length === 0) return undefined
    const newest = rows.reduce((most, { version }) => Math.max(most, version), 0)
    const own = rows.filter(({ version }) => version === newest).sort((a, b) => a.chunk - b.chunk)
    return documentOf(own.map(({ body }) => body))
  }

  async statistics(): Promise<StoreStatistics> {
    this.check('statistics')
    const rows = await this.heads()
    return {
      documents: new Set(rows.map(({ document }) => document)).size,
      versions: new Set(rows.map(({ document, version }) => JSON.stringify([document, version]))).size,
      chunks: rows.filter(({ chunk }) => chunk >= 0).length,
    }
  }

  async list(): Promise<DocumentHead[]> {
    this.check('list')
    const rows = await this.bodies()
    return rows
      .filter(({ chunk }) => chunk <= 0)
      .map(({ body }) => {
        const { chunks: _, ...head } = documentOf([body])
        return head
      })
  }

  async verify(): Promise<Damage[]> {
    this.check('verify')
    return missingChunks(await this.bodies())
  }

  private inTurn<T>(op: string, body: () => Promise<T>): Promise<T> {
    const run = this.writes.then(() => {
      this.check(op)
      return body()
    })
    this.writes = run.catch(() => {})
    return run
  }

  protected check(op: string): void {
    if (!this.isOpen) throw new RagError(`${op}: the store is closed`)
  }

  async close(): Promise<void> {
    if (!this.isOpen) return
    await this.writes
    this.isOpen = false
    await this.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

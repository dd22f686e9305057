// What stores on engines that keep rows have in common, whichever engine it is: writers of one program come one after the other, nothing is
// done with a store that is closed, and what a store holds is read off the rows of each version's first stretch.

import { RagError } from '../errors.ts'
import type { VectorSpace } from './request.ts'
import { documentOf, missingChunks } from './rows.ts'
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

export abstract class RowStore implements Store {
  abstract readonly kind: string
  protected readonly space: VectorSpace
  private writes: Promise<unknown> = Promise.resolve()
  private isOpen = true

  constructor(space: VectorSpace) {
    this.space = space
  }

  abstract put(documents: readonly DocumentInput[]): Promise<void>
  abstract delete(documents: readonly (string | { readonly id: string; readonly version: number })[]): Promise<number>
  abstract get(id: string, options?: ReadOptions): Promise<StoredDocument | undefined>
  abstract search(request: SearchRequest): Promise<Hit[]>

  /** Every chunk once. */
  protected abstract heads(): Promise<readonly HeadRow[]>
  /** The same with what they hold. */
  protected abstract bodies(): Promise<readonly (HeadRow & { readonly body: string })[]>
  /** Ends the connection. */
  protected abstract end(): void | Promise<void>

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

  protected inTurn<T>(op: string, body: () => Promise<T>): Promise<T> {
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

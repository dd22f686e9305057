// The embedded store on Node's own SQLite: `@cairn/rag/sqlite`.

import type { Store } from '../store.ts'
import { openNodeDriver } from './node-driver.ts'
import { openOver, type SqliteStoreOptions } from './open.ts'

export type { SqliteStoreOptions }

/**
 * Opens the store in a file, or makes it. One process writes and any number search beside it.
 * @param path a file, or `:memory:`
 * @throws RagFormatError if the file is not a store or its documents are damaged, RagArgumentError if it does not fit the options
 */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<Store> {
  return openOver(await openNodeDriver(path, options), options)
}

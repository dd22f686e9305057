// The same store on PGlite, PostgreSQL compiled to WebAssembly, inside the program: `@cairn/rag/pglite`.

import type { PGliteInterface } from '@electric-sql/pglite'
import { openOverClient, type PostgresStoreOptions } from '../postgres/index.ts'
import type { Store } from '../store.ts'

/**
 * Opens the store in a database of PGlite, making its tables if they are not there.
 * @param database a folder, `memory://`, or in a browser `idb://name`; or a database that is open and has the extension `vector`,
 * which stays open when the store is closed
 * @throws RagArgumentError if tables of that prefix were made with other options
 */
export async function openPgliteStore(
  database: string | PGliteInterface,
  options: PostgresStoreOptions = {},
): Promise<Store> {
  const db = typeof database === 'string' ? await create(database) : database
  return openOverClient(
    'pglite',
    {
      query: async (sql, values) => (await db.query<Record<string, unknown>>(sql, values)).rows,
      transaction: body =>
        db.transaction(tx => body(async (sql, values) => (await tx.query<Record<string, unknown>>(sql, values)).rows)),
      close: async () => {
        if (typeof database === 'string') await db.close()
      },
    },
    options,
  )
}

async function create(path: string): Promise<PGliteInterface> {
  const { PGlite } = await import('@electric-sql/pglite')
  const { vector } = await import('@electric-sql/pglite-pgvector')
  return PGlite.create(path, { extensions: { vector } })
}

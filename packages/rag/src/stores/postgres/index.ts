// The store on a PostgreSQL server with pgvector, through `pg`: `@cairn/rag/postgres`.

import { Analyzer, createAnalyzer } from '../../analysis/analyzer.ts'
import type { LocalStoreOptions } from '../memory.ts'
import type { Store } from '../store.ts'
import { type PostgresClient, PostgresStore } from './postgres-store.ts'

export interface PostgresStoreOptions extends Omit<LocalStoreOptions, 'hnsw'> {
  /** What the names of its tables begin with. Default: `cairn`. */
  readonly prefix?: string
}

/**
 * Opens the store on a server, making its tables if they are not there.
 * @param connection a connection string, or the options of `pg.Pool`
 * @throws RagArgumentError if tables of that prefix were made with other options
 */
export async function openPostgresStore(
  connection: string | import('pg').PoolConfig,
  options: PostgresStoreOptions = {},
): Promise<Store> {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool(typeof connection === 'string' ? { connectionString: connection } : connection)
  // A connection that breaks while idle is replaced by the next query.
  pool.on('error', () => {})
  const client: PostgresClient = {
    query: async (sql, values) => (await pool.query(sql, values)).rows,
    async transaction(body) {
      const connection = await pool.connect()
      try {
        await connection.query('BEGIN')
        const result = await body(async (sql, values) => (await connection.query(sql, values)).rows)
        await connection.query('COMMIT')
        connection.release()
        return result
      } catch (error) {
        await connection.query('ROLLBACK').then(
          () => connection.release(),
          broken => connection.release(broken),
        )
        throw error
      }
    },
    close: () => pool.end(),
  }
  return openOverClient('postgres', client, options)
}

/** A store over a connection; closes it if it is refused. */
export async function openOverClient(
  kind: string,
  client: PostgresClient,
  options: PostgresStoreOptions,
): Promise<Store> {
  const { dimensions, metric = 'cosine', analyzer, bm25, prefix = 'cairn' } = options
  try {
    const store = new PostgresStore({
      kind,
      client,
      space: { dimensions, metric },
      analyzer: analyzer instanceof Analyzer ? analyzer : await createAnalyzer(analyzer),
      bm25,
      prefix,
    })
    await store.prepare()
    return store
  } catch (error) {
    await client.close()
    throw error
  }
}

// SQLite compiled to WebAssembly (@sqlite.org/sqlite-wasm) over a browser's private file system. Its synchronous file handles exist in
// dedicated workers only; the "SAH pool" file system keeps a store's files open, so one worker has a store at a time, and it needs
// no special headers. https://sqlite.org/wasm/doc/trunk/persistence.md

import type { SqlDriver, SqlRow, SqlValue } from '../sqlite/driver.ts'

/** Names of files that the pool holds: the database and what SQLite keeps beside it. */
const FILES = 6

/** Opens a database in the private file system, or `:memory:`. */
export async function openOpfsDriver(name: string): Promise<SqlDriver> {
  const { default: init } = await import('@sqlite.org/sqlite-wasm')
  const sqlite = await init()
  const db =
    name === ':memory:'
      ? new sqlite.oo1.DB(':memory:')
      : await sqlite
          .installOpfsSAHPoolVfs({
            name: `cairn ${name}`,
            directory: `/.cairn/${encodeURIComponent(name)}`,
            initialCapacity: FILES,
          })
          .then(pool => new pool.OpfsSAHPoolDb('/store.db'))
  type Statement = ReturnType<typeof db.prepare>
  const prepared = new Map<string, Statement>()
  const statement = (sql: string): Statement => {
    let made = prepared.get(sql)
    if (!made) prepared.set(sql, (made = db.prepare(sql)))
    return made
  }
  const each = (sql: string, values: readonly SqlValue[], visit: (row: SqlRow) => void): void => {
    const running = statement(sql)
    try {
      if (values.length > 0) running.bind([...values])
      while (running.step()) visit(running.get({}) as SqlRow)
    } finally {
      running.reset()
    }
  }
  return {
    exec: sql => void db.exec(sql),
    run(sql, ...values) {
      each(sql, values, () => {})
      return Number(sqlite.capi.sqlite3_last_insert_rowid(db.pointer!))
    },
    all(sql, ...values) {
      const rows: SqlRow[] = []
      each(sql, values, row => rows.push(row))
      return rows
    },
    each,
    close() {
      for (const made of prepared.values()) made.finalize()
      prepared.clear()
      db.close()
    },
  }
}

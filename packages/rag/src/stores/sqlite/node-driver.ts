// SQLite as Node brings it: node:sqlite.

import type { StatementSync } from 'node:sqlite'
import type { SqlDriver, SqlRow } from './driver.ts'

/** Opens a file, or `:memory:`. */
export async function openNodeDriver(path: string, { readOnly = false } = {}): Promise<SqlDriver> {
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(path, { readOnly, timeout: 10_000 })
  const prepared = new Map<string, StatementSync>()
  const statement = (sql: string): StatementSync => {
    let made = prepared.get(sql)
    if (!made) prepared.set(sql, (made = db.prepare(sql)))
    return made
  }
  return {
    exec: sql => db.exec(sql),
    run: (sql, ...values) => Number(statement(sql).run(...values).lastInsertRowid),
    all: (sql, ...values) => statement(sql).all(...values) as SqlRow[],
    each(sql, values, visit) {
      for (const row of statement(sql).iterate(...values)) visit(row as SqlRow)
    },
    close() {
      prepared.clear()
      db.close()
    },
  }
}

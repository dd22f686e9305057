// What the store asks of SQLite, whichever build of it runs: statements with positional parameters, rows as objects.

export type SqlValue = string | number | null | Uint8Array

export type SqlRow = Record<string, SqlValue>

export interface SqlDriver {
  /** Runs statements that give no rows. */
  exec(sql: string): void
  /** Runs one statement. @returns the rowid of the last row that was inserted */
  run(sql: string, ...values: SqlValue[]): number
  all(sql: string, ...values: SqlValue[]): SqlRow[]
  /** The rows one by one. */
  each(sql: string, values: readonly SqlValue[], visit: (row: SqlRow) => void): void
  close(): void
}

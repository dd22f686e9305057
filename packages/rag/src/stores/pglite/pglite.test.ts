import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPostgresStore } from '../postgres/index.ts'
import { storeSuite } from '../testing/suite.ts'
import { openPgliteStore } from './index.ts'

// One server for all: starting one takes longer than a test.
let db: PGlite
let server: PGLiteSocketServer
beforeAll(async () => {
  db = await PGlite.create({ extensions: { vector } })
  server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 8 })
  await server.start()
}, 60_000)
afterAll(async () => {
  await server.stop()
  await db.close()
})

let count = 0
const open = () => {
  const [host, port] = server.getServerConn().split(':')
  const prefix = `t${count++}`
  return openPostgresStore(
    { host, port: Number(port), user: 'postgres', database: 'postgres', max: 1 },
    { dimensions: 3, prefix },
  )
}

storeSuite('pglite', () => openPgliteStore(db, { dimensions: 3, prefix: `t${count++}` }))

// The protocol of PostgreSQL, spoken by `pg` to PGlite behind a socket: client, SQL and pgvector are the real ones.
storeSuite('postgres (pg, to PGlite over its wire protocol)', open)

test('tables that were made with other settings are refused', async () => {
  await (await openPgliteStore(db, { dimensions: 3, prefix: 'settings' })).close()
  await expect(openPgliteStore(db, { dimensions: 4, prefix: 'settings' })).rejects.toThrow(/other settings/)
  await expect(openPgliteStore(db, { prefix: 'x; DROP TABLE y' })).rejects.toThrow(/prefix/)
})

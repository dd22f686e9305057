import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { storeSuite } from '../testing/suite.ts'
import { openSqliteStore } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'cairn-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

storeSuite('sqlite', () => openSqliteStore(join(folder, `${count++}.db`), { dimensions: 3 }))
storeSuite('sqlite in memory', () => openSqliteStore(':memory:', { dimensions: 3 }))

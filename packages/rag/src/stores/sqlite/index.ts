// The embedded store on Node's own SQLite: `@cairn/rag/sqlite`.

import { RagError, RagFormatError } from '../../errors.ts'
import type { Damage, Store } from '../store.ts'
import { checkLog } from './log.ts'
import { openNodeDriver } from './node-driver.ts'
import { openOver, type SqliteStoreOptions } from './open.ts'
import { FORMAT } from './records.ts'
import { checkSeal, seal, unseal } from './seal.ts'

export type { SqliteStoreOptions }

/**
 * Opens the store in a file, or makes it. One process writes and any number search beside it.
 * @param path a file, or `:memory:`
 * @throws RagFormatError if the file is not a store or its documents are damaged, RagArgumentError if it does not fit the options
 */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<Store> {
  if (path === ':memory:') return openOver(await openNodeDriver(path), options)
  const log = await checkLog(path)
  if (log?.certain) {
    if (options.damaged !== 'skip') throw new RagFormatError(FORMAT, log.what, log.problem)
    options.onDamage?.(log)
  }
  if (options.readOnly) return openOver(await openNodeDriver(path, { readOnly: true }), options)
  await unseal(path)
  return openOver(await openNodeDriver(path), options, alone => (alone ? seal(path) : undefined))
}

/**
 * Reads a file that no program writes and says what is damaged: each byte of one that was closed (it carries the checksums of its
 * pages), and each document, vector and index in it. Changes nothing.
 */
export async function verifySqliteFile(path: string): Promise<Damage[]> {
  const { damage } = await checkSeal(path)
  const log = await checkLog(path)
  if (log) damage.push({ what: log.what, problem: log.problem, repaired: false })
  try {
    await using store = await openSqliteStore(path, { readOnly: true, damaged: 'skip' })
    return [...damage, ...(await store.verify())]
  } catch (error) {
    if (!(error instanceof RagError)) throw error
    return [...damage, { what: 'the file', problem: error.message, repaired: false }]
  }
}

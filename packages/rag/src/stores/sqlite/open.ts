// Opening a file: what is new gets its tables, what is there must be this store's and fit the options.

import { Analyzer, type AnalyzerOptions, type AnalyzerSettings, createAnalyzer } from '../../analysis/analyzer.ts'
import { checkDimensions, checkMetric, type Metric } from '../../dense/vector.ts'
import { RagArgumentError, RagFormatError } from '../../errors.ts'
import type { LocalStoreOptions } from '../memory.ts'
import type { Damage } from '../store.ts'
import { wordsOf } from '../words.ts'
import type { SqlDriver } from './driver.ts'
import { APPLICATION_ID, FORMAT, FORMAT_VERSION, readSetting, SCHEMA, writeSetting } from './records.ts'
import { explained, SqliteStore, type SqliteStoreParts } from './sqlite-store.ts'

export interface SqliteStoreOptions extends LocalStoreOptions {
  /** Searches only, beside a process that writes; the file must exist. */
  readonly readOnly?: boolean
  /** Documents whose bytes have changed: the file is not opened (`refuse`, default), or they are left out and `verify` names them. */
  readonly damaged?: 'refuse' | 'skip'
  /** After how many changed chunks the indexes are written, or a fifth of all if that is more. Default: 5000. */
  readonly snapshotEvery?: number
  /** Told when a damaged index is made again from the documents. */
  readonly onDamage?: (damage: Damage) => void
}

interface Settings {
  readonly dimensions: number | null
  readonly metric: Metric
  readonly analyzer: AnalyzerSettings
}

/** A store over a database that is open; closes it if it is refused. */
export async function openOver(
  db: SqlDriver,
  options: SqliteStoreOptions,
  closed: SqliteStoreParts['closed'] = () => {},
): Promise<SqliteStore> {
  try {
    return await open(db, options, closed)
  } catch (error) {
    db.close()
    throw explained(error)
  }
}

async function open(
  db: SqlDriver,
  options: SqliteStoreOptions,
  closed: SqliteStoreParts['closed'],
): Promise<SqliteStore> {
  const op = 'openSqliteStore'
  const { readOnly = false, damaged = 'refuse', onDamage, bm25, hnsw, snapshotEvery = 5000 } = options
  if (options.dimensions !== undefined) checkDimensions(op, options.dimensions)
  if (options.metric !== undefined) checkMetric(op, options.metric)
  if (!readOnly) {
    // Takes effect in a new file only.
    db.exec('PRAGMA page_size = 8192')
    db.exec('PRAGMA journal_mode = WAL')
    // A commit is on the disk when it returns, and what is deleted is overwritten.
    db.exec('PRAGMA synchronous = FULL')
    db.exec('PRAGMA secure_delete = ON')
  }
  const fresh = isEmpty(db)
  if (fresh && readOnly) throw new RagArgumentError(op, 'the file is empty', 'open it for writing first')
  if (fresh) await create(db, options)
  const [{ application_id: id }] = db.all('PRAGMA application_id')
  const [{ user_version: version }] = db.all('PRAGMA user_version')
  if (id !== APPLICATION_ID) throw new RagFormatError(FORMAT, 'header', 'this database was not made by this store')
  if (version !== FORMAT_VERSION)
    throw new RagFormatError(FORMAT, 'header', `version ${String(version)}, and this program reads ${FORMAT_VERSION}`)

  const settings = readSetting(db, 'settings') as Settings | undefined
  if (!settings) throw new RagFormatError(FORMAT, 'settings', 'they are missing')
  const { metric } = settings
  const dimensions = settings.dimensions ?? undefined
  if (options.dimensions !== undefined && options.dimensions !== dimensions)
    throw new RagArgumentError(op, `dimensions is ${options.dimensions}`, `the file has ${dimensions ?? 'no vectors'}`)
  if (options.metric !== undefined && options.metric !== metric)
    throw new RagArgumentError(op, `metric is ${options.metric}`, `the file has ${metric}`)
  const analyzer = await analyzerOf(op, options.analyzer, settings.analyzer)
  const words = await wordsOf({ analyzer, bm25 })
  return new SqliteStore({
    db,
    space: { dimensions, metric },
    words,
    hnsw,
    readOnly,
    damaged,
    onDamage,
    closed,
    snapshotEvery,
  })
}

const isEmpty = (db: SqlDriver): boolean => db.all('SELECT 1 FROM sqlite_schema LIMIT 1').length === 0

async function create(db: SqlDriver, { dimensions, metric = 'cosine', analyzer }: SqliteStoreOptions): Promise<void> {
  const made = analyzer instanceof Analyzer ? analyzer : await createAnalyzer(analyzer)
  db.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have been faster.
    if (isEmpty(db)) {
      db.exec(SCHEMA)
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT_VERSION}`)
      const settings: Settings = { dimensions: dimensions ?? null, metric, analyzer: made.settings }
      writeSetting(db, 'settings', settings)
      writeSetting(db, 'versions', 0)
    }
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

/** The analyzer that the file was made with. */
async function analyzerOf(
  op: string,
  given: AnalyzerOptions | Analyzer | undefined,
  settings: AnalyzerSettings,
): Promise<Analyzer> {
  const analyzer = given instanceof Analyzer ? given : await createAnalyzer(given ?? optionsOf(settings))
  if (JSON.stringify(analyzer.settings) !== JSON.stringify(settings))
    throw new RagArgumentError(
      op,
      given
        ? 'the analyzer is not the one that the file was made with'
        : `the file was made with the stemmer ${settings.stem}`,
      'give the same analyzer, or make a new file',
    )
  return analyzer
}

function optionsOf({ language, stem, stopWords, foldAccents, charNgrams }: AnalyzerSettings): AnalyzerOptions {
  return {
    language: language as AnalyzerOptions['language'],
    stem: stem !== null,
    stopWords,
    foldAccents,
    ...(charNgrams && { charNgrams }),
  }
}

// Which versions a snapshot knows, as numbers, so that a file opens without reading every document: its rows, who may see it, when it is valid.
// What else it says is read when a search or a write meets it, and checked then. A version that is not the only one of its document, or whose
// chunks have vectors only in part, is named, and read when the file is opened, as are those that came after the snapshot.

import { RagFormatError } from '../../errors.ts'
import type { Segment } from '../../segment.ts'
import type { Collection, Entry, Sleepers } from '../collection.ts'
import { ALWAYS, validity } from '../currency.ts'
import type { SqlDriver } from './driver.ts'
import { FORMAT, readVersion, sumOf, type VersionRecord } from './records.ts'

/** 1 knew neither principals nor times. */
export const CATALOGUE_VERSION = 2

const hash = (id: string): number => sumOf(id) >>> 0

/**
 * The catalogue of a collection, as a segment.
 * @param snapshot the name of the snapshot that it belongs to
 * @param asOthers whether an entry's chunks have vectors as all others do
 */
export function catalogueOf(collection: Collection, snapshot: string, asOthers: (entry: Entry) => boolean): Segment {
  const plain: Entry[] = []
  const others: number[] = []
  for (const entry of collection.all())
    if (asOthers(entry) && collection.versionsOf(entry.id).length === 1) plain.push(entry)
    else others.push(entry.key)
  const starts = new Int32Array(plain.length + 1)
  plain.forEach(({ rows }, i) => {
    starts[i + 1] = starts[i] + rows.length
  })
  const rows = new Int32Array(starts[plain.length])
  plain.forEach((entry, i) => {
    rows.set(entry.rows, starts[i])
  })
  const audiences = new Map<string | undefined, number>()
  const audience = Int32Array.from(plain, ({ principals }) => {
    const who = JSON.stringify(principals)
    const known = audiences.get(who) ?? audiences.size
    audiences.set(who, known)
    return known
  })
  const times = plain.flatMap(entry => [...validity(entry)])
  const sums = Uint32Array.from(plain, ({ id }) => hash(id))
  const hashed = Int32Array.from(plain.keys()).sort((a, b) => sums[a] - sums[b])
  return {
    kind: 'catalogue',
    version: CATALOGUE_VERSION,
    meta: { snapshot, audiences: Array.from(audiences.keys(), who => (who === undefined ? null : JSON.parse(who))) },
    arrays: {
      keys: Float64Array.from(plain, ({ key }) => key),
      starts,
      rows,
      audience,
      times: times.every((moment, i) => moment === ALWAYS[i % 2]) ? new Float64Array(0) : Float64Array.from(times),
      hashes: Uint32Array.from(hashed, i => sums[i]),
      hashed,
      others: Float64Array.from(others),
    },
  }
}

/** Reads what a catalogue names; undefined if it is of another snapshot. */
export function sleepersOf(
  { meta, arrays }: Segment,
  snapshot: string,
  db: SqlDriver,
): { sleepers: Sleepers; eachOther(visit: (record: VersionRecord) => void): void } | undefined {
  const given = meta as { snapshot: string; audiences: readonly (readonly string[] | null)[] }
  if (given.snapshot !== snapshot) return undefined
  const audiences = given.audiences.map(principals => principals ?? undefined)
  const { keys, times, others } = arrays as Record<string, Float64Array>
  const { starts, rows, audience, hashed } = arrays as Record<string, Int32Array>
  const { hashes } = arrays as { hashes: Uint32Array }
  const read = (key: number): VersionRecord => {
    const [row] = db.all('SELECT key, id, version, body, chunks, sum FROM versions WHERE key = ?', key)
    if (!row) throw new RagFormatError(FORMAT, `the document with key ${key}`, 'it is missing')
    return readVersion(row)
  }
  const readAll = (visit: (key: number, record: VersionRecord) => void): void => {
    const last = keys.at(-1) ?? 0
    db.each('SELECT key, id, version, body, chunks, sum FROM versions WHERE key <= ? ORDER BY key', [last], row =>
      visit(row.key as number, readVersion(row)),
    )
  }
  const sleepers = { keys, starts, rows, audience, audiences, times, hashes, hashed, hash, read, readAll }
  return { sleepers, eachOther }

  function eachOther(visit: (record: VersionRecord) => void): void {
    // Removed since: its removal stands in the table, and says so to who follows.
    for (const key of others) {
      const [row] = db.all('SELECT key, id, version, body, chunks, sum FROM versions WHERE key = ?', key)
      if (row) visit(readVersion(row))
    }
  }
}

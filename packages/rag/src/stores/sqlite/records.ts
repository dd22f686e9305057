// The rows of the file: how documents, chunks and vectors are written, each under a checksum of its content and of its place, and
// how they are read again or found damaged.
//
//   versions   key (never used again), id, version, body (JSON of everything but the chunks), chunks (how many), sum
//   chunks     row = key * CHUNKS + number, body (JSON of text, span, metadata), sum
//   vectors    row, vector (f32, little endian), sum; kept until the next snapshot when their version goes
//   removed    seq, key, sum: which versions went, in their order, for other processes to follow
//   segments   name, part, bytes: the indexes, each a checksummed segment cut into parts
//   settings   name, value, sum

import { crc32c } from '../../checksum.ts'
import { RagArgumentError, RagFormatError } from '../../errors.ts'
import type { VersionInfo } from '../collection.ts'
import type { Metadata } from '../filter.ts'
import type { ChunkInput, DocumentInput, StoredDocument } from '../store.ts'
import type { SqlDriver, SqlRow, SqlValue } from './driver.ts'

export const FORMAT = 'sqlite store'

/** 'Cairn' by its letters: PRAGMA application_id. */
export const APPLICATION_ID = 0x4361_6972
export const FORMAT_VERSION = 1

/** Chunks of one version, at most. */
export const CHUNKS = 1 << 20

export const SCHEMA = `
  CREATE TABLE versions (key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, version INTEGER NOT NULL,
    body TEXT NOT NULL, chunks INTEGER NOT NULL, sum INTEGER NOT NULL);
  CREATE TABLE chunks (row INTEGER PRIMARY KEY, body TEXT NOT NULL, sum INTEGER NOT NULL);
  CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL, sum INTEGER NOT NULL);
  CREATE TABLE removed (seq INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL, sum INTEGER NOT NULL);
  CREATE TABLE segments (name TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (name, part));
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
`

const encoder = new TextEncoder()

/** The checksum of a row: of its place and of its values. */
export function sumOf(...values: (string | number | Uint8Array)[]): number {
  let sum = 0
  // Neighbouring texts are encoded together.
  let text = ''
  for (const value of values) {
    if (value instanceof Uint8Array) {
      sum = crc32c(value, textSum(text, sum))
      text = ''
    } else text += `${typeof value}${value}\0`
  }
  return textSum(text, sum)
}

/** Short texts are encoded here: an array for each row would be most of the work. */
const room = new Uint8Array(1 << 14)

function textSum(text: string, before: number): number {
  if (text === '') return before
  if (3 * text.length > room.length) return crc32c(encoder.encode(text), before)
  return crc32c(room.subarray(0, encoder.encodeInto(text, room).written), before)
}

const fail = (where: string, problem: string): never => {
  throw new RagFormatError(FORMAT, where, problem)
}

const CHANGED = 'its checksum is wrong: the bytes have changed'

export const rowOf = (key: number, chunk: number): number => key * CHUNKS + chunk

export const keyOf = (row: number): number => Math.floor(row / CHUNKS)

const name = ({ id, version }: { id: SqlValue; version: SqlValue }): string =>
  `document ${JSON.stringify(id)} version ${String(version)}`

/** A version as it stands in its row. */
export interface VersionRecord extends VersionInfo {
  readonly key: number
  readonly chunkCount: number
  /** Which chunks have a vector; undefined: all of them. */
  readonly vectors?: readonly number[]
}

/** Writes a document. @returns its record */
export function writeDocument(
  db: SqlDriver,
  document: DocumentInput,
  vectorOf: (chunk: ChunkInput) => Float32Array,
): VersionRecord {
  const { chunks, id, version = 0, ...rest } = document
  if (chunks.length >= CHUNKS)
    throw new RagArgumentError(
      'put',
      `document ${JSON.stringify(id)} has ${chunks.length} chunks`,
      `${CHUNKS - 1} at most`,
    )
  const withVector = chunks.flatMap((chunk, i) => (chunk.vector ? [i] : []))
  const chunkMetadata = chunks.some(chunk => chunk.metadata) ? chunks.map(chunk => chunk.metadata ?? null) : undefined
  const vectors = withVector.length === chunks.length ? undefined : withVector
  const body = JSON.stringify({ ...rest, vectors, chunkMetadata })
  const key = db.run(
    'INSERT INTO versions (id, version, body, chunks, sum) VALUES (?, ?, ?, ?, 0)',
    id,
    version,
    body,
    chunks.length,
  )
  db.run('UPDATE versions SET sum = ? WHERE key = ?', sumOf(key, id, version, body, chunks.length), key)
  chunks.forEach((chunk, i) => {
    const row = rowOf(key, i)
    const { text, span, metadata } = chunk
    const json = JSON.stringify({ text, span, metadata })
    db.run('INSERT INTO chunks VALUES (?, ?, ?)', row, json, sumOf(row, json))
    if (!chunk.vector) return
    const bytes = new Uint8Array(vectorOf(chunk).buffer)
    db.run('INSERT INTO vectors VALUES (?, ?, ?)', row, bytes, sumOf(row, bytes))
  })
  return readVersion({
    key,
    id,
    version,
    body,
    chunks: chunks.length,
    sum: sumOf(key, id, version, body, chunks.length),
  })
}

/** Removes a version's rows, all but its vectors. @returns the number of the removal */
export function removeVersion(db: SqlDriver, key: number): number {
  db.run('DELETE FROM versions WHERE key = ?', key)
  db.run('DELETE FROM chunks WHERE row >= ? AND row < ?', rowOf(key, 0), rowOf(key + 1, 0))
  const seq = db.run('INSERT INTO removed (key, sum) VALUES (?, 0)', key)
  db.run('UPDATE removed SET sum = ? WHERE seq = ?', sumOf(seq, key), seq)
  return seq
}

/** @throws RagFormatError */
export function readVersion(row: SqlRow): VersionRecord {
  const { key, id, version, body, chunks, sum } = row
  if (sum !== sumOf(key as number, id as string, version as number, body as string, chunks as number))
    fail(`${name(row as never)} (key ${String(key)})`, CHANGED)
  const { source, title, validFrom, validUntil, principals, metadata, vectors, chunkMetadata } = JSON.parse(
    body as string,
  )
  // The same fields for all: thousands of these are read when a file is opened.
  return {
    key: key as number,
    id: id as string,
    version: version as number,
    chunkCount: chunks as number,
    source,
    title,
    validFrom,
    validUntil,
    principals,
    metadata,
    vectors,
    chunkMetadata: chunkMetadata?.map((own: Metadata | null) => own ?? undefined),
  }
}

type StoredChunk = StoredDocument['chunks'][number]

/** @throws RagFormatError */
export function readChunk(row: SqlRow, of: { id: string; version: number }): StoredChunk {
  if (row.sum !== sumOf(row.row as number, row.body as string))
    fail(`${name(of)}, chunk ${(row.row as number) % CHUNKS}`, CHANGED)
  return JSON.parse(row.body as string) as StoredChunk
}

/** @throws RagFormatError */
export function readVector(row: SqlRow, dimensions: number): Float32Array {
  const bytes = row.vector as Uint8Array
  if (row.sum !== sumOf(row.row as number, bytes) || bytes.byteLength !== 4 * dimensions)
    fail(
      `the vector of chunk ${(row.row as number) % CHUNKS} of the document with key ${keyOf(row.row as number)}`,
      CHANGED,
    )
  // SQLite gives each row bytes of its own.
  return new Float32Array(
    (bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()).buffer as ArrayBuffer,
    bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0,
    dimensions,
  )
}

/** @throws RagFormatError */
export function readRemoval(row: SqlRow): { seq: number; key: number } {
  const { seq, key, sum } = row
  if (sum !== sumOf(seq as number, key as number)) fail(`removal ${String(seq)}`, CHANGED)
  return { seq: seq as number, key: key as number }
}

export function writeSetting(db: SqlDriver, setting: string, value: unknown): void {
  const json = JSON.stringify(value)
  db.run('INSERT OR REPLACE INTO settings VALUES (?, ?, ?)', setting, json, sumOf(setting, json))
}

/** @throws RagFormatError */
export function readSetting(db: SqlDriver, setting: string): unknown {
  const [row] = db.all('SELECT value, sum FROM settings WHERE name = ?', setting)
  if (!row) return undefined
  if (row.sum !== sumOf(setting, row.value as string)) fail(`setting ${setting}`, CHANGED)
  return JSON.parse(row.value as string)
}

/** Bytes of a segment in one row. */
const PART = 1 << 20

export function writeSegmentBytes(db: SqlDriver, segment: string, bytes: Uint8Array): void {
  db.run('DELETE FROM segments WHERE name = ?', segment)
  for (let at = 0, part = 0; at < bytes.length; at += PART, part++)
    db.run('INSERT INTO segments VALUES (?, ?, ?)', segment, part, bytes.subarray(at, at + PART))
}

/** The bytes of a segment, unchecked; undefined if there is none. */
export function readSegmentBytes(db: SqlDriver, segment: string): Uint8Array<ArrayBuffer> | undefined {
  const parts: Uint8Array[] = []
  let size = 0
  db.each('SELECT bytes FROM segments WHERE name = ? ORDER BY part', [segment], row => {
    const bytes = row.bytes as Uint8Array
    parts.push(bytes)
    size += bytes.length
  })
  if (parts.length === 0) return undefined
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

// Documents as rows for engines that search by themselves: one row for each chunk and each stretch of time in which its version is
// the current one (see currency.ts), so that access, time and versions are plain comparisons in the engine's own filter.

import { type Metric, normalized } from '../dense/vector.ts'
import { ALWAYS, currency, type Interval } from './currency.ts'
import type { Metadata } from './filter.ts'
import type { Damage, DocumentInput, Hit, StoredDocument } from './store.ts'

/** What every engine keeps of a chunk, in the names of its columns or fields. */
export interface ChunkRow {
  /** Of the chunk in this stretch of time. */
  readonly key: string
  readonly document: string
  readonly version: number
  readonly chunk: number
  /** 0 for the first stretch, which stands for the version where time does not matter. */
  readonly stretch: number
  readonly currentFrom: number
  readonly currentUntil: number
  readonly validFrom: number
  readonly validUntil: number
  /** Whether everybody may see it; else one of `principals`. */
  readonly open: boolean
  readonly principals: readonly string[]
  /** The chunk's metadata over the document's: what filters see. */
  readonly metadata: Metadata
  readonly text: string
  readonly vector: Float32Array | undefined
  /** Everything of the document but its chunks, and of this chunk, as JSON: what `get` and hits are made of. */
  readonly body: string
}

/** What engines keep of a row under these names, beside what they search. */
export type RowFields = {
  readonly key: string
  readonly document: string
  readonly version: number
  readonly chunk: number
  readonly stretch: number
  readonly current_from: number
  readonly current_until: number
  readonly valid_from: number
  readonly valid_until: number
  readonly open: boolean
  readonly principals: string[]
  readonly body: string
}

export const fieldsOf = (row: ChunkRow): RowFields => ({
  key: row.key,
  document: row.document,
  version: row.version,
  chunk: row.chunk,
  stretch: row.stretch,
  current_from: row.currentFrom,
  current_until: row.currentUntil,
  valid_from: row.validFrom,
  valid_until: row.validUntil,
  open: row.open,
  principals: [...row.principals],
  body: row.body,
})

const keyOf = (document: string, version: number, chunk: number, stretch: number): string =>
  JSON.stringify([document, version, chunk, stretch])

interface Body {
  readonly document: Omit<StoredDocument, 'chunks'>
  readonly chunks: number
  readonly chunk?: StoredDocument['chunks'][number]
}

/** Never: the stretch of a version that is hidden by newer ones at all times. */
const NEVER: Interval = [ALWAYS[1], ALWAYS[1]]

/** The rows of one version, given when it is current. A document without chunks has one row that nothing finds. */
export function rowsOf(document: DocumentInput, current: readonly Interval[], metric: Metric): ChunkRow[] {
  const { id, version = 0, chunks, metadata, validFrom, validUntil, principals } = document
  const { chunks: _, ...head } = { ...document, version }
  const stretches = current.length ? current : [NEVER]
  const base = {
    document: id,
    version,
    validFrom: validFrom ?? ALWAYS[0],
    validUntil: validUntil ?? ALWAYS[1],
    open: principals === undefined,
    principals: principals ?? [],
  }
  const given: readonly (DocumentInput['chunks'][number] | undefined)[] = chunks.length ? chunks : [undefined]
  return stretches.flatMap(([currentFrom, currentUntil], stretch) =>
    given.map((chunk, i): ChunkRow => {
      const body: Body = {
        document: head,
        chunks: chunks.length,
        ...(chunk && {
          chunk: { text: chunk.text, span: chunk.span, ...(chunk.metadata && { metadata: chunk.metadata }) },
        }),
      }
      return {
        ...base,
        key: keyOf(id, version, chunk ? i : -1, stretch),
        chunk: chunk ? i : -1,
        stretch,
        currentFrom,
        currentUntil,
        metadata: { ...metadata, ...chunk?.metadata },
        text: chunk?.text ?? '',
        vector: chunk?.vector && (metric === 'cosine' ? normalized(chunk.vector) : Float32Array.from(chunk.vector)),
        body: JSON.stringify(body),
      }
    }),
  )
}

/** What changes in a row of a version's first stretch when the version is current at other times: a row for each stretch. */
export const retimed = (row: RowFields, current: readonly Interval[]) =>
  (current.length ? current : [NEVER]).map(([current_from, current_until], stretch) => ({
    key: keyOf(row.document, row.version, row.chunk, stretch),
    stretch,
    current_from,
    current_until,
  }))

/** The times of a version as its rows say them. */
export interface StoredTimes {
  readonly version: number
  readonly validFrom: number
  readonly validUntil: number
}

/** When each version is current, those that are there and those that come. */
export function currentTimes(there: readonly StoredTimes[], coming: readonly DocumentInput[]): Map<number, Interval[]> {
  const times = new Map<number, { version: number; validFrom?: number; validUntil?: number }>()
  for (const version of there) times.set(version.version, version)
  for (const { version = 0, validFrom, validUntil } of coming) times.set(version, { version, validFrom, validUntil })
  return currency([...times.values()])
}

/** A document again, of the rows of its first stretch. */
export function documentOf(bodies: readonly string[]): StoredDocument {
  const parsed = bodies.map(body => JSON.parse(body) as Body)
  return { ...parsed[0].document, chunks: parsed.flatMap(({ chunk }) => (chunk ? [chunk] : [])) }
}

/** A hit, of the body of its row. */
export function hitOfRow(body: string, chunk: number, score: number): Hit {
  const { document, chunk: own } = JSON.parse(body) as Body
  const { id, version, source, title, metadata } = document
  return {
    id,
    version,
    chunk,
    score,
    text: own!.text,
    span: own!.span,
    metadata: { ...metadata, ...own!.metadata },
    ...(source !== undefined && { source }),
    ...(title !== undefined && { title }),
  }
}

/** Versions of which not as many chunks are there as were written: what `verify` finds in rows of the first stretch. */
export function missingChunks(rows: Iterable<Pick<ChunkRow, 'document' | 'version' | 'chunk' | 'body'>>): Damage[] {
  const groups = Map.groupBy(rows, ({ document, version }) => JSON.stringify([document, version]))
  return [...groups.values()].flatMap((group): Damage[] => {
    const { document, version, body } = group[0]
    const wanted = (JSON.parse(body) as Body).chunks
    const there = group.filter(({ chunk }) => chunk >= 0).length
    if (there === wanted) return []
    const what = `document ${JSON.stringify(document)} version ${version}`
    return [{ what, problem: `${there} of its ${wanted} chunks are there`, repaired: false }]
  })
}

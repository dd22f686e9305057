// Tables and records: CSV (RFC 4180), TSV, JSON and JSON lines. Each row is a document whose text names its fields; the place of the
// row in the file stays known. Rows are read from a stream; one that is too long is left out and the next is found behind it.
import { RagIngestError } from '../errors.ts'
import type { Metadata, Scalar } from '../stores/filter.ts'
import { decode, decodeStream } from './decode.ts'
import { type LoadedDocument, type Place, TextBuilder } from './document.ts'
import { bytesOf, extensionOf, type FileInput, type LoadContext, type Loader } from './loader.ts'

export interface RecordOptions {
  readonly encoding?: string
  /** The fields that make the text, in this order. Default: all. */
  readonly text?: readonly string[]
  readonly title?: string
  /** Fields kept as metadata, for filters. */
  readonly metadata?: readonly string[]
}

export interface CsvOptions extends RecordOptions {
  /** Default: `,`, and a tab for `.tsv`. */
  readonly separator?: string
  /** Whether the first row names the fields (default), or the names. */
  readonly header?: boolean | readonly string[]
}

const MAX_DEPTH = 100

interface Row {
  readonly cells: string[]
  readonly start: number
  readonly end: number
  readonly line: number
}

interface TooLong {
  readonly tooLong: number
  readonly line: number
}

/** The rows of a CSV file. Quotes may enclose separators and line ends; two of them inside are one. */
async function* csvRows(
  chunks: AsyncIterable<string>,
  separator: string,
  limit: number,
): AsyncGenerator<Row | TooLong> {
  let cells: string[] = []
  let cell = ''
  let kept = 0
  let quoted = false
  let quoteSeen = false
  let start = 0
  let line = 1
  let rowLine = 1
  let offset = 0
  let after = false
  const flush = (end: number): Row | TooLong | undefined => {
    const row: Row | TooLong =
      kept > limit ? { tooLong: kept, line: rowLine } : { cells: [...cells, cell], start, end, line: rowLine }
    const empty = kept === 0 && !quoteSeen
    cells = []
    cell = ''
    kept = 0
    quoteSeen = false
    return empty ? undefined : row
  }
  for await (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i++) {
      const char = chunk[i]
      if (quoted) {
        if (after) {
          after = false
          if (char === '"') {
            if (kept++ < limit) cell += '"'
            continue
          }
          quoted = false
        } else {
          if (char === '"') after = true
          else {
            if (char === '\n') line++
            // Past the limit only the length goes on: the row will not be used.
            if (kept++ < limit) cell += char
          }
          continue
        }
      }
      if (char === '"' && cell === '') {
        quoted = true
        quoteSeen = true
      } else if (char === separator) {
        if (kept++ < limit) cells.push(cell)
        cell = ''
      } else if (char === '\n') {
        const row = flush(offset + i)
        line++
        if (row) yield row
        start = offset + i + 1
        rowLine = line
      } else if (char !== '\r') {
        if (kept++ < limit) cell += char
      }
    }
    offset += chunk.length
  }
  if (quoted && !after) {
    yield { tooLong: -1, line: rowLine }
    return
  }
  const row = flush(offset)
  if (row) yield row
}

const tooLong = (path: string, line: number, length: number, limit: number) =>
  length < 0
    ? new RagIngestError('malformed', `${path}#${line}`, 'a quote that is never closed')
    : new RagIngestError('too large', `${path}#${line}`, `${length} characters, and the limit recordLength is ${limit}`)

/** CSV and TSV: a document for each row. */
export const csvLoader = (options: CsvOptions = {}): Loader => ({
  name: 'csv',
  extensions: ['csv', 'tsv'],
  async *load(input, { limits, leaveOut }) {
    const { separator = extensionOf(input.path) === 'tsv' ? '\t' : ',', header = true, encoding } = options
    let names = Array.isArray(header) ? (header as readonly string[]) : undefined
    for await (const row of csvRows(decodeStream(input, encoding), separator, limits.recordLength)) {
      if ('tooLong' in row) {
        leaveOut(tooLong(input.path, row.line, row.tooLong, limits.recordLength))
        continue
      }
      if (!names && header === true) {
        names = row.cells
        continue
      }
      const fields = row.cells.map((value, i): [string, string] => [names?.[i] || `column ${i + 1}`, value])
      if (names && row.cells.length !== names.length)
        leaveOut(
          new RagIngestError(
            'malformed',
            `${input.path}#${row.line}`,
            `${row.cells.length} cells, and the header has ${names.length}`,
          ),
        )
      else yield recordDocument(input, String(row.line), fields, [row.start, row.end], row.line, options)
    }
  },
})

/** Lines of a bounded length; of a longer one only its length. */
async function* boundedLines(
  chunks: AsyncIterable<string>,
  limit: number,
): AsyncGenerator<{
  readonly text: string
  readonly length: number
  readonly start: number
  readonly line: number
}> {
  let pieces: string[] = []
  let length = 0
  let start = 0
  let line = 1
  for await (const chunk of chunks) {
    let at = 0
    for (;;) {
      const end = chunk.indexOf('\n', at)
      const stop = end < 0 ? chunk.length : end
      if (length + stop - at <= limit) pieces.push(chunk.slice(at, stop))
      else pieces = []
      length += stop - at
      if (end < 0) break
      yield { text: pieces.join(''), length, start, line }
      start += length + 1
      pieces = []
      length = 0
      line++
      at = end + 1
    }
  }
  if (length) yield { text: pieces.join(''), length, start, line }
}

/** JSON lines: a document for each line. JSON: one for each element of an outer list, else one. */
export const jsonLoader = (options: RecordOptions = {}): Loader => ({
  name: 'json',
  extensions: ['jsonl', 'ndjson', 'json'],
  load: (input, context) =>
    extensionOf(input.path) === 'json' ? whole(input, context, options) : lines(input, context, options),
})

async function* lines(input: FileInput, { limits, leaveOut }: LoadContext, options: RecordOptions) {
  const { recordLength } = limits
  for await (const { text, length, start, line } of boundedLines(decodeStream(input, options.encoding), recordLength)) {
    const where = `${input.path}#${line}`
    if (length > recordLength) leaveOut(tooLong(input.path, line, length, recordLength))
    else if (text.trim() !== '')
      try {
        const fields = fieldsOf(parse(text, where), where)
        yield recordDocument(input, String(line), fields, [start, start + length], line, options)
      } catch (error) {
        if (!(error instanceof RagIngestError)) throw error
        leaveOut(error)
      }
  }
}

async function* whole(input: FileInput, { limits, leaveOut }: LoadContext, options: RecordOptions) {
  const value = parse(decode(input.path, await bytesOf(input, limits.fileBytes), options.encoding), input.path)
  if (!Array.isArray(value)) {
    yield recordDocument(input, undefined, fieldsOf(value, input.path), undefined, undefined, options)
    return
  }
  for (const [i, element] of value.entries())
    try {
      const fields = fieldsOf(element, `${input.path}#/${i}`)
      yield recordDocument(input, `/${i}`, fields, undefined, undefined, options)
    } catch (error) {
      if (!(error instanceof RagIngestError)) throw error
      leaveOut(error)
    }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RagIngestError('malformed', path, `not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** The leaves of a value by their JSON pointers, without the first slash. */
function fieldsOf(value: unknown, path: string): [name: string, value: Scalar][] {
  const fields: [string, Scalar][] = []
  const walk = (inner: unknown, name: string, depth: number): void => {
    if (depth > MAX_DEPTH) throw new RagIngestError('malformed', path, `nested deeper than ${MAX_DEPTH}`)
    if (inner === null) return
    if (typeof inner === 'object')
      for (const [key, child] of Object.entries(inner)) {
        const step = key.replaceAll('~', '~0').replaceAll('/', '~1')
        walk(child, name === '' ? step : `${name}/${step}`, depth + 1)
      }
    else fields.push([name, inner as Scalar])
  }
  walk(value, '', 0)
  return fields
}

function recordDocument(
  { path }: FileInput,
  part: string | undefined,
  fields: readonly (readonly [name: string, value: Scalar])[],
  file: Place['file'],
  firstLine: number | undefined,
  { text: chosen, title, metadata = [] }: RecordOptions,
): LoadedDocument {
  const byName = new Map(fields)
  const shown = chosen ? chosen.flatMap(name => (byName.has(name) ? [[name, byName.get(name)!] as const] : [])) : fields
  const builder = new TextBuilder()
  const pointer = part?.startsWith('/') ? part : ''
  for (const [name, value] of shown) {
    if (value === '') continue
    if (builder.length) builder.add('\n')
    const alone = shown.length === 1
    builder.add(alone ? String(value) : `${name}: ${value}`, {
      ...(file ? { file } : { pointer: `${pointer}/${name}` }),
    })
  }
  const kept: Metadata = Object.fromEntries(
    metadata.flatMap(name => (byName.has(name) ? [[name, byName.get(name)!]] : [])),
  )
  const named = title === undefined ? undefined : byName.get(title)
  return {
    id: part === undefined ? path : `${path}#${part}`,
    source: path,
    format: 'record',
    text: builder.text,
    places: builder.places,
    ...(firstLine !== undefined && { firstLine }),
    ...(named !== undefined && { title: String(named) }),
    ...(metadata.length && { metadata: kept }),
  }
}

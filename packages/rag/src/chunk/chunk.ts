// What a chunk is and how stretches of a text are made into chunks of a size. A chunk is always a stretch of its document:
// `text === document.text.slice(...span)`, whoever cut it.
import { RagArgumentError } from '../errors.ts'
import type { LoadedDocument, Place } from '../ingest/document.ts'
import { lineAt, placesOf } from '../ingest/document.ts'
import type { Metadata } from '../stores/filter.ts'
import type { DocumentInput } from '../stores/store.ts'

/** [start, end) in the document's text, in UTF-16 units. */
export type Stretch = readonly [start: number, end: number]

export interface Chunk {
  readonly text: string
  readonly span: Stretch
  /** `contextStart` and `contextEnd`, where a wider stretch is to be read than is searched. */
  readonly metadata?: Metadata
}

/** What chunkers look at; what `ingest` gives is one. */
export interface ChunkSource {
  readonly text: string
  readonly format?: LoadedDocument['format']
  readonly language?: string
  readonly places?: readonly Place[]
}

export type Chunker = (document: ChunkSource) => Chunk[] | Promise<Chunk[]>

/** How long a text is in whatever a model counts: `text => tokenizer.count(text)`. A longer text must not count less. */
export type Count = (text: string) => number

/** Four characters for a token: about right for English prose and subword vocabularies, and needs none. */
export const approximateTokens: Count = text => Math.ceil(text.length / 4)

export interface SizeOptions {
  /** The largest chunk, as counted. Default 256. */
  readonly size?: number
  /** Default: `approximateTokens`. */
  readonly count?: Count
}

export function checkSize(op: string, { size = 256, count = approximateTokens }: SizeOptions): Required<SizeOptions> {
  if (!(Number.isFinite(size) && size >= 1))
    throw new RagArgumentError(op, `size is ${size}`, 'give a number from 1 up')
  if (typeof count !== 'function') throw new RagArgumentError(op, 'count is no function', 'give a function of a text')
  return { size, count }
}

/** A stretch without white space around it; undefined if there is nothing else. */
export function tight(text: string, [start, end]: Stretch): Stretch | undefined {
  while (start < end && isSpace(text, start)) start++
  while (end > start && isSpace(text, end - 1)) end--
  return start < end ? [start, end] : undefined
}

const isSpace = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at)
  return code <= 32 || (code >= 0x80 && /\s/.test(text[at]))
}

/** Chunks of stretches; those of nothing but white space are none. */
export const chunksOf = (text: string, stretches: Iterable<Stretch>, metadata?: Metadata): Chunk[] =>
  [...stretches].flatMap(stretch => {
    const span = tight(text, stretch)
    return span ? [{ text: text.slice(...span), span, ...(metadata && { metadata }) }] : []
  })

/** Whether a stretch, without the white space around it, is within a size. */
export function fits(text: string, stretch: Stretch, { size, count }: Required<SizeOptions>): boolean {
  const span = tight(text, stretch)
  return !span || count(text.slice(...span)) <= size
}

/**
 * How many of the pieces from `first` on, which touch, go into one chunk: as many as fit, and one at least. Doubles, then halves,
 * so that a chunk is counted a few times and not once for each piece.
 */
export function take(text: string, pieces: readonly Stretch[], first: number, sized: Required<SizeOptions>): number {
  const start = pieces[first][0]
  const ok = (count: number) => fits(text, [start, pieces[first + count - 1][1]], sized)
  const available = pieces.length - first
  let low = 1
  let high = 2
  while (high <= available && ok(high)) {
    low = high
    high *= 2
  }
  high = Math.min(high, available + 1)
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (ok(middle)) low = middle
    else high = middle
  }
  return low
}

/** Touching pieces put together as far as they fit. */
export function merge(text: string, pieces: readonly Stretch[], sized: Required<SizeOptions>): Stretch[] {
  const merged: Stretch[] = []
  for (let first = 0; first < pieces.length; ) {
    const count = take(text, pieces, first, sized)
    merged.push([pieces[first][0], pieces[first + count - 1][1]])
    first += count
  }
  return merged
}

/**
 * Touching pieces as chunks: those that fit are put together, one that does not is divided by itself, so that no chunk is the end of
 * one long piece and the beginning of another.
 */
export function assemble(
  text: string,
  pieces: readonly Stretch[],
  sized: Required<SizeOptions>,
  divide: (piece: Stretch, index: number) => readonly Stretch[],
): Stretch[] {
  const result: Stretch[] = []
  let run: Stretch[] = []
  const close = (): void => {
    result.push(...merge(text, run, sized))
    run = []
  }
  pieces.forEach((piece, i) => {
    if (fits(text, piece, sized)) run.push(piece)
    else {
      close()
      result.push(...divide(piece, i))
    }
  })
  close()
  return result
}

/** Stretches that touch, from where pieces begin. */
export function between(start: number, end: number, starts: Iterable<number>): Stretch[] {
  const stretches: Stretch[] = []
  for (const at of starts) {
    if (at <= start || at >= end) continue
    stretches.push([start, at])
    start = at
  }
  if (end > start) stretches.push([start, end])
  return stretches
}

/** Characters, never between two that make one (UTF-16 surrogates). */
export function characters(text: string, [start, end]: Stretch): Stretch[] {
  const stretches: Stretch[] = []
  for (let at = start; at < end; ) {
    const next = at + (text.codePointAt(at)! > 0xffff && at + 1 < end ? 2 : 1)
    stretches.push([at, next])
    at = next
  }
  return stretches
}

export interface DocumentInputOptions
  extends Pick<DocumentInput, 'version' | 'validFrom' | 'validUntil' | 'principals'> {
  readonly id?: string
  readonly metadata?: Metadata
}

/**
 * A document and its chunks as stores take them. What the places say goes into each chunk's metadata: `page`, `headings`, `line`
 * (of the file, where the text is the file's), `fileStart` and `fileEnd`.
 */
export function documentInput(
  document: LoadedDocument,
  chunks: readonly Chunk[],
  { id = document.id, metadata, ...rest }: DocumentInputOptions = {},
): DocumentInput {
  const { source, title, format, language, text, firstLine } = document
  let line = firstLine ?? 0
  let counted = 0
  return {
    id,
    source,
    ...(title !== undefined && { title }),
    metadata: { ...document.metadata, format, ...(language && { language }), ...metadata },
    ...rest,
    chunks: chunks.map(({ text: chunkText, span, metadata: own }) => {
      const places = placesOf(document, ...span)
      const { page, headings } = places[0] ?? {}
      const files = places.flatMap(({ file }) => (file ? [file] : []))
      if (firstLine !== undefined && format !== 'record') {
        // Chunks are mostly in order: the lines between them are counted once.
        line =
          span[0] >= counted
            ? line + lineAt(text.slice(counted, span[0]), span[0] - counted) - 1
            : firstLine + lineAt(text, span[0]) - 1
        counted = span[0]
      }
      return {
        text: chunkText,
        span,
        metadata: {
          ...(page !== undefined && { page }),
          ...(headings?.length && { headings }),
          ...(firstLine !== undefined && { line }),
          ...(files.length && { fileStart: files[0][0], fileEnd: files.at(-1)![1] }),
          ...own,
        },
      }
    }),
  }
}

// What a loader makes of a file: its text, and for each stretch of the text where it comes from. Text formats keep the file's own
// characters, so spans in the text are spans in the file; others (PDF, HTML, DOCX) say page, headings and, where it is known, the
// place in the file.
import type { Metadata } from '../stores/filter.ts'

export type DocumentFormat = 'text' | 'markdown' | 'html' | 'pdf' | 'docx' | 'record' | 'code'

/** Where a stretch of a document's text comes from. */
export interface Place {
  /** In the document's text, in UTF-16 units; the end is outside. */
  readonly start: number
  readonly end: number
  /** The stretch of the file's characters that it was read from; of the same length only if it is the same text. */
  readonly file?: readonly [start: number, end: number]
  /** Counted from 1. */
  readonly page?: number
  /** The headings above, the outermost first. */
  readonly headings?: readonly string[]
  /** JSON pointer (RFC 6901) of a value. */
  readonly pointer?: string
}

export interface LoadedDocument {
  /** The path, and for parts of a file `path#part`. */
  readonly id: string
  /** The path of the file. */
  readonly source: string
  readonly format: DocumentFormat
  readonly text: string
  readonly title?: string
  /** In order, not overlapping. */
  readonly places: readonly Place[]
  /** The first line of the text in the file, from 1, for formats whose text is the file's. */
  readonly firstLine?: number
  /** A programming language by its usual name. */
  readonly language?: string
  readonly metadata?: Metadata
}

/** The places that a stretch of the text touches, cut to it. */
export function placesOf(document: Pick<LoadedDocument, 'places'>, start: number, end: number): Place[] {
  const { places } = document
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (places[middle].end > start) high = middle
    else low = middle + 1
  }
  const found: Place[] = []
  for (; low < places.length && places[low].start < Math.max(end, start + 1); low++)
    found.push(trimmed(places[low], start, end))
  return found
}

function trimmed(place: Place, start: number, end: number): Place {
  const from = Math.max(place.start, start)
  const to = Math.max(from, Math.min(place.end, end))
  const { file } = place
  if (!file || file[1] - file[0] !== place.end - place.start) return { ...place, start: from, end: to }
  const shift = file[0] - place.start
  return { ...place, start: from, end: to, file: [from + shift, to + shift] }
}

/** The document without some stretches of its text, which are in order and do not overlap. Places follow. */
export function without(
  document: LoadedDocument,
  cuts: readonly (readonly [start: number, end: number])[],
): LoadedDocument {
  if (cuts.length === 0) return document
  const pieces: string[] = []
  const places: Place[] = []
  let removed = 0
  const keep = (start: number, end: number): void => {
    if (start >= end) return
    pieces.push(document.text.slice(start, end))
    for (const place of placesOf(document, start, end))
      if (place.end > place.start) places.push({ ...place, start: place.start - removed, end: place.end - removed })
  }
  let at = 0
  for (const [start, end] of cuts) {
    keep(at, start)
    removed += end - start
    at = end
  }
  keep(at, document.text.length)
  return { ...document, text: pieces.join(''), places }
}

/** Joins texts to one document's text, each with what is known of its place. */
export class TextBuilder {
  private readonly pieces: string[] = []
  readonly places: Place[] = []
  length = 0

  /** Adds a stretch with its place, or one that only separates. */
  add(text: string, place?: Omit<Place, 'start' | 'end'>): void {
    if (text === '') return
    if (place) this.places.push({ ...place, start: this.length, end: this.length + text.length })
    this.pieces.push(text)
    this.length += text.length
  }

  get text(): string {
    return this.pieces.join('')
  }
}

/** The line of a place in a text, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

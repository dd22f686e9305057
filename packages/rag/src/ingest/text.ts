// Plain text, Markdown and source code: the document's text is the file's. A file that is longer than a part becomes several
// documents, so that a line of a gigabyte takes no more memory than a part.

import { languageOf, languages } from '../chunk/languages.ts'
import { markdownHeadings } from '../chunk/markdown.ts'
import { decodeStream } from './decode.ts'
import type { DocumentFormat, LoadedDocument, Place } from './document.ts'
import { extensionOf, type FileInput, type IngestLimits, type Loader } from './loader.ts'

export interface TextLoaderOptions {
  /** Of files without a byte order mark. Default `utf-8`. */
  readonly encoding?: string
}

interface Part {
  readonly text: string
  /** In the file's characters. */
  readonly start: number
  readonly line: number
  readonly number: number
  readonly last: boolean
}

/** The text of a file in parts of a bounded length. */
async function* partsOf(input: FileInput, { partLength }: IngestLimits, encoding?: string): AsyncGenerator<Part> {
  let pieces: string[] = []
  let length = 0
  let start = 0
  let line = 1
  let number = 0
  const take = (text: string, last: boolean): Part => {
    const part = { text, start, line, number: number++, last }
    start += text.length
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++
    return part
  }
  for await (const piece of decodeStream(input, encoding)) {
    pieces.push(piece)
    length += piece.length
    while (length > partLength) {
      const text = pieces.join('')
      const end = cutBefore(text, partLength)
      yield take(text.slice(0, end), false)
      pieces = [text.slice(end)]
      length = text.length - end
    }
  }
  yield take(pieces.join(''), true)
}

/** Where a text may be cut at or before `limit`: behind a line in the second half, else behind a space, else between characters. */
function cutBefore(text: string, limit: number): number {
  const half = limit >> 1
  const line = text.lastIndexOf('\n', limit - 1) + 1
  if (line > half) return line
  const space = text.lastIndexOf(' ', limit - 1) + 1
  if (space > half) return space
  const unit = text.charCodeAt(limit - 1)
  return unit >= 0xd800 && unit < 0xdc00 ? limit - 1 : limit
}

function textLoader(
  name: string,
  format: DocumentFormat,
  extensions: readonly string[],
  { encoding }: TextLoaderOptions,
  more: (text: string, path: string) => { places?: Place[]; title?: string; language?: string } = () => ({}),
): Loader {
  return {
    name,
    extensions,
    async *load(input, { limits }): AsyncGenerator<LoadedDocument> {
      for await (const { text, start, line, number, last } of partsOf(input, limits, encoding)) {
        const { places = [{ start: 0, end: text.length }], ...rest } = more(text, input.path)
        yield {
          id: number === 0 && last ? input.path : `${input.path}#${number + 1}`,
          source: input.path,
          format,
          text,
          firstLine: line,
          places: places.map(place => ({ ...place, file: [place.start + start, place.end + start] })),
          ...rest,
        }
      }
    },
  }
}

export const plainTextLoader = (options: TextLoaderOptions = {}): Loader =>
  textLoader('text', 'text', ['txt', 'text', 'log', 'rst', 'adoc', 'tex', 'org', 'README', 'LICENSE'], options)

export const markdownLoader = (options: TextLoaderOptions = {}): Loader =>
  textLoader('markdown', 'markdown', ['md', 'markdown', 'mdx'], options, text => {
    const headings = markdownHeadings(text)
    const places: Place[] = []
    const open: { level: number; title: string }[] = []
    let at = 0
    const close = (end: number): void => {
      if (end > at) places.push({ start: at, end, headings: open.map(({ title }) => title) })
      at = end
    }
    for (const { level, title, start } of headings) {
      close(start)
      while (open.length && open[open.length - 1].level >= level) open.pop()
      open.push({ level, title })
    }
    close(text.length)
    const title = headings.find(({ level }) => level === 1)?.title
    return { places, ...(title && { title }) }
  })

export const codeLoader = (options: TextLoaderOptions = {}): Loader =>
  textLoader(
    'code',
    'code',
    languages.flatMap(({ extensions }) => extensions),
    options,
    (_, path) => ({ language: languageOf(extensionOf(path))?.name }),
  )

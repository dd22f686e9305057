// HTML by htmlparser2, which reports where in the file each text stands and keeps no tree, so neither depth nor size of a page matters:
// `@cairn/rag/html`. Scripts, styles, forms and navigation are no text of a page; block elements end a paragraph.
import { RagIngestError } from '../errors.ts'
import { decode } from './decode.ts'
import { type LoadedDocument, type Place, TextBuilder } from './document.ts'
import { bytesOf, type Loader, library } from './loader.ts'

const SILENT = new Set('script style noscript template svg math iframe object select button form nav head'.split(' '))
const BLOCK = new Set(
  (
    'address article aside blockquote body br caption dd details div dl dt fieldset figcaption figure footer h1 h2 h3 h4 h5 h6 ' +
    'header hr li main ol p pre section summary table tbody td tfoot th thead tr ul'
  ).split(' '),
)
const HEADING = /^h([1-6])$/
/** Each element costs the parser time in proportion to those that are open. */
const MAX_DEPTH = 2000

export interface HtmlOptions {
  /** Of files without a byte order mark; left out, what the page declares, else UTF-8. */
  readonly encoding?: string
  /** Elements whose text is left out beside scripts, styles, forms and navigation, as `aside`, `footer`. */
  readonly skip?: readonly string[]
}

/** The text of a page and its title. Offsets of places are in `html`. */
export async function htmlText(
  html: string,
  path: string,
  { skip = [] }: HtmlOptions = {},
): Promise<Pick<LoadedDocument, 'text' | 'places' | 'title'>> {
  const { Parser } = await library(path, 'htmlparser2', () => import('htmlparser2'))
  const silent = new Set([...SILENT, ...skip])
  const builder = new TextBuilder()
  const headings: { level: number; title: string }[] = []
  let hidden: string[] = []
  let inTitle = false
  let title = ''
  let heading: { level: number; title: string } | undefined
  let preformatted = 0
  let depth = 0
  /** What separates the next text from the last one. */
  let gap: '' | ' ' | '\n' | '\n\n' = ''
  const widen = (wanted: typeof gap): void => {
    if (wanted.length > gap.length || (wanted !== ' ' && gap === ' ')) gap = wanted
  }
  const place = (file: Place['file']): Omit<Place, 'start' | 'end'> => ({
    file,
    ...((headings.length || heading) && {
      headings: [...headings, ...(heading?.title ? [heading] : [])].map(one => one.title),
    }),
  })
  const parser = new Parser(
    {
      onopentagname(name) {
        if (++depth > MAX_DEPTH) throw new RagIngestError('bomb', path, `elements nested deeper than ${MAX_DEPTH}`)
        if (name === 'title') inTitle = true
        if (silent.has(name)) hidden.push(name)
        if (BLOCK.has(name)) widen(name === 'br' || name === 'td' || name === 'li' || name === 'tr' ? '\n' : '\n\n')
        if (name === 'pre') preformatted++
        const level = Number(HEADING.exec(name)?.[1] ?? 0)
        if (level && hidden.length === 0) {
          while (headings.length && headings[headings.length - 1].level >= level) headings.pop()
          heading = { level, title: '' }
        }
      },
      ontext(data) {
        if (inTitle && title.length < 1000) title += data
        if (hidden.length) return
        const { startIndex, endIndex } = parser
        const file = [startIndex, endIndex + 1] as const
        if (preformatted) {
          if (builder.length && gap) builder.add(gap)
          gap = ''
          builder.add(data, place(file))
          return
        }
        const exact = data.length === file[1] - file[0]
        for (const word of data.matchAll(/(\s*)(\S+)/g)) {
          if (word[1] !== '') widen(' ')
          if (heading) heading.title += (heading.title && gap ? ' ' : '') + word[2]
          if (builder.length && gap) builder.add(gap)
          gap = ''
          const at = word.index + word[1].length
          builder.add(word[2], place(exact ? [file[0] + at, file[0] + at + word[2].length] : file))
        }
        if (/\s$/.test(data)) widen(' ')
      },
      onclosetag(name) {
        depth--
        if (name === 'title') inTitle = false
        if (name === hidden[hidden.length - 1]) hidden.pop()
        else if (hidden.includes(name)) hidden = hidden.slice(0, hidden.lastIndexOf(name))
        if (name === 'pre') preformatted = Math.max(0, preformatted - 1)
        if (BLOCK.has(name)) widen(name === 'td' || name === 'li' || name === 'tr' || name === 'br' ? '\n' : '\n\n')
        if (heading && HEADING.test(name)) {
          if (heading.title) headings.push(heading)
          heading = undefined
        }
      },
    },
    { decodeEntities: true, lowerCaseTags: true },
  )
  parser.end(html)
  return {
    text: builder.text,
    places: merged(builder),
    ...(title.trim() && { title: title.trim().replace(/\s+/g, ' ') }),
  }
}

/** Words beside each other whose file and text run alike are one place. */
function merged({ places, text }: TextBuilder): Place[] {
  const result: Place[] = []
  for (const place of places) {
    const last = result.at(-1)
    const same =
      last?.file &&
      place.file &&
      place.start - last.end === place.file[0] - last.file[1] &&
      place.start - last.end <= 1 &&
      last.file[1] - last.file[0] === last.end - last.start &&
      place.file[1] - place.file[0] === place.end - place.start &&
      last.headings?.join('\n') === place.headings?.join('\n') &&
      (place.start === last.end || text[last.end] === ' ')
    if (same) result[result.length - 1] = { ...last, end: place.end, file: [last.file![0], place.file![1]] }
    else result.push(place)
  }
  return result
}

/** The encoding that a page declares in its first bytes, if any. */
function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 2048))
  return (/<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(head) ??
    /^<\?xml[^>]+encoding\s*=\s*["']([\w-]+)/.exec(head))?.[1]
}

/** Web pages. */
export const htmlLoader = (options: HtmlOptions = {}): Loader => ({
  name: 'html',
  extensions: ['html', 'htm', 'xhtml'],
  async *load(input, { limits }) {
    const bytes = await bytesOf(input, limits.fileBytes)
    const html = decode(input.path, bytes, options.encoding ?? declaredEncoding(bytes))
    if (html.includes('\0')) throw new RagIngestError('malformed', input.path, 'a NUL: it is no text')
    yield { id: input.path, source: input.path, format: 'html', ...(await htmlText(html, input.path, options)) }
  },
})

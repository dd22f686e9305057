// PDF by pdfjs-dist: `@cairn/rag/pdf`. Lines are put together from where glyphs stand; a line that most pages repeat at their top or
// bottom is no text, and a word divided at the end of a line is one word.
import { RagIngestError } from '../errors.ts'
import { type LoadedDocument, TextBuilder } from './document.ts'
import { bytesOf, type Loader, library } from './loader.ts'

export interface PdfOptions {
  readonly password?: string
}

interface Line {
  text: string
  y: number
  height: number
}

type Pdfjs = typeof import('pdfjs-dist/legacy/build/pdf.mjs')
type Page = Awaited<ReturnType<Awaited<ReturnType<Pdfjs['getDocument']>['promise']>['getPage']>>

/** The lines of a page in the order of the file. */
async function linesOf(page: Page): Promise<Line[]> {
  const { items } = await page.getTextContent()
  const lines: Line[] = []
  let line: Line | undefined
  let right = 0
  for (const item of items) {
    if (!('str' in item)) continue
    const [, , , , x, y] = item.transform as number[]
    const height = item.height || Math.abs((item.transform as number[])[3]) || 1
    if (!line || Math.abs(line.y - y) > Math.max(line.height, height) * 0.5) {
      if (item.str.trim() === '') continue
      line = { text: '', y, height }
      lines.push(line)
    } else if (x - right > height * 0.2 && !/\s$/.test(line.text) && !/^\s/.test(item.str)) line.text += ' '
    line.text += item.str
    line.height = Math.max(line.height, height)
    right = x + item.width
    if (item.hasEOL) line = undefined
  }
  return lines.map(one => ({ ...one, text: one.text.replace(/\s+/g, ' ').trim() })).filter(({ text }) => text !== '')
}

/** A line as it is repeated: its numbers change from page to page. */
const repeatable = ({ text }: Line): string => text.replace(/\d+/g, '#')

/** The lines that stand first or last on at least half of the pages, and on three. */
function furniture(pages: readonly Line[][]): Set<string> {
  const counts = new Map<string, number>()
  for (const lines of pages)
    for (const text of new Set([lines[0], lines.at(-1)].flatMap(line => (line ? [repeatable(line)] : []))))
      counts.set(text, (counts.get(text) ?? 0) + 1)
  return new Set([...counts].filter(([, count]) => count >= Math.max(3, pages.length / 2)).map(([text]) => text))
}

/** PDF files. */
export const pdfLoader = ({ password }: PdfOptions = {}): Loader => ({
  name: 'pdf',
  extensions: ['pdf'],
  async *load(input, { limits, leaveOut }) {
    const data = await bytesOf(input, limits.fileBytes)
    const pdfjs = await library(input.path, 'pdfjs-dist', () => import('pdfjs-dist/legacy/build/pdf.mjs'))
    const task = pdfjs.getDocument({
      data,
      password,
      useSystemFonts: false,
      disableFontFace: true,
      stopAtErrors: false,
      verbosity: pdfjs.VerbosityLevel.ERRORS,
    })
    try {
      const pdf = await task.promise.catch((error: Error) => {
        throw error.name === 'PasswordException'
          ? new RagIngestError('encrypted', input.path, 'it needs a password', { cause: error })
          : new RagIngestError('malformed', input.path, `not a PDF that can be read: ${error.message}`, {
              cause: error,
            })
      })
      if (pdf.numPages > limits.pages)
        throw new RagIngestError('too large', input.path, `${pdf.numPages} pages, and the limit is ${limits.pages}`)
      const pages: Line[][] = []
      for (let number = 1; number <= pdf.numPages; number++)
        try {
          const page = await pdf.getPage(number)
          pages.push(await linesOf(page))
          page.cleanup()
        } catch (error) {
          pages.push([])
          const { message } = error as Error
          leaveOut(new RagIngestError('malformed', `${input.path}#page=${number}`, message, { cause: error }))
        }
      const info = (await pdf.getMetadata().catch(() => undefined))?.info as { Title?: unknown } | undefined
      yield assemble(input.path, pages, typeof info?.Title === 'string' ? info.Title.trim() : '')
    } finally {
      await task.destroy()
    }
  },
})

function assemble(path: string, pages: readonly Line[][], title: string): LoadedDocument {
  const repeated = furniture(pages)
  const builder = new TextBuilder()
  pages.forEach((lines, i) => {
    const kept = lines.filter((line, j) => !((j === 0 || j === lines.length - 1) && repeated.has(repeatable(line))))
    if (kept.length === 0) return
    if (builder.length) builder.add('\n\n')
    let text = ''
    kept.forEach((line, j) => {
      const before = kept[j - 1]
      if (!before) text += line.text
      else if (/\p{Ll}[-\u00ad]$/u.test(text) && /^\p{Ll}/u.test(line.text)) text = text.slice(0, -1) + line.text
      // A gap of more than a line and a half is a new paragraph.
      else text += (Math.abs(before.y - line.y) > before.height * 1.8 ? '\n\n' : '\n') + line.text
    })
    builder.add(text, { page: i + 1 })
  })
  return { id: path, source: path, format: 'pdf', text: builder.text, places: builder.places, ...(title && { title }) }
}

// Word documents by mammoth: `@cairn/rag/docx`. Mammoth unpacks whatever it is given, so the archive is unpacked here first, within
// the limits, and mammoth gets one that holds only what was checked.
import { RagIngestError } from '../errors.ts'
import { readArchive } from './archive.ts'
import { htmlText } from './html.ts'
import { bytesOf, type Loader, library } from './loader.ts'

/** Pictures and the like: nobody reads their text. */
const KEPT = /^(?:\[Content_Types\]\.xml|_rels\/.*|word\/[^/]*\.xml|word\/_rels\/.*)$/

/** DOCX files, with the styles `Heading 1` to `Heading 6` as headings. */
export const docxLoader = (): Loader => ({
  name: 'docx',
  extensions: ['docx'],
  async *load(input, { limits }) {
    const bytes = await bytesOf(input, limits.fileBytes)
    const { default: mammoth } = await library(input.path, 'mammoth', () => import('mammoth'))
    const { zipSync } = await library(input.path, 'fflate', () => import('fflate'))
    const entries = await readArchive(input.path, bytes, limits, error => {
      throw error
    })
    const checked = zipSync(
      Object.fromEntries(entries.filter(({ name }) => KEPT.test(name)).map(entry => [entry.name, entry.read()])),
      { level: 0 },
    )
    const file = typeof Buffer === 'undefined' ? { arrayBuffer: checked.buffer } : { buffer: Buffer.from(checked) }
    const { value } = await mammoth.convertToHtml(file as never).catch((error: Error) => {
      throw new RagIngestError('malformed', input.path, `not a DOCX that can be read: ${error.message}`, {
        cause: error,
      })
    })
    // Places in the HTML in between say nothing about the file.
    const { text, places } = await htmlText(value, input.path)
    const inText = places.map(({ file: _, ...place }) => place)
    yield { id: input.path, source: input.path, format: 'docx', text, places: inText }
  },
})

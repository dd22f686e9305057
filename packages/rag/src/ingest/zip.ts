// Archives of documents: EPUB in the order of its spine, other ZIP files entry by entry: `@cairn/rag/zip`.
import { RagIngestError } from '../errors.ts'
import { type ArchiveEntry, readArchive } from './archive.ts'
import { decode } from './decode.ts'
import type { LoadedDocument } from './document.ts'
import { bytesOf, type FileInput, fileOf, type LoadContext, type Loader } from './loader.ts'

const NESTED = /\.(?:zip|epub|docx|jar|gz|7z|rar|tar|xz|bz2)$/i

/** ZIP and EPUB. Each entry is a document, or several, `archive.zip#entry`. Archives inside of archives are left out. */
export const zipLoader = (): Loader => ({
  name: 'zip',
  extensions: ['zip', 'epub'],
  async *load(input, context) {
    const bytes = await bytesOf(input, context.limits.fileBytes)
    const entries = await readArchive(input.path, bytes, context.limits, context.leaveOut)
    const package_ = entries.find(({ name }) => name === 'META-INF/container.xml')
    if (package_) yield* loadBook(input, entries, package_, context)
    else for (const entry of entries) yield* loadEntry(input, entry, context)
  },
})

async function* loadEntry(input: FileInput, entry: ArchiveEntry, context: LoadContext): AsyncGenerator<LoadedDocument> {
  const path = `${input.path}#${entry.name}`
  try {
    if (NESTED.test(entry.name)) throw new RagIngestError('unsupported', path, 'an archive inside of an archive')
    for await (const document of context.load({ ...fileOf(path, entry.read()), path }))
      yield { ...document, source: input.path }
  } catch (error) {
    if (!(error instanceof RagIngestError)) throw error
    context.leaveOut(error)
  }
}

const attributes = (tag: string): Record<string, string> =>
  Object.fromEntries([...tag.matchAll(/([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, k, a, b]) => [k, a ?? b]))

/** EPUB (EPUB 3, OCF): container.xml names the package file, whose spine orders the items of its manifest. */
async function* loadBook(
  input: FileInput,
  entries: readonly ArchiveEntry[],
  container: ArchiveEntry,
  context: LoadContext,
): AsyncGenerator<LoadedDocument> {
  const malformed = (problem: string) => new RagIngestError('malformed', input.path, problem)
  const textOf = (entry: ArchiveEntry) => decode(`${input.path}#${entry.name}`, entry.read())
  const named = (tag: string, xml: string) =>
    [...xml.matchAll(new RegExp(`<(?:\\w+:)?${tag}\\b([^>]*)>`, 'g'))].map(([, inner]) => attributes(inner))
  const rootPath = named('rootfile', textOf(container))[0]?.['full-path']
  const root = entries.find(({ name }) => name === rootPath)
  if (!root) throw malformed('its container names no package file that is there')
  const xml = textOf(root)
  const title = /<dc:title[^>]*>([^<]*)</.exec(xml)?.[1].trim()
  const folder = root.name.slice(0, root.name.lastIndexOf('/') + 1)
  const items = new Map(named('item', xml).map(({ id, href }) => [id, href]))
  for (const { idref } of named('itemref', xml)) {
    const href = items.get(idref)
    const name = href === undefined ? undefined : normalized(folder + safeDecode(href))
    const entry = entries.find(one => one.name === name)
    if (!entry) {
      context.leaveOut(
        new RagIngestError('malformed', `${input.path}#${idref}`, 'the spine names it, and it is not there'),
      )
      continue
    }
    for await (const document of loadEntry(input, entry, context)) yield { ...document, ...(title && { title }) }
  }
}

function safeDecode(href: string): string {
  try {
    return decodeURIComponent(href)
  } catch {
    return href
  }
}

function normalized(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/'))
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  return parts.join('/')
}

// A folder into a store: every format whose library is there, cut by format, put in batches. What a file holds is known by a digest of its bytes
// and of how it is taken in, which stands in its documents' metadata: files that are as they were are not taken in again, and what
// came from files that are gone goes too.
import { documentChunker, documentInput } from '../chunk/index.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { RagError } from '../errors.ts'
import { docxLoader } from '../ingest/docx.ts'
import { folderFiles } from '../ingest/folder.ts'
import { htmlLoader } from '../ingest/html.ts'
import { type IngestReport, ingest, textLoaders } from '../ingest/ingest.ts'
import { defaultLimits, type FileInput } from '../ingest/loader.ts'
import { NearDuplicates } from '../ingest/near-duplicates.ts'
import { pdfLoader } from '../ingest/pdf.ts'
import { zipLoader } from '../ingest/zip.ts'
import type { DocumentHead, DocumentInput, Store } from '../stores/store.ts'

export interface IndexOptions {
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly size?: number
  readonly principals?: readonly string[]
  /** Makes the vectors of passages; the store has its dimensions. */
  readonly embedder?: Embedder
  /** What the embedder is known by: vectors of another are made anew. */
  readonly embedderName?: string
  readonly started?: (files: number) => void
  readonly file?: (path: string) => void
}

export interface FolderReport extends IngestReport {
  /** Files that are as they were. */
  unchanged: number
  /** Documents of files that are gone, or that are no longer in them. */
  removed: number
}

/** How many passages are put at once: a put is a write to the disk. */
const BATCH = 500
/** Problems that say nothing of what is in the file: what was known of it stays. */
const PASSING = new Set(['unreadable', 'too slow', 'missing library'])

/**
 * @throws RagArgumentError if there is no such folder, RagError if its documents have vectors and there is no embedder
 */
export async function indexFolder(store: Store, folder: string, options: IndexOptions): Promise<FolderReport> {
  const { include, exclude, size, principals, embedder, embedderName = 'embedder', started, file } = options
  const { realpath } = await import('node:fs/promises')
  const unreadable: IngestReport['leftOut'] = []
  const files: FileInput[] = []
  for await (const input of folderFiles(folder, { include, exclude, leaveOut: error => unreadable.push(error) }))
    files.push(input)
  started?.(files.length)

  const root = await realpath(folder)
  const known = Map.groupBy(
    (await store.list()).filter(({ metadata }) => metadata?.folder === root),
    ({ source = '' }) => source,
  )
  const embedded = [...known.values()].flat().find(({ metadata }) => metadata?.embedder !== undefined)
  if (embedded && !embedder)
    throw new RagError(
      `index: what is known of ${folder} has vectors of ${String(embedded.metadata!.embedder)}; give --embedder again`,
    )
  const settings = JSON.stringify({ size, principals, embedder: embedder && embedderName })
  const digests = new Map<string, string>()
  const changed: FileInput[] = []
  for (const input of files) {
    const digest = await digestOf(input, settings)
    if (digest !== undefined) digests.set(input.path, digest)
    if (digest === undefined || known.get(input.path)?.[0].metadata?.digest !== digest) changed.push(input)
    else file?.(input.path)
  }

  // What is nearly the same as a file that stays is left out, as if that had been read first.
  const near = new NearDuplicates()
  const again = new Set(changed.map(({ path }) => path))
  if (changed.length)
    for (const { path } of files) if (!again.has(path)) for (const head of known.get(path) ?? []) await note(head)
  async function note({ id, version }: DocumentHead): Promise<void> {
    const document = await store.get(id, { access: 'unrestricted', versions: 'all' })
    if (document?.version === version) near.add(id, document.chunks.map(({ text }) => text).join('\n'))
  }

  const loaders = [...textLoaders(), htmlLoader(), pdfLoader(), docxLoader(), zipLoader()]
  const chunker = documentChunker({ size })
  const batch = ingest(changed, { loaders, duplicates: near, onFile: file })
  let waiting: DocumentInput[] = []
  let passages = 0
  const fresh = new Set<string>()
  const put = async (): Promise<void> => {
    await store.put(embedder ? await withVectors(waiting, embedder) : waiting)
    waiting = []
    passages = 0
  }
  for await (const document of batch) {
    const digest = digests.get(document.source)
    const metadata = { folder: root, ...(digest && { digest }), ...(embedder && { embedder: embedderName }) }
    const input = documentInput(document, await chunker(document), { principals, metadata })
    fresh.add(input.id)
    waiting.push(input)
    passages += input.chunks.length
    if (passages >= BATCH) await put()
  }
  if (waiting.length) await put()

  batch.report.leftOut.unshift(...unreadable)
  const passing = new Set(
    batch.report.leftOut.filter(({ problem }) => PASSING.has(problem)).map(({ path }) => path.split('#')[0]),
  )
  const there = new Set(files.map(({ path }) => path))
  const gone = [...known].flatMap(([path, heads]) => {
    if (passing.has(path) || (there.has(path) && !again.has(path))) return []
    return heads.filter(({ id }) => !fresh.has(id)).map(({ id }) => id)
  })
  const removed = gone.length ? await store.delete(gone) : 0
  return { ...batch.report, unchanged: files.length - changed.length, removed }
}

/** Of a file's bytes and of the settings; undefined where it cannot be read or is too large to be taken in. */
async function digestOf(input: FileInput, settings: string): Promise<string | undefined> {
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256').update(settings)
  let bytes = 0
  try {
    for await (const part of input.stream()) {
      bytes += part.length
      // Only streams of text may be longer than what is read whole.
      if (bytes > 16 * defaultLimits.fileBytes) return undefined
      hash.update(part)
    }
  } catch {
    // Whoever takes it in says why.
    return undefined
  }
  return hash.digest('base64url').slice(0, 32)
}

/** The documents with a vector for each passage of which the embedder knows anything. */
async function withVectors(documents: readonly DocumentInput[], embedder: Embedder): Promise<DocumentInput[]> {
  const { dimensions } = embedder
  const texts = documents.flatMap(({ chunks }) => chunks.map(({ text }) => text))
  const vectors = texts.length ? await embedder.embed(texts, 'passage') : new Float32Array(0)
  if (vectors.length !== texts.length * dimensions)
    throw new RagError(`index: the embedder gave ${vectors.length} numbers for ${texts.length} texts of ${dimensions}`)
  let next = 0
  return documents.map(document => ({
    ...document,
    chunks: document.chunks.map(chunk => {
      const at = next++ * dimensions
      const vector = vectors.subarray(at, at + dimensions)
      return vector.some(value => value !== 0) ? { ...chunk, vector } : chunk
    }),
  }))
}

// A folder into a store: every format whose library is there, cut by format, put in batches.
import { documentChunker, documentInput } from '../chunk/index.ts'
import { docxLoader } from '../ingest/docx.ts'
import { folderFiles } from '../ingest/folder.ts'
import { htmlLoader } from '../ingest/html.ts'
import { type IngestReport, ingest, textLoaders } from '../ingest/ingest.ts'
import type { FileInput } from '../ingest/loader.ts'
import { pdfLoader } from '../ingest/pdf.ts'
import { zipLoader } from '../ingest/zip.ts'
import type { DocumentInput, Store } from '../stores/store.ts'

export interface IndexOptions {
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly size?: number
  readonly principals?: readonly string[]
  readonly started?: (files: number) => void
  readonly file?: (path: string) => void
}

/** How many passages are put at once: a put is a write to the disk. */
const BATCH = 500

/** @throws RagArgumentError if there is no such folder */
export async function indexFolder(store: Store, folder: string, options: IndexOptions): Promise<IngestReport> {
  const { include, exclude, size, principals, started, file } = options
  const unreadable: IngestReport['leftOut'] = []
  const files: FileInput[] = []
  for await (const input of folderFiles(folder, { include, exclude, leaveOut: error => unreadable.push(error) }))
    files.push(input)
  started?.(files.length)
  const loaders = [...textLoaders(), htmlLoader(), pdfLoader(), docxLoader(), zipLoader()]
  const chunker = documentChunker({ size })
  const batch = ingest(files, { loaders, onFile: file })
  let waiting: DocumentInput[] = []
  let passages = 0
  const put = async (): Promise<void> => {
    await store.put(waiting)
    waiting = []
    passages = 0
  }
  for await (const document of batch) {
    const input = documentInput(document, await chunker(document), { principals })
    waiting.push(input)
    passages += input.chunks.length
    if (passages >= BATCH) await put()
  }
  if (waiting.length) await put()
  batch.report.leftOut.unshift(...unreadable)
  return batch.report
}

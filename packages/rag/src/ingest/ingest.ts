// A batch of files becomes documents. Whatever is wrong with a file costs that file, or the part of it, and the report says so.
import { RagIngestError } from '../errors.ts'
import { clean } from './clean.ts'
import type { LoadedDocument } from './document.ts'
import { defaultLimits, type FileInput, type IngestLimits, type LoadContext, type Loader, loaderFor } from './loader.ts'
import { type NearDuplicateOptions, NearDuplicates } from './near-duplicates.ts'
import { csvLoader, jsonLoader } from './records.ts'
import { codeLoader, markdownLoader, plainTextLoader } from './text.ts'

/** Loaders that need no library. */
export const textLoaders = (): Loader[] => [
  plainTextLoader(),
  markdownLoader(),
  codeLoader(),
  csvLoader(),
  jsonLoader(),
]

export interface IngestOptions {
  /** Default: those that need no library. */
  readonly loaders?: readonly Loader[]
  readonly limits?: Partial<IngestLimits>
  /** Leaves out documents that are nearly the same as an earlier one, or as one that `NearDuplicates` knows already. Default: true. */
  readonly duplicates?: boolean | NearDuplicateOptions | NearDuplicates
  /** Told of each file when it is done. */
  readonly onFile?: (path: string) => void
}

export interface IngestReport {
  /** Files that gave at least one document. */
  files: number
  documents: number
  characters: number
  /** Files and parts of files, each with the reason. */
  readonly leftOut: RagIngestError[]
  readonly duplicates: { readonly id: string; readonly of: string; readonly similarity: number }[]
}

export interface IngestBatch extends AsyncIterable<LoadedDocument> {
  /** Complete when the documents are at their end. */
  readonly report: IngestReport
}

/** Text formats whose spans must be those of the file. */
const FAITHFUL = new Set(['text', 'markdown', 'code', 'record'])

/** Takes files in. Read the documents by `for await`; the report grows with them. */
export function ingest(
  files: Iterable<FileInput> | AsyncIterable<FileInput>,
  options: IngestOptions = {},
): IngestBatch {
  const { loaders = textLoaders(), duplicates = true, onFile } = options
  const limits = { ...defaultLimits, ...options.limits }
  const report: IngestReport = { files: 0, documents: 0, characters: 0, leftOut: [], duplicates: [] }
  const near = !duplicates
    ? undefined
    : duplicates instanceof NearDuplicates
      ? duplicates
      : new NearDuplicates(duplicates === true ? {} : duplicates)
  const leaveOut = (error: RagIngestError): void => {
    report.leftOut.push(error)
  }

  async function* load(input: FileInput): AsyncGenerator<LoadedDocument> {
    const loader = loaderFor(input.path, loaders)
    if (!loader)
      throw new RagIngestError(
        'unsupported',
        input.path,
        `no loader for it among ${loaders.map(one => one.name).join(', ')}`,
      )
    yield* within(loader.load(input, context), limits.time, input.path)
  }
  const context: LoadContext = { limits, leaveOut, load }

  async function* run(): AsyncGenerator<LoadedDocument> {
    for await (const input of files) {
      let found = false
      try {
        for await (const loaded of load(input)) {
          const document = FAITHFUL.has(loaded.format) ? loaded : clean(loaded)
          if (document.text.trim() === '') continue
          found = true
          const twin = near?.add(document.id, document.text)
          if (twin) {
            report.duplicates.push({ id: document.id, ...twin })
            continue
          }
          report.documents++
          report.characters += document.text.length
          yield input.modified === undefined
            ? document
            : { ...document, metadata: { modified: Math.floor(input.modified), ...document.metadata } }
        }
      } catch (error) {
        leaveOut(asIngestError(error, input.path))
      }
      if (found) report.files++
      onFile?.(input.path)
    }
  }
  return { report, [Symbol.asyncIterator]: run }
}

/** What a library throws at a bad file is about the file. */
const asIngestError = (error: unknown, path: string): RagIngestError =>
  error instanceof RagIngestError
    ? error
    : new RagIngestError('malformed', path, error instanceof Error ? error.message : String(error), { cause: error })

/** The items of an iterator as long as each comes in time. */
async function* within<T>(items: AsyncIterable<T>, time: number, path: string): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  let finished = false
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<never>((_, reject) => {
        const refuse = () =>
          reject(new RagIngestError('too slow', path, `no document within ${time} ms, the limit time`))
        timer = setTimeout(refuse, time)
      })
      const next = await Promise.race([iterator.next(), late]).finally(() => clearTimeout(timer))
      if (next.done) {
        finished = true
        return
      }
      yield next.value
    }
  } finally {
    // A loader that hangs is not waited for.
    if (!finished) void iterator.return?.().catch(() => {})
  }
}

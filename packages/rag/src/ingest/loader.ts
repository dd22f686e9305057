// What a loader is, what it may use up, and how a batch chooses one for a file. Loaders read from streams of bytes, so the same
// ones serve files, archives and uploads in a page.
import { RagArgumentError, RagIngestError } from '../errors.ts'
import type { LoadedDocument } from './document.ts'

/** A file by its name and bytes. */
export interface FileInput {
  /** Names the file in ids and reports; its extension chooses the loader. */
  readonly path: string
  readonly size?: number
  /** When it was last changed, in milliseconds since 1970. */
  readonly modified?: number
  stream(): AsyncIterable<Uint8Array>
}

/** What a single file may use up; a file that would use more is left out. */
export interface IngestLimits {
  /** Bytes of a file that has to be read whole (HTML, PDF, DOCX, JSON, archives). Default 64 MiB. */
  readonly fileBytes: number
  /** Characters of one line of JSON lines or one row of CSV. Default 1 Mi. */
  readonly recordLength: number
  /** A longer text becomes several documents, cut between lines where it can be. Default 4 Mi characters. */
  readonly partLength: number
  readonly pages: number
  readonly archiveEntries: number
  /** Of an archive, unpacked. Default 256 MiB. */
  readonly archiveBytes: number
  /** How many times larger an entry may be unpacked than packed. Default 200: deflate reaches 1032. */
  readonly archiveRatio: number
  /** Milliseconds for a document. Loaders are asked between pages, entries and parts. Default a minute. */
  readonly time: number
}

export const defaultLimits: IngestLimits = {
  fileBytes: 64 << 20,
  recordLength: 1 << 20,
  partLength: 4 << 20,
  pages: 10_000,
  archiveEntries: 10_000,
  archiveBytes: 256 << 20,
  archiveRatio: 200,
  time: 60_000,
}

export interface LoadContext {
  readonly limits: IngestLimits
  /** Notes that a part of the file is left out, and the rest goes on. */
  leaveOut(error: RagIngestError): void
  /** Loads a file that was inside of this one. */
  load(input: FileInput): AsyncIterable<LoadedDocument>
}

export interface Loader {
  readonly name: string
  /** Without the dot, lower case; or whole file names, as `Makefile`. */
  readonly extensions: readonly string[]
  /** @throws RagIngestError for a file that cannot be taken in */
  load(input: FileInput, context: LoadContext): AsyncIterable<LoadedDocument>
}

/** A file in memory. */
export function fileOf(path: string, content: string | Uint8Array | Blob): FileInput {
  if (typeof content === 'string') content = new TextEncoder().encode(content)
  if (!(content instanceof Uint8Array) && !(content instanceof Blob))
    throw new RagArgumentError('fileOf', `the content of ${path} is ${typeof content}`, 'give text, bytes or a Blob')
  const given = content
  return {
    path,
    size: given instanceof Uint8Array ? given.length : given.size,
    async *stream() {
      if (given instanceof Uint8Array) {
        for (let at = 0; at < given.length; at += 1 << 16) yield given.subarray(at, at + (1 << 16))
        return
      }
      const reader = given.stream().getReader()
      try {
        for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
      } finally {
        await reader.cancel()
      }
    },
  }
}

/** All bytes of a file. @throws RagIngestError if there are more than `limit` */
export async function bytesOf(input: FileInput, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (size: number) =>
    new RagIngestError('too large', input.path, `at least ${size} bytes, and the limit fileBytes is ${limit}`)
  if (input.size !== undefined && input.size > limit) throw refuse(input.size)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of input.stream()) {
    size += part.length
    if (size > limit) throw refuse(size)
    parts.push(part)
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The last part of a path, lower case extension. */
export function extensionOf(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : name
}

/** The loader for a path, of those given the first that knows its extension. */
export const loaderFor = (path: string, loaders: readonly Loader[]): Loader | undefined => {
  const extension = extensionOf(path)
  return loaders.find(({ extensions }) => extensions.includes(extension))
}

/** An optional library. @throws RagIngestError that says how to install it */
export async function library<T>(path: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new RagIngestError('missing library', path, `npm install ${name}`, { cause: error })
  }
}

// Files where there are none: a path is a URL to fetch, and nothing can be written.
import { TokenizerError } from '../errors.ts'
import { browserWorker, type PoolEvents, type PoolWorker } from './browser-worker.ts'

export type { PoolEvents, PoolWorker } from './browser-worker.ts'

/** Fetches a whole file. */
export async function readFile(path: string): Promise<Uint8Array> {
  const response = await fetch(path)
  if (!response.ok) throw new TokenizerError(`fromFile: ${path}: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

export async function writeFile(path: string, _text: string): Promise<void> {
  throw new TokenizerError(
    `save: ${path}: there is no file system here; store JSON.stringify(tokenizer.toJSON()) instead`,
  )
}

/** Writes the UTF-16 units of a text into an array of that length. */
export function copyUtf16(text: string, out: Uint16Array): void {
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i)
}

/** Takes a worker that the caller starts: only their bundler knows where the worker's program lies. */
export function startWorker(create: (() => Worker) | undefined, events: PoolEvents): PoolWorker {
  if (create) return browserWorker(create(), events)
  throw new TokenizerError(
    "TokenizerPool: pass createWorker: () => new Worker(new URL('@cairn/tokenizers/worker.js', import.meta.url), { type: 'module' }), or threads: 0",
  )
}

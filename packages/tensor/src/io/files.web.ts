// Files where there are none: a path is a URL to fetch, and nothing can be written.
import { CairnError } from '../errors.ts'

export { fetchBytes as readFile } from './fetch.ts'

export function writeFile(path: string, _data: Uint8Array | string): Promise<void> {
  return Promise.reject(
    new CairnError('writeFile', `${path}: there is no file system here; store the bytes of saveSafetensors() instead`),
  )
}

/** What was kept under a name, in the Cache Storage `cairn`: pages and workers have it wherever they have WebGPU. */
export async function readKept(name: string, folder = 'cairn'): Promise<string | undefined> {
  if (typeof caches === 'undefined') return undefined
  const kept = await caches.open(folder).then(
    cache => cache.match(addressOf(name)),
    () => undefined,
  )
  return kept?.text()
}

export async function writeKept(name: string, text: string, folder = 'cairn'): Promise<void> {
  if (typeof caches === 'undefined') return
  await (await caches.open(folder)).put(addressOf(name), new Response(text))
}

/** Caches are keyed by addresses; this one is never fetched. */
const addressOf = (name: string): string => `https://cairn.invalid/${encodeURIComponent(name)}`

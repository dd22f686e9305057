// Files at URLs.
import { CairnError } from '../errors.ts'

/** The body of a URL; undefined where the server has none (404). */
export async function fetchBytes(url: string): Promise<Uint8Array | undefined> {
  const response = await fetch(url)
  if (response.status === 404) return undefined
  if (!response.ok) throw new CairnError('readFile', `${url}: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

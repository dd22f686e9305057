// Files where there are none: a path is a URL to fetch, and nothing can be written.
import { CairnError } from '../errors.ts'

export { fetchBytes as readFile } from './fetch.ts'

export function writeFile(path: string, _data: Uint8Array | string): Promise<void> {
  return Promise.reject(
    new CairnError('writeFile', `${path}: there is no file system here; store the bytes of saveSafetensors() instead`),
  )
}

// Finds reference data: the folder `shared/data` beside the repository, or beside any folder above it.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The absolute path of a file or folder in `shared/data`, undefined where there is none. */
export function findSharedData(path: string): string | undefined {
  let folder = join(dirname(fileURLToPath(import.meta.url)), '..')
  for (;;) {
    const candidate = join(folder, 'shared', 'data', path)
    if (existsSync(candidate)) return candidate
    if (dirname(folder) === folder) return undefined
    folder = dirname(folder)
  }
}

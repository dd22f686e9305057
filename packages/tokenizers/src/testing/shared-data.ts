// For tests only: finds the folder of reference data beside the repository, if this machine has it.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

function find(): string | undefined {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const candidate = join(dir, '..', 'shared', 'data')
    if (existsSync(join(dir, 'pnpm-workspace.yaml'))) return existsSync(candidate) ? candidate : undefined
  }
  return undefined
}

/** The folder, or undefined. */
export const sharedData: string | undefined = find()

/** The bytes of a file in it, unpacked if its name ends in .gz. */
export function readShared(path: string): Uint8Array {
  if (!sharedData) throw new Error(`no shared data here: ${path}`)
  const bytes = readFileSync(join(sharedData, path))
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

export function readSharedText(path: string): string {
  return new TextDecoder().decode(readShared(path))
}

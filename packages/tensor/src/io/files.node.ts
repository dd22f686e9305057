// Files in Node. Chosen by the package's `imports` map; browsers get files.web.ts.
import { mkdir, open, readFile as read, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A whole file (or the answer of an http URL); undefined where there is none. */
export async function readFile(path: string): Promise<Uint8Array | undefined> {
  if (/^https?:\/\//.test(path)) return (await import('./fetch.ts')).fetchBytes(path)
  try {
    return await read(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes a whole file or none of it: a temporary file beside it, flushed, then renamed. Folders are made. */
export async function writeFile(path: string, data: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.${Date.now().toString(36)}.tmp`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

// Files in Node. Chosen by the package's `imports` map; browsers get web.ts.
import { open, readFile as read, rename, rm } from 'node:fs/promises'

/** Reads a whole file. */
export async function readFile(path: string): Promise<Uint8Array> {
  return read(path)
}

/** Writes a whole file or none of it: a temporary file beside it, flushed, then renamed. */
export async function writeFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${Date.now().toString(36)}.tmp`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(text)
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

// Files in Node. Chosen by the package's `imports` map; browsers get files.web.ts.
import { mkdir, open, readFile as read, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

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

/** The folder of what can be made again: `XDG_CACHE_HOME`, or where the system keeps such things. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME
  if (process.platform === 'darwin') return join(homedir(), 'Library/Caches')
  return process.platform === 'win32' && LOCALAPPDATA ? LOCALAPPDATA : join(homedir(), '.cache')
}

/** What was kept under a name, by default in `cairn` of the cache folder; undefined where there is nothing that can be read. */
export async function readKept(name: string, folder = join(cacheFolder(), 'cairn')): Promise<string | undefined> {
  return read(join(folder, name), 'utf8').catch(() => undefined)
}

export const writeKept = (name: string, text: string, folder = join(cacheFolder(), 'cairn')): Promise<void> =>
  writeFile(join(folder, name), text)

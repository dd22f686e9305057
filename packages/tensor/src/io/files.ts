// Files by path: whole or not at all. Node reads and writes its disk; elsewhere a path is a URL that can only be read.
import * as platform from '#files'

/** A whole file, or what an http URL gives; undefined where there is none. */
export const readFile = (path: string): Promise<Uint8Array | undefined> => platform.readFile(path)

/**
 * Writes a whole file or none of it: a temporary file beside it, flushed to the disk, then renamed. Folders are made.
 * @throws CairnError in browsers, which have no file system
 */
export const writeFile = (path: string, data: Uint8Array | string): Promise<void> => platform.writeFile(path, data)

/** What was kept under a name; undefined where there is nothing that can be read. */
export const readKept = (name: string, folder?: string): Promise<string | undefined> => platform.readKept(name, folder)

/** Keeps a text under a name, in Node in a file of the user's cache folder, in browsers in Cache Storage. */
export const writeKept = (name: string, text: string, folder?: string): Promise<void> =>
  platform.writeKept(name, text, folder)

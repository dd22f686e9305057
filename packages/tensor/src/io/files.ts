// Files by path: whole or not at all. Node reads and writes its disk; elsewhere a path is a URL that can only be read.
import * as platform from '#files'

/** A whole file, or what an http URL gives; undefined where there is none. */
export const readFile = (path: string): Promise<Uint8Array | undefined> => platform.readFile(path)

/**
 * Writes a whole file or none of it: a temporary file beside it, flushed to the disk, then renamed. Folders are made.
 * @throws CairnError in browsers, which have no file system
 */
export const writeFile = (path: string, data: Uint8Array | string): Promise<void> => platform.writeFile(path, data)

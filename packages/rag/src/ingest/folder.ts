// Files of a folder, by globs: `@cairn/rag/folder`, for Node. Nothing outside of the folder is read, whatever links say; each file is
// opened as it was found, so a link put in its place between the two is refused.
import { RagArgumentError, RagIngestError } from '../errors.ts'
import type { FileInput } from './loader.ts'

/** Loaded when a folder is read: importing this must do nothing. */
async function node() {
  const [{ constants, ...fs }, path] = await Promise.all([import('node:fs'), import('node:path')])
  return { ...fs.promises, constants, ...path }
}

export interface FolderOptions {
  /** Globs over paths from the folder, with `/`. Default: every file. */
  readonly include?: readonly string[]
  /** Globs of files and folders to leave out, beside hidden ones and `node_modules`. */
  readonly exclude?: readonly string[]
  /** Also files and folders whose names begin with a dot. */
  readonly hidden?: boolean
  /** Told of what is left out because it cannot be read or leads out of the folder. */
  readonly leaveOut?: (error: RagIngestError) => void
}

/**
 * The files of a folder in the order of their names. Links to files and folders inside are left out too: what they lead to is found
 * where it is.
 * @throws RagArgumentError if there is no such folder
 */
export async function* folderFiles(folder: string, options: FolderOptions = {}): AsyncGenerator<FileInput> {
  const { include, exclude = [], hidden = false, leaveOut = () => {} } = options
  const { join, matchesGlob, opendir, realpath, stat } = await node()
  const root = await realpath(folder).catch(() => undefined)
  if (!root || !(await stat(root)).isDirectory())
    throw new RagArgumentError('folderFiles', `${folder} is no folder`, 'give the path of a folder that is there')
  const excluded = [...exclude, ...exclude.map(glob => `${glob.replace(/\/$/, '')}/**`)]
  const skipped = (path: string) => excluded.some(glob => matchesGlob(path, glob))

  async function* walk(inner: string): AsyncGenerator<FileInput> {
    const names: { name: string; kind: 'file' | 'folder' | 'link' | 'other' }[] = []
    try {
      for await (const entry of await opendir(join(root!, inner)))
        names.push({
          name: entry.name,
          kind: entry.isSymbolicLink() ? 'link' : entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : 'other',
        })
    } catch (error) {
      leaveOut(new RagIngestError('unreadable', inner || folder, (error as Error).message, { cause: error }))
    }
    for (const { name, kind } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if ((!hidden && name.startsWith('.')) || name === 'node_modules') continue
      const path = inner ? `${inner}/${name}` : name
      if (skipped(path)) continue
      if (kind === 'folder') yield* walk(path)
      else if (include && !include.some(glob => matchesGlob(path, glob))) continue
      else if (kind === 'link') await refuseLink(root!, path, leaveOut)
      else if (kind === 'file') yield await openable(root!, path)
      else leaveOut(new RagIngestError('unsupported', path, 'neither a file nor a folder'))
    }
  }
  yield* walk('')
}

async function refuseLink(root: string, path: string, leaveOut: (error: RagIngestError) => void): Promise<void> {
  const { join, realpath, sep } = await node()
  const target = await realpath(join(root, path)).catch(() => undefined)
  const inside = target !== undefined && (target === root || target.startsWith(root + sep))
  if (!inside)
    leaveOut(
      new RagIngestError('unsafe path', path, target === undefined ? 'a link to nothing' : 'a link out of the folder'),
    )
}

async function openable(root: string, path: string): Promise<FileInput> {
  const { join, stat } = await node()
  const { size, mtimeMs } = await stat(join(root, path)).catch(() => ({ size: undefined, mtimeMs: undefined }))
  return { ...(await diskFile(root, path)), size, modified: mtimeMs }
}

/**
 * A file below a folder.
 * @throws RagArgumentError for a path that leads out of it
 */
export async function diskFile(root: string, path: string): Promise<FileInput> {
  const { constants, open, relative, resolve } = await node()
  const full = resolve(root, path)
  if (relative(root, full).startsWith('..'))
    throw new RagArgumentError('diskFile', `${path} is not below ${root}`, 'give a path from the folder')
  return {
    path,
    async *stream() {
      try {
        const handle = await open(full, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
        try {
          yield* handle.createReadStream({ highWaterMark: 1 << 16, autoClose: false })
        } finally {
          await handle.close()
        }
      } catch (error) {
        if (error instanceof Error && 'code' in error)
          throw new RagIngestError('unreadable', path, error.message, { cause: error })
        throw error
      }
    },
  }
}

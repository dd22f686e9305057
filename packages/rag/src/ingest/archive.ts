// Reads ZIP archives (APPNOTE 6.3, without Zip64 and encryption) against what they claim: entries are found in the central directory
// and unpacked piece by piece, so that a size that lies is noticed where it is passed, not after.
import type { Inflate } from 'fflate'
import { RagIngestError } from '../errors.ts'
import { type IngestLimits, library } from './loader.ts'

export interface ArchiveEntry {
  readonly name: string
  /** @throws RagIngestError for a bomb, an unknown compression, wrong bytes */
  read(): Uint8Array<ArrayBuffer>
}

const END = 0x06054b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
const MAX_COMMENT = 0xffff

/**
 * The files of an archive; folders are left out.
 * @param refuse told of each entry that cannot be used
 * @throws RagIngestError if it is no archive, or one with too many entries
 */
export async function readArchive(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
  limits: IngestLimits,
  refuse: (error: RagIngestError) => void,
): Promise<ArchiveEntry[]> {
  const { Inflate } = await library(path, 'fflate', () => import('fflate'))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const malformed = (problem: string) => new RagIngestError('malformed', path, `not a ZIP archive: ${problem}`)
  let end = bytes.length - 22
  for (const first = Math.max(0, end - MAX_COMMENT); end >= first; end--) if (view.getUint32(end, true) === END) break
  if (end < 0 || view.getUint32(end, true) !== END) throw malformed('the end of its directory is missing')
  const count = view.getUint16(end + 10, true)
  const offset = view.getUint32(end + 16, true)
  if (count === 0xffff || offset === 0xffffffff) throw new RagIngestError('unsupported', path, 'Zip64')
  if (count > limits.archiveEntries)
    throw new RagIngestError('bomb', path, `${count} entries, and the limit archiveEntries is ${limits.archiveEntries}`)

  /** What may still be unpacked, of all entries together. */
  const budget = { left: limits.archiveBytes }
  const entries: ArchiveEntry[] = []
  const seen = new Set<string>()
  const taken: [number, number][] = []
  for (let i = 0, at = offset; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw malformed(`entry ${i} of its directory is missing`)
    const flags = view.getUint16(at + 8, true)
    const method = view.getUint16(at + 10, true)
    const packed = view.getUint32(at + 20, true)
    const nameLength = view.getUint16(at + 28, true)
    const local = view.getUint32(at + 42, true)
    const name = new TextDecoder(flags & 0x800 ? 'utf-8' : 'latin1').decode(
      bytes.subarray(at + 46, at + 46 + nameLength),
    )
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    const where = `${path}#${name}`
    if (name.endsWith('/')) continue
    if (isUnsafe(name)) refuse(new RagIngestError('unsafe path', where, 'it leads out of the archive'))
    else if (seen.has(name)) refuse(new RagIngestError('malformed', where, 'there are two entries of this name'))
    else if (flags & 1) refuse(new RagIngestError('encrypted', where, 'it needs a password'))
    else if (method !== 0 && method !== 8) refuse(new RagIngestError('unsupported', where, `compression ${method}`))
    else if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL)
      refuse(new RagIngestError('malformed', where, 'it is not where the directory says'))
    else {
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
      if (start + packed > bytes.length) refuse(new RagIngestError('malformed', where, 'it ends behind the archive'))
      // Entries that share bytes are how a small archive unpacks to terabytes (Fifield 2019).
      else if (taken.some(([from, to]) => local < to && start + packed > from))
        refuse(new RagIngestError('bomb', where, 'it overlaps another entry'))
      else {
        taken.push([local, start + packed])
        const data = bytes.subarray(start, start + packed)
        entries.push({ name, read: () => unpack(where, data, method === 8 ? Inflate : undefined, limits, budget) })
      }
    }
    seen.add(name)
  }
  return entries
}

/** Whether a name leads out of the folder that it is unpacked in. */
export const isUnsafe = (name: string): boolean =>
  /[\0\\]|^\/|^[a-z]:/i.test(name) || name.split('/').some(part => part === '..')

/** Below this no ratio is suspicious. */
const SMALL = 1 << 20
const STEP = 1 << 14

function unpack(
  where: string,
  data: Uint8Array,
  Inflater: typeof Inflate | undefined,
  { archiveRatio, archiveBytes }: IngestLimits,
  budget: { left: number },
): Uint8Array<ArrayBuffer> {
  const allowed = Math.min(budget.left, Math.max(SMALL, data.length * archiveRatio))
  const parts: Uint8Array[] = []
  let size = 0
  const take = (part: Uint8Array): void => {
    size += part.length
    if (size > allowed)
      throw new RagIngestError(
        'bomb',
        where,
        size > budget.left
          ? `the archive unpacks to more than archiveBytes, ${archiveBytes}`
          : `it unpacks to more than ${archiveRatio} times its ${data.length} bytes (archiveRatio)`,
      )
    parts.push(part)
  }
  if (!Inflater) take(data)
  else {
    const inflate = new Inflater(take)
    try {
      for (let at = 0; at < data.length || at === 0; at += STEP)
        inflate.push(data.subarray(at, at + STEP), at + STEP >= data.length)
    } catch (error) {
      if (error instanceof RagIngestError) throw error
      throw new RagIngestError('malformed', where, `its bytes are damaged: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  budget.left -= size
  const result = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}

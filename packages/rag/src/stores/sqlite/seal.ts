// A file at rest is sealed: behind its last page stand the checksums of all pages, so a byte that changes anywhere (also where
// SQLite keeps nothing) is found and the page named. SQLite does not look behind the pages that its header counts. A store that is
// opened for writing takes the seal off, the last one that closes puts it on; a program that was killed leaves none.
//
//   u32 CRC-32C of each page   u32 padding, so that the size of a sealed file is no multiple of 512   u32 page size
//   u32 pages   u32 CRC-32C of all this   'CAIRNEND'

import { crc32c } from '../../checksum.ts'
import type { Damage } from '../store.ts'

const MAGIC = new TextEncoder().encode('CAIRNEND')
const FOOT = 20

interface Geometry {
  readonly pageSize: number
  readonly pages: number
}

/** What the header of a SQLite file says: https://www.sqlite.org/fileformat2.html, 1.3. */
function geometryOf(header: Uint8Array): Geometry {
  const view = new DataView(header.buffer, header.byteOffset)
  const size = view.getUint16(16)
  return { pageSize: size === 1 ? 65536 : size, pages: view.getUint32(28) }
}

const isSealedSize = (size: number): boolean => size % 512 !== 0

/** Seals a file that nobody has open. */
export async function seal(path: string): Promise<void> {
  const { open } = await import('node:fs/promises')
  const file = await open(path, 'r+')
  try {
    const header = new Uint8Array(100)
    await file.read(header, 0, 100, 0)
    const { pageSize, pages } = geometryOf(header)
    const end = pageSize * pages
    if ((await file.stat()).size !== end) return
    const padding = isSealedSize(end + 4 * pages + FOOT) ? 0 : 4
    const out = new Uint8Array(4 * pages + padding + FOOT)
    const view = new DataView(out.buffer)
    const page = new Uint8Array(pageSize)
    for (let i = 0; i < pages; i++) {
      await file.read(page, 0, pageSize, i * pageSize)
      view.setUint32(4 * i, crc32c(page), true)
    }
    const foot = out.length - FOOT
    view.setUint32(foot, pageSize, true)
    view.setUint32(foot + 4, pages, true)
    view.setUint32(foot + 8, crc32c(out.subarray(0, foot + 8)), true)
    out.set(MAGIC, foot + 12)
    await file.write(out, 0, out.length, end)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The seal of a file; null if it has none, a sentence if what stands there is no seal any more. */
async function readSeal(path: string): Promise<{ sums: Uint32Array; geometry: Geometry } | string | null> {
  const { open, stat } = await import('node:fs/promises')
  const { size } = await stat(path)
  // Closing a file drops this process's locks on it, so one that may be in use is not opened here.
  if (!isSealedSize(size)) return null
  const file = await open(path, 'r')
  try {
    const foot = new Uint8Array(FOOT)
    if (size < FOOT) return `${size} bytes are no database`
    await file.read(foot, 0, FOOT, size - FOOT)
    if (MAGIC.some((byte, i) => foot[12 + i] !== byte)) return 'the seal has changed, or the file was cut off'
    const view = new DataView(foot.buffer)
    const geometry = { pageSize: view.getUint32(0, true), pages: view.getUint32(4, true) }
    const start = geometry.pageSize * geometry.pages
    const length = size - start - 12
    if (length < 4 * geometry.pages || length > 4 * geometry.pages + 16) return 'the seal has changed'
    const bytes = new Uint8Array(length)
    await file.read(bytes, 0, length, start)
    if (crc32c(bytes) !== view.getUint32(8, true)) return 'the seal has changed'
    return { sums: new Uint32Array(bytes.slice(0, 4 * geometry.pages).buffer), geometry }
  } finally {
    await file.close()
  }
}

/** Takes the seal off a file that is going to be written. */
export async function unseal(path: string): Promise<void> {
  const { existsSync } = await import('node:fs')
  if (!existsSync(path)) return
  const found = await readSeal(path)
  if (found === null || typeof found === 'string') return
  const { truncate } = await import('node:fs/promises')
  await truncate(path, found.geometry.pageSize * found.geometry.pages)
}

/** Compares a sealed file with its seal. @returns whether it has one, and which pages have changed */
export async function checkSeal(path: string): Promise<{ sealed: boolean; damage: Damage[] }> {
  const found = await readSeal(path)
  if (found === null) return { sealed: false, damage: [] }
  if (typeof found === 'string')
    return { sealed: true, damage: [{ what: 'the seal', problem: found, repaired: false }] }
  const { sums, geometry } = found
  const { open } = await import('node:fs/promises')
  const file = await open(path, 'r')
  const damage: Damage[] = []
  try {
    const page = new Uint8Array(geometry.pageSize)
    for (let i = 0; i < geometry.pages; i++) {
      await file.read(page, 0, page.length, i * page.length)
      if (crc32c(page) !== sums[i])
        damage.push({
          what: `page ${i + 1}, bytes ${i * page.length} to ${(i + 1) * page.length - 1}`,
          problem: 'its checksum is wrong: the bytes have changed',
          repaired: false,
        })
    }
  } finally {
    await file.close()
  }
  return { sealed: true, damage }
}

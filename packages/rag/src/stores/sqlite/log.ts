// The log beside a store that was not closed (https://www.sqlite.org/fileformat2.html, 4.1 to 4.3). SQLite takes a log to end at the first
// frame whose checksum is wrong. That is right for the last transaction, which a crash may have cut off, and would lose without a word what
// was acknowledged if a byte changed further up: a transaction is on the disk before the next one begins.

import type { Damage } from '../store.ts'

export interface LogDamage extends Damage {
  /** False where it may as well be the last write, cut off before it was acknowledged. */
  readonly certain: boolean
}

const HEADER = 32
const FRAME_HEADER = 24
/** The first word of a log whose checksums are over little-endian words; a log of the other kind is left to SQLite. */
const LITTLE = 0x377f0682
/** Bytes that are read at once. */
const BLOCK = 1 << 20

/** What is damaged in the log of a store; undefined where there is none, or nothing is. */
export async function checkLog(path: string): Promise<LogDamage | undefined> {
  const found = await scan(path)
  if (!found) return undefined
  // Another process may have begun the log anew meanwhile: damage is there when one looks again.
  const again = await scan(path)
  return again?.what === found.what && again.begun === found.begun ? again : undefined
}

async function scan(path: string): Promise<(LogDamage & { begun: string }) | undefined> {
  const { open } = await import('node:fs/promises')
  const file = await open(`${path}-wal`, 'r').catch(() => undefined)
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    const bytes = new Uint8Array(HEADER)
    if (size <= HEADER) return undefined
    await file.read(bytes, 0, HEADER, 0)
    const header = new DataView(bytes.buffer)
    const begun = String(bytes)
    const sums = { a: 0, b: 0 }
    add(sums, new Uint32Array(bytes.buffer, 0, 6))
    if (header.getUint32(0) === LITTLE + 1) return undefined
    if (header.getUint32(0) !== LITTLE || sums.a !== header.getUint32(24) || sums.b !== header.getUint32(28)) {
      const problem = 'its checksum is wrong: the bytes have changed, and all that the log holds is lost'
      return { what: 'the log, its header', problem, repaired: false, certain: true, begun }
    }
    const frameSize = FRAME_HEADER + header.getUint32(8)
    const atOnce = Math.max(1, Math.floor(BLOCK / frameSize))
    const block = new Uint8Array(atOnce * frameSize)
    const frames = Math.floor((size - HEADER) / frameSize)
    let bad = 0
    /** Transactions that end behind the bad frame, and the last frame of the last of them. */
    let commits = 0
    let last = 0
    for (let first = 0; first < frames; first += atOnce) {
      const count = Math.min(atOnce, frames - first)
      await file.read(block, 0, count * frameSize, HEADER + first * frameSize)
      for (let i = 0; i < count; i++) {
        const frame = new DataView(block.buffer, i * frameSize, FRAME_HEADER)
        const ours = frame.getUint32(8) === header.getUint32(16) && frame.getUint32(12) === header.getUint32(20)
        if (bad === 0) {
          add(sums, new Uint32Array(block.buffer, i * frameSize, 2))
          add(sums, new Uint32Array(block.buffer, i * frameSize + FRAME_HEADER, (frameSize - FRAME_HEADER) / 4))
          if (ours && sums.a === frame.getUint32(16) && sums.b === frame.getUint32(20)) continue
          bad = first + i + 1
        }
        if (ours && frame.getUint32(4) !== 0) {
          commits++
          last = first + i + 1
        }
      }
    }
    if (commits === 0) return undefined
    const certain = commits > 1
    const what = `the log, frame ${bad}, bytes ${HEADER + (bad - 1) * frameSize} to ${HEADER + bad * frameSize - 1}`
    const problem = certain
      ? `its checksum is wrong: the bytes have changed, and writes up to frame ${last} are lost`
      : 'its checksum is wrong: the bytes of the last write have changed, or a crash cut it off'
    return { what, problem, repaired: false, certain, begun }
  } finally {
    await file.close()
  }
}

/** SQLite's checksum of a log goes on over some words, two at a time. */
function add(sums: { a: number; b: number }, words: Uint32Array): void {
  let { a, b } = sums
  for (let i = 0; i < words.length; i += 2) {
    a = (a + words[i] + b) | 0
    b = (b + words[i + 1] + a) | 0
  }
  sums.a = a >>> 0
  sums.b = b >>> 0
}

// A segment is one index as bytes: named typed arrays and a JSON value, each part under a checksum. Stores keep segments without
// knowing what is in them; whoever reads one gets every byte as it was written, or an error that names the part that changed.
//
//   'CAIRNSEG'  u32 bytes of the header  u32 CRC-32C of the header   header (JSON, padded with spaces)   sections, each padded
//
// All numbers are little endian; header and sections begin at multiples of 8, so arrays are views of the bytes, not copies.
import { crc32c } from './checksum.ts'
import { RagFormatError } from './errors.ts'

const types = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const

export type SegmentArray = Uint8Array | Int8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array

/** What a segment holds. */
export interface Segment {
  /** What kind of index this is, e.g. `lexical`, and the version of its layout. */
  kind: string
  version: number
  /** Anything that JSON can carry. */
  meta: unknown
  arrays: Record<string, SegmentArray>
}

interface Header {
  kind: string
  version: number
  meta: unknown
  sections: { name: string; type: keyof typeof types; bytes: number; crc: number }[]
}

const magic = new TextEncoder().encode('CAIRNSEG')
const headerAt = 16
const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8

/** The bytes of a segment. */
export function writeSegment({ kind, version, meta, arrays }: Segment): Uint8Array<ArrayBuffer> {
  const sections: { bytes: Uint8Array; name: string; type: keyof typeof types }[] = Object.entries(arrays).map(
    ([name, array]) => {
      const type = (Object.keys(types) as (keyof typeof types)[]).find(t => array instanceof types[t])!
      return { name, type, bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) }
    },
  )
  const header: Header = {
    kind,
    version,
    meta,
    sections: sections.map(({ name, type, bytes }) => ({ name, type, bytes: bytes.length, crc: crc32c(bytes) })),
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const start = headerAt + padded(json.length)
  const out = new Uint8Array(sections.reduce((size, { bytes }) => size + padded(bytes.length), start))
  out.set(magic)
  out.fill(0x20, headerAt, start)
  out.set(json, headerAt)
  const view = new DataView(out.buffer)
  view.setUint32(8, start - headerAt, true)
  view.setUint32(12, crc32c(out.subarray(headerAt, start)), true)
  let at = start
  for (const { bytes } of sections) {
    out.set(bytes, at)
    at += padded(bytes.length)
  }
  return out
}

/**
 * Reads a segment and checks every byte of it. The arrays are views of `bytes` where it is aligned to 8, else of a copy.
 * @throws RagFormatError that names the part that is damaged, missing or of another kind
 */
export function readSegment(bytes: Uint8Array, kind: string, version: number): Segment {
  const fail = (where: string, problem: string): never => {
    throw new RagFormatError(`${kind} segment`, where, problem)
  }
  if (bytes.length < headerAt) fail('byte 0', `${bytes.length} bytes are too few`)
  if (magic.some((byte, i) => bytes[i] !== byte)) fail('byte 0', 'this is not a segment')
  const whole = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength)
  const length = view.getUint32(8, true)
  if (length % 8 || length > whole.length - headerAt) fail('byte 8', `a header of ${length} bytes does not fit`)
  const json = whole.subarray(headerAt, headerAt + length)
  if (crc32c(json) !== view.getUint32(12, true)) fail('header', 'its checksum is wrong: the bytes have changed')
  // The checksum was right, so this is what writeSegment wrote.
  const header = JSON.parse(new TextDecoder().decode(json)) as Header
  if (header.kind !== kind) fail('header', `this is a ${header.kind} segment`)
  if (header.version !== version) fail('header', `version ${header.version}, and this program reads ${version}`)
  const arrays: Record<string, SegmentArray> = {}
  let at = headerAt + length
  for (const { name, type, bytes: size, crc } of header.sections) {
    const where = `section '${name}' at byte ${at}`
    if (padded(size) > whole.length - at) fail(where, `${size} bytes do not fit: the segment is cut off`)
    if (crc32c(whole.subarray(at, at + size)) !== crc) fail(where, 'its checksum is wrong: the bytes have changed')
    for (let i = at + size; i < at + padded(size); i++) if (whole[i] !== 0) fail(where, 'its padding has changed')
    const Type = types[type]
    arrays[name] = new Type(whole.buffer as ArrayBuffer, whole.byteOffset + at, size / Type.BYTES_PER_ELEMENT)
    at += padded(size)
  }
  if (at !== whole.length) fail(`byte ${at}`, `${whole.length - at} bytes too many`)
  return { kind, version, meta: header.meta, arrays }
}

// Protocol Buffers' wire format, as far as a reader needs it: https://protobuf.dev/programming-guides/encoding. A message is a table of fields by number;
// what a table does not name is skipped.

export class WireError extends Error {
  override name = 'WireError'
}

/** One field's content as it lies in the file. */
interface Entry {
  /** a varint, or the bits of a fixed number */
  readonly bits: bigint
  /** the content of a length-delimited field, else empty */
  readonly bytes: Uint8Array
  readonly packed: boolean
}

/** Reads one entry of a field into what the field holds so far. */
/** (A method's type, so that fields of all types fit one table.) */
export type Field<T> = { read(entry: Entry, before: T | undefined): T }['read']
type Fields = Readonly<Record<number, readonly [name: string, field: Field<unknown>]>>

const empty = new Uint8Array(0)
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

class Reader {
  at = 0
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
  get done(): boolean {
    return this.at >= this.bytes.length
  }
  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new WireError('the file ends inside of a number')
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw new WireError(`a number at byte ${this.at} has more than ten bytes`)
  }
  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at)
      throw new WireError(
        `${length} bytes are announced at byte ${this.at}, and ${this.bytes.length - this.at} are left`,
      )
    return this.bytes.subarray(this.at, (this.at += length))
  }
  entry(type: number): Entry {
    switch (type) {
      case 0:
        return { bits: this.varint(), bytes: empty, packed: false }
      case 1:
        return { bits: view(this.take(8)).getBigUint64(0, true), bytes: empty, packed: false }
      case 2:
        return { bits: 0n, bytes: this.take(Number(this.varint())), packed: true }
      case 5:
        return { bits: BigInt(view(this.take(4)).getUint32(0, true)), bytes: empty, packed: false }
      default:
        throw new WireError(`there is no wire type ${type} (byte ${this.at})`)
    }
  }
}

/** A message as an object: repeated fields are arrays, fields that do not occur are undefined. */
export function message<T>(bytes: Uint8Array, fields: Fields): Partial<T> {
  const reader = new Reader(bytes)
  const out: Record<string, unknown> = {}
  while (!reader.done) {
    const tag = Number(reader.varint())
    const entry = reader.entry(tag & 7)
    const known = fields[tag >>> 3]
    if (known) out[known[0]] = known[1](entry, out[known[0]])
  }
  return out as Partial<T>
}

const decoder = new TextDecoder()
const buffer = new DataView(new ArrayBuffer(8))

const signed = (bits: bigint): bigint => BigInt.asIntN(64, bits)
const single = (bits: bigint): number => {
  buffer.setUint32(0, Number(bits))
  return buffer.getFloat32(0)
}
const double = (bits: bigint): number => {
  buffer.setBigUint64(0, bits)
  return buffer.getFloat64(0)
}

export const int: Field<number> = ({ bits }) => Number(signed(bits))
export const float: Field<number> = ({ bits }) => single(bits)
export const text: Field<string> = ({ bytes }) => decoder.decode(bytes)
export const raw: Field<Uint8Array> = ({ bytes }) => bytes
export const one =
  <T>(read: (bytes: Uint8Array) => T): Field<T> =>
  ({ bytes }) =>
    read(bytes)

/** A repeated field of messages or strings. */
export const many =
  <T>(read: (bytes: Uint8Array) => T): Field<T[]> =>
  ({ bytes }, before = []) => {
    before.push(read(bytes))
    return before
  }
export const texts = many(bytes => decoder.decode(bytes))

/** A repeated field of numbers, packed or not. */
const numbers =
  <T>(type: 0 | 1 | 5, of: (bits: bigint) => T): Field<T[]> =>
  (entry, before = []) => {
    if (!entry.packed) before.push(of(entry.bits))
    else for (const reader = new Reader(entry.bytes); !reader.done; ) before.push(of(reader.entry(type).bits))
    return before
  }
export const bigints = numbers(0, signed)
export const ints = numbers(0, bits => Number(signed(bits)))
export const floats = numbers(5, single)
export const doubles = numbers(1, double)

// Just enough of Protocol Buffers to read and write sentencepiece's models: varints, 32-bit floats and byte strings.
import { TokenizerFormatError } from '../errors.ts'

/** One field of a message: a number (varint or fixed) or bytes. */
export type Field = { number: number; at: number; varint?: number; bytes?: Uint8Array; float?: number }

export function* readFields(bytes: Uint8Array, format: string, base = 0): Iterable<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const fail = (problem: string): never => {
    throw new TokenizerFormatError(format, `byte ${base + at}`, problem)
  }
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) fail('a number runs past the end')
      const byte = bytes[at++]
      // Above 2^53 the low bits are lost; such numbers are negative ones, which no field that we read has.
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return fail('a number of more than ten bytes')
  }
  while (at < bytes.length) {
    const start = at
    const tag = varint()
    const number = Math.floor(tag / 8)
    if (number === 0) fail('a field numbered 0')
    const wire = tag % 8
    if (wire === 0) yield { number, at: base + start, varint: varint() }
    else if (wire === 2) {
      const length = varint()
      if (length > bytes.length - at) fail(`a field of ${length} bytes, with ${bytes.length - at} left`)
      yield { number, at: base + start, bytes: bytes.subarray(at, at + length) }
      at += length
    } else if (wire === 5 || wire === 1) {
      const size = wire === 5 ? 4 : 8
      if (size > bytes.length - at) fail('a number runs past the end')
      yield { number, at: base + start, float: wire === 5 ? view.getFloat32(at, true) : view.getFloat64(at, true) }
      at += size
    } else fail(`an unknown wire type ${wire}`)
  }
}

/** Writes the fields of a message. */
export class FieldWriter {
  private readonly parts: Uint8Array[] = []

  varint(number: number, value: number): this {
    this.parts.push(Uint8Array.from([...varintBytes(number * 8), ...varintBytes(value)]))
    return this
  }

  float(number: number, value: number): this {
    const bytes = new Uint8Array(5)
    bytes[0] = number * 8 + 5
    new DataView(bytes.buffer).setFloat32(1, value, true)
    this.parts.push(bytes)
    return this
  }

  bytes(number: number, value: Uint8Array): this {
    this.parts.push(Uint8Array.from([...varintBytes(number * 8 + 2), ...varintBytes(value.length)]), value)
    return this
  }

  text(number: number, value: string): this {
    return this.bytes(number, new TextEncoder().encode(value))
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of this.parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
}

function varintBytes(value: number): number[] {
  const out: number[] = []
  while (value >= 0x80) {
    out.push((value % 0x80) | 0x80)
    value = Math.floor(value / 0x80)
  }
  out.push(value)
  return out
}

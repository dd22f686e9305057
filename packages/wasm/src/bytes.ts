// A growing byte buffer with the encodings of the WebAssembly binary format: LEB128 integers, floats, strings.

const scratch = new DataView(new ArrayBuffer(8))

export class Bytes {
  private buffer: Uint8Array<ArrayBuffer>
  length = 0

  constructor(capacity = 64) {
    this.buffer = new Uint8Array(capacity)
  }

  private reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.buffer.length) return
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
  }

  u8(value: number): this {
    if (this.length === this.buffer.length) this.reserve(1)
    this.buffer[this.length++] = value
    return this
  }

  /** Unsigned LEB128, up to 32 bits. */
  u32(value: number): this {
    value >>>= 0
    this.reserve(5)
    while (value > 0x7f) {
      this.buffer[this.length++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.buffer[this.length++] = value
    return this
  }

  /** Signed LEB128 of an i32; values from 2^31 to 2^32-1 are taken as their two's complement. */
  s32(value: number): this {
    value |= 0
    this.reserve(5)
    while (value > 63 || value < -64) {
      this.buffer[this.length++] = (value & 0x7f) | 0x80
      value >>= 7
    }
    this.buffer[this.length++] = value & 0x7f
    return this
  }

  /** Signed LEB128 of an i64. */
  s64(value: number | bigint): this {
    let v = BigInt.asIntN(64, BigInt(value))
    this.reserve(10)
    while (v > 63n || v < -64n) {
      this.buffer[this.length++] = Number(v & 0x7fn) | 0x80
      v >>= 7n
    }
    this.buffer[this.length++] = Number(v & 0x7fn)
    return this
  }

  f32(value: number): this {
    scratch.setFloat32(0, value, true)
    return this.scratch(4)
  }

  f64(value: number): this {
    scratch.setFloat64(0, value, true)
    return this.scratch(8)
  }

  private scratch(count: number): this {
    for (let i = 0; i < count; i++) this.u8(scratch.getUint8(i))
    return this
  }

  raw(bytes: ArrayLike<number>): this {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
    return this
  }

  append(other: Bytes): this {
    return this.raw(other.view())
  }

  /** A string as the format has it: byte length, then UTF-8. */
  name(text: string): this {
    const utf8 = new TextEncoder().encode(text)
    return this.u32(utf8.length).raw(utf8)
  }

  /** The bytes so far, without a copy: valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.length)
  }

  /** The bytes so far, as a copy. */
  toUint8Array(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.length)
  }
}

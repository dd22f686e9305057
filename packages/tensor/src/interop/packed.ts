// Small integers side by side in bytes, the first in the lowest bits: 4, 2 or 1 bit each. `Packed` is a view of such bytes that reads like the tensor
// of its integers; what it unpacks is described and no more, so a kernel that uses the values takes them out of the bytes itself.

import { CairnError, DTypeError, ShapeError } from '../errors.ts'
import { cast, positions } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { normalizeAxis, type Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

export type PackedBits = 1 | 2 | 4

function perByte(op: string, x: Tensor, bits: PackedBits): number {
  if (bits !== 1 && bits !== 2 && bits !== 4) throw new CairnError(op, `packs 1, 2 or 4 bits, not ${bits}`)
  if (x.ndim === 0) throw new ShapeError(op, 'needs at least one axis')
  return 8 / bits
}

/** u8 [..., n] of values below 2^bits (higher bits are dropped) to u8 [..., n bits / 8]. */
export function packBits(x: Tensor, bits: PackedBits): Tensor {
  const count = perByte('packBits', x, bits)
  if (x.dtype !== 'u8') throw new DTypeError('packBits', `needs u8, not ${x.dtype}; convert with .to('u8')`)
  const n = x.shape[x.ndim - 1]
  if (n % count)
    throw new ShapeError('packBits', `${n} values of ${bits} bits do not fill bytes; pad to a multiple of ${count}`)
  const apart = x
    .to('u32')
    .and(k(2 ** bits - 1))
    .unflatten(-1, [n / count, count])
  return Array.from({ length: count }, (_, i) => apart.select(-1, i).shiftLeft(k(i * bits)))
    .reduce((a, b) => a.or(b))
    .to('u8')
}

/** Undoes packBits. @param options.signed the values are two's complement, result i8 */
export function unpackBits(x: Tensor, bits: PackedBits, options: { readonly signed?: boolean } = {}): Tensor {
  const count = perByte('unpackBits', x, bits)
  if (x.dtype !== 'u8') throw new DTypeError('unpackBits', `needs u8, not ${x.dtype}`)
  const shape = [...x.shape, count]
  const shifts = cast(positions(shape, x.ndim, x.engine), 'u32').mul(k(bits))
  const values = x
    .to('u32')
    .unsqueeze(-1)
    .expand(shape)
    .shiftRight(shifts)
    .and(k(2 ** bits - 1))
  const flat = values.reshape([...x.shape.slice(0, -1), x.shape[x.ndim - 1] * count])
  if (!options.signed) return flat.to('u8')
  const half = 2 ** (bits - 1)
  return flat.bitcast('i32').xor(k(half)).sub(k(half)).to('i8')
}

/**
 * Integers of 4, 2 or 1 bits over a tensor of bytes: [..., n] over u8 [..., n bits / 8]. Views share the bytes.
 *
 * `unpack()` is lazy. Elementwise ops, reductions and gathers over it are one kernel that loads bytes: `packed.unpack().to('f32').mul(scale)` never lies
 * in memory by itself. A matrix product wants its operands in memory and makes the unpacked values first.
 */
export class Packed {
  readonly bytes: Tensor
  readonly bits: PackedBits
  /** two's complement: unpacks to i8, else to u8 */
  readonly signed: boolean

  /** @param bytes u8, at least one axis */
  constructor(bytes: Tensor, bits: PackedBits, options: { readonly signed?: boolean } = {}) {
    perByte('Packed', bytes, bits)
    if (bytes.dtype !== 'u8') throw new DTypeError('Packed', `needs u8, not ${bytes.dtype}`)
    this.bytes = bytes
    this.bits = bits
    this.signed = options.signed ?? false
  }

  /** Packs u8, or i8 for a signed result, along the last axis, whose size must fill whole bytes; higher bits are dropped. Keep the bytes: `packed.bytes.keep()`. */
  static pack(x: Tensor, bits: PackedBits): Packed {
    if (x.dtype !== 'u8' && x.dtype !== 'i8')
      throw new DTypeError('Packed.pack', `needs u8 or i8, not ${x.dtype}; convert with .to('u8')`)
    const low = x
      .to('i32')
      .and(k(2 ** bits - 1))
      .to('u8')
    return new Packed(packBits(low, bits), bits, { signed: x.dtype === 'i8' })
  }

  get shape(): Shape {
    const { shape } = this.bytes
    return [...shape.slice(0, -1), (shape[shape.length - 1] * 8) / this.bits]
  }
  get dtype(): 'i8' | 'u8' {
    return this.signed ? 'i8' : 'u8'
  }

  /** The integers, lazily: i8 where signed, else u8. */
  unpack(): Tensor {
    return unpackBits(this.bytes, this.bits, { signed: this.signed })
  }

  /** A part along an axis; along the last one, start and length must be whole bytes. */
  narrow(axis: number, start: number, length: number): Packed {
    const d = normalizeAxis('narrow', axis, this.bytes.ndim)
    const unit = d === this.bytes.ndim - 1 ? 8 / this.bits : 1
    if (start % unit || length % unit)
      throw new ShapeError('narrow', `${start} and ${length} values of ${this.bits} bits are not whole bytes`, { axis })
    return this.#view(this.bytes.narrow(d, start / unit, length / unit))
  }
  /** Rows by number, along an axis before the last. @param index integers [count] */
  indexSelect(axis: number, index: Tensor): Packed {
    const d = normalizeAxis('indexSelect', axis, this.bytes.ndim)
    if (d === this.bytes.ndim - 1) throw new ShapeError('indexSelect', 'the packed axis has no single values', { axis })
    return this.#view(this.bytes.indexSelect(d, index))
  }
  #view(bytes: Tensor): Packed {
    return new Packed(bytes, this.bits, { signed: this.signed })
  }
}

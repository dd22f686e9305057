// Small unsigned integers side by side in bytes, the first in the lowest bits: 4, 2 or 1 bit each.

import { CairnError, DTypeError, ShapeError } from '../errors.ts'
import { k } from '../ops/operand.ts'
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
  const places = x.zerosLike().to('u32').unsqueeze(-1).expand(shape)
  const shifts = places.onesLike().cumsum(-1).sub(k(1)).mul(k(bits))
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

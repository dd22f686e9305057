// Values made from nothing: positions and random bits.

import { positions } from '../ops/build.ts'
import { k } from '../ops/operand.ts'
import { sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import type { Primitive } from './types.ts'

/** i32 positions along `axis` of the result. */
const iota: Primitive = {
  family: 'source',
  infer: (_, __, shape) => ({ shape: shape!, dtype: 'i32' }),
  batch: ({ again }) => again([]),
}

/**
 * 32 random bits an element: the first word of Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011) under a 64-bit key, counting (element, draw). Sources: key low, key high, draw: 0-d u32, so they are data.
 */
const randomBits: Primitive = {
  family: 'source',
  infer: (_, __, shape) => ({ shape: shape!, dtype: 'u32' }),
  random: true,
  batch({ size, sources, shape, again }) {
    const values = sources.map(s => s.value)
    if (!sources.some(s => s.batched)) return again(values, undefined, [size, ...shape])
    // a key or a count of its own for each example: each draws what it would draw alone
    const [low, high, draw] = sources.map(({ value, batched }) =>
      value.reshape([batched ? size : 1, 1]).expand([size, 1]),
    )
    const count = sizeOf(shape)
    const places = positions([size, count], 1, values[0].engine).to('u32')
    return threefryOf([low, high], places, draw.expand([size, count])).reshape([size, ...shape])
  },
}

export const threefryParity = 0x1bd11bda
export const threefryRotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const

/** Five groups of four rounds, a key injection after each; lower.ts builds the same steps as kernel expressions. */
export function threefry(key0: number, key1: number, count0: number, count1: number): number {
  const keys = [key0 | 0, key1 | 0, threefryParity ^ key0 ^ key1]
  let x = (count0 + keys[0]) | 0
  let y = (count1 + keys[1]) | 0
  for (let group = 0; group < 5; group++) {
    for (const turn of threefryRotations[group % 2]) {
      x = (x + y) | 0
      y = ((y << turn) | (y >>> (32 - turn))) ^ x
    }
    x = (x + keys[(group + 1) % 3]) | 0
    y = (y + keys[(group + 2) % 3] + group + 1) | 0
  }
  return x >>> 0
}

/** The same in tensor ops: all of one shape, u32; keys may be [size, 1]. */
function threefryOf([key0, key1]: readonly Tensor[], count0: Tensor, count1: Tensor): Tensor {
  const keys = [key0, key1, key0.xor(key1).xor(k(threefryParity))]
  let x = count0.add(keys[0])
  let y = count1.add(keys[1])
  for (let group = 0; group < 5; group++) {
    for (const turn of threefryRotations[group % 2]) {
      x = x.add(y)
      y = y
        .shiftLeft(k(turn))
        .or(y.shiftRight(k(32 - turn)))
        .xor(x)
    }
    x = x.add(keys[(group + 1) % 3])
    y = y.add(keys[(group + 2) % 3]).add(k(group + 1))
  }
  return x
}

export const source = { iota, randomBits }

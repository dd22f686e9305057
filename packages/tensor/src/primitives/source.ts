// Values made from nothing: positions and random bits.

import type { Primitive } from './types.ts'

/** i32 positions along `axis` of the result. */
const iota: Primitive = {
  family: 'source',
  infer: (_, __, shape) => ({ shape: shape!, dtype: 'i32' }),
  evaluate(_, out, { axis }) {
    const inner = out.shape.slice(axis! + 1).reduce((a, b) => a * b, 1)
    for (let i = 0; i < out.data.length; i++) out.data[i] = Math.floor(i / inner) % out.shape[axis!]
  },
}

/**
 * 32 random bits an element: the first word of Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011) under a 64-bit key, counting (element, draw). Sources: key low, key high, draw: 0-d u32, so they are data.
 */
const randomBits: Primitive = {
  family: 'source',
  infer: (_, __, shape) => ({ shape: shape!, dtype: 'u32' }),
  evaluate([low, high, draw], out) {
    for (let i = 0; i < out.data.length; i++) out.data[i] = threefry(low.data[0], high.data[0], i, draw.data[0])
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

export const source = { iota, randomBits }

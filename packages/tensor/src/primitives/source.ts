// Values made from nothing: positions and random bits.

import type { Primitive } from './types.ts'

/** i32 positions along `axis` of the result. */
const iota: Primitive = {
  family: 'source',
  infer: (_, __, shape) => ({ shape: shape!, dtype: 'i32' }),
}

/**
 * 32 random bits an element: of Threefry (kernel/threefry.ts) under a 64-bit key, counting (element, draw). Sources: key low, key high, draw: 0-d u32, so they are data.
 */
const randomBits: Primitive = {
  family: 'source',
  infer: (_, __, shape) => ({ shape: shape!, dtype: 'u32' }),
  random: true,
}

export const source = { iota, randomBits }

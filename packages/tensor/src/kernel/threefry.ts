// The generator of random bits: the first word of Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

export const threefryParity = 0x1bd11bda
export const threefryRotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const

/** Five groups of four rounds, a key injection after each; graph/emit.ts makes the same steps of kernel expressions. */
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

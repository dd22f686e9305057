// Comparing numbers: |a - b| <= absolute + relative |b|; NaN equals NaN, an infinity only itself.

import { testSeed } from './random.ts'

export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

export const exact: Tolerance = { absolute: 0, relative: 0 }
/** what f32 results of different summation orders are allowed to differ by */
export const single: Tolerance = { absolute: 1e-5, relative: 1e-4 }

const fits = (a: number, b: number, { absolute, relative }: Tolerance): boolean =>
  Number.isNaN(b)
    ? Number.isNaN(a)
    : Number.isFinite(b)
      ? Math.abs(a - b) <= absolute + relative * Math.abs(b)
      : a === b

/** @throws naming the first element that differs, and the seed */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what: string,
): void {
  const seed = `(seed ${testSeed})`
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} elements, expected ${expected.length} ${seed}`)
  for (let i = 0; i < expected.length; i++)
    if (!fits(actual[i], expected[i], tolerance))
      throw new Error(`${what}: element ${i} is ${actual[i]}, expected ${expected[i]} ${seed}`)
}
